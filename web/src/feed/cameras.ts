/**
 * The cameras as the page knows them. Each camera has cells of its own, so that a view which reads one camera is not
 * touched by the messages of the others.
 */
import { type Accessor, batch, createSignal, type Setter } from 'solid-js';
import type { CameraView as ServerView } from '../../../src/http/schemas/cameras-schema.ts';
import type { Aggregate } from '../../../src/messages/aggregate.ts';
import type { CameraStatus } from '../../../src/messages/camera.ts';
import { isNewer } from '../picture/risk.ts';

/** A camera as the API shows it. */
export type CameraView = ServerView;

export interface CameraCell {
  readonly cameraId: string;
  /** Null until the list that has it arrived. */
  readonly view: Accessor<CameraView | null>;
  readonly status: Accessor<CameraStatus | null>;
  /** The newest frame heard of. */
  readonly frame: Accessor<Aggregate | null>;
}

interface OwnCell extends CameraCell {
  readonly setView: Setter<CameraView | null>;
  readonly setStatus: Setter<CameraStatus | null>;
  readonly setFrame: Setter<Aggregate | null>;
}

/** Frames of cameras that no list has are kept for this many cameras. */
const MOST_UNLISTED = 1_000;

const byName = new Intl.Collator(undefined, { numeric: true });
const cells = new Map<string, OwnCell>();
const [ids, setIds] = createSignal<readonly string[]>([]);
const [listed, setListed] = createSignal(false);
const [views, setViews] = createSignal<ReadonlyMap<string, CameraView>>(new Map());

/** Ids of all cameras in scope, in the order of their ids. Changes only when one is added or removed. */
export const cameraIds = ids;
/** Whether a list arrived. */
export const camerasListed = listed;
/** All cameras by id, as of the last list. */
export const cameraViews = views;

export const nameOf = (cameraId: string): string => views().get(cameraId)?.name ?? cameraId;

/** The groups of cameras that are in use, in the order of their names. */
export const groupNames = (): string[] =>
  [...new Set([...views().values()].flatMap((view) => view.groups ?? []))].toSorted(byName.compare);

/** The cell of a camera; of one that is not known too, with nothing in it yet. */
export const cameraCell = (cameraId: string): CameraCell => cellOf(cameraId);

function cellOf(cameraId: string): OwnCell {
  const known = cells.get(cameraId);
  if (known !== undefined) return known;
  const [view, setView] = createSignal<CameraView | null>(null, { equals: sameJson });
  const [status, setStatus] = createSignal<CameraStatus | null>(null, { equals: sameJson });
  const [frame, setFrame] = createSignal<Aggregate | null>(null);
  const cell = { cameraId, view, setView, status, setStatus, frame, setFrame };
  cells.set(cameraId, cell);
  return cell;
}

const sameJson = (a: unknown, b: unknown): boolean => a === b || JSON.stringify(a) === JSON.stringify(b);

/** Takes a list of the API: the cameras that it lacks are gone. */
export function takeList(list: readonly CameraView[]): void {
  const sorted = list.toSorted((a, b) => byName.compare(a.cameraId, b.cameraId));
  const next = sorted.map(({ cameraId }) => cameraId);
  batch(() => {
    const present = new Set(next);
    for (const [id, cell] of cells) {
      if (present.has(id)) continue;
      cell.setView(null);
      cell.setStatus(null);
      cell.setFrame(null);
      cells.delete(id);
    }
    for (const view of sorted) {
      const cell = cellOf(view.cameraId);
      cell.setView(view);
      cell.setStatus(view.enabled ? view.status : { ...view.status, state: 'offline', message: 'switched off' });
    }
    setViews(new Map(sorted.map((view) => [view.cameraId, view])));
    if (next.length !== ids().length || next.some((id, index) => id !== ids()[index])) setIds(next);
    setListed(true);
  });
}

/** Takes a frame unless a later one is known. Returns false when no list has its camera. */
export function takeFrame(aggregate: Aggregate): boolean {
  const known = views().has(aggregate.cameraId);
  if (!known && !cells.has(aggregate.cameraId) && cells.size >= ids().length + MOST_UNLISTED) return false;
  const cell = cellOf(aggregate.cameraId);
  const newest = cell.frame();
  if (newest === null || isNewer(aggregate, newest)) cell.setFrame(aggregate);
  return known;
}

/** Returns false when no list has its camera. */
export function takeStatus(status: CameraStatus): boolean {
  const view = views().get(status.cameraId);
  if (view === undefined) return false;
  if (view.enabled) cellOf(status.cameraId).setStatus(status);
  return true;
}
