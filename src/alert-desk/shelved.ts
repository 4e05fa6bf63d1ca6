import type { Shelf } from '../messages/alert-handling.ts';
import type { EventKind } from '../messages/scene-constants.ts';

/** The part of an alert that says whether it is shelved. */
export interface Shelvable {
  readonly cameraId: string;
  /** Of the incidents that it is the alert about; empty for an alert about a group. */
  readonly kinds: readonly EventKind[];
}

/** Whether an alert is shelved at a time (epoch ms). */
export type IsShelved = (alert: Shelvable, at: number) => boolean;

/**
 * Whether `shelves` keep an alert from being announced at a time (epoch ms). An alert of several kinds is shelved only
 * when each of them is: another danger on the same frame is never hidden. Pure.
 */
export function isShelved(shelves: readonly Shelf[], { cameraId, kinds }: Shelvable, at: number): boolean {
  const now = shelves.filter((shelf) => isFor(shelf, cameraId) && Date.parse(shelf.until) > at);
  if (now.some(({ kind }) => kind === null)) return true;
  return kinds.length > 0 && kinds.every((each) => now.some(({ kind }) => kind === each));
}

const isFor = (shelf: Shelf, cameraId: string): boolean => shelf.cameraId === null || shelf.cameraId === cameraId;

/** The part of an alert that says of which kinds it is. */
interface WithIncidents {
  readonly requestId: string;
  readonly incidents: readonly { readonly kind: EventKind; readonly alertId?: string | undefined }[];
}

/** The kinds of the incidents that a frame is the alert about, each once; empty for an alert about a group. Pure. */
export const alertKinds = ({ requestId, incidents }: WithIncidents): EventKind[] => [
  ...new Set(incidents.filter(({ alertId }) => alertId === requestId).map(({ kind }) => kind)),
];
