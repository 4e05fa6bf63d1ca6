import { clipped } from '../messages/bounds.ts';
import type { Release } from '../messages/release.ts';
import { chosenCameras } from './way-of.ts';
import { ReleaseError } from './release-error.ts';

/** Fields that whoever starts a release chooses. */
export type ReleaseOrder = Pick<Release, 'releaseId' | 'changes' | 'mode' | 'by' | 'percent' | 'budget' | 'limits'>;
/** A change of a running release; fields that are left out stay. */
export type ReleasePatch = Partial<Pick<Release, 'percent' | 'budget' | 'limits'>>;

/** A change's author and time. */
export interface Change {
  readonly by: string;
  /** Epoch ms. */
  readonly at: number;
}

const NO_CAMERAS: Release['cameras'] = { in: [], out: [] };

export const started = (order: ReleaseOrder, cameraIds: readonly string[], { by, at }: Change): Release => {
  const time = new Date(at).toISOString();
  return {
    ...order,
    cameras: camerasOf(order, cameraIds),
    state: 'running',
    reason: null,
    createdAt: time,
    createdBy: by,
    changedAt: time,
    changedBy: by,
  };
};

/** Throws a {@link ReleaseError} when it does not run. */
export function patched(release: Release, patch: ReleasePatch, cameraIds: readonly string[], change: Change): Release {
  if (release.state !== 'running') throw ended(release);
  const next = { ...release, ...patch };
  const cameras = patch.percent === undefined ? release.cameras : camerasOf(next, cameraIds);
  return touched({ ...next, cameras }, change);
}

/** The same one when it is promoted already. Throws a {@link ReleaseError} when it was rolled back. */
export function promoted(release: Release, change: Change): Release {
  if (release.state === 'promoted') return release;
  if (release.state === 'rolled-back') throw ended(release);
  return touched({ ...release, state: 'promoted', cameras: NO_CAMERAS, reason: null }, change);
}

/** The same one when it was rolled back already. */
export const rolledBack = (release: Release, reason: string, change: Change): Release =>
  release.state === 'rolled-back'
    ? release
    : touched({ ...release, state: 'rolled-back', cameras: NO_CAMERAS, reason: clipped(reason) }, change);

const camerasOf = ({ releaseId, by, percent }: Release | ReleaseOrder, ids: readonly string[]): Release['cameras'] =>
  by === 'camera' ? chosenCameras(releaseId, percent, ids) : NO_CAMERAS;

/** Times of changes only grow: the order of promotions is theirs, and clocks of nodes differ. */
const touched = (release: Release, { by, at }: Change): Release => ({
  ...release,
  changedAt: new Date(Math.max(at, Date.parse(release.changedAt))).toISOString(),
  changedBy: by,
});

const ended = ({ releaseId, state }: Release): ReleaseError =>
  new ReleaseError('ended', releaseId, `the release ${releaseId} is ${state}: start another one`);
