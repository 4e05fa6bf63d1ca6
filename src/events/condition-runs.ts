import { footPixel } from '../scene/box-foot.ts';
import type { Metres, RoadPlane } from '../scene/scene.types.ts';
import type { TrackPoint } from '../tracking/tracking.types.ts';

/** Whether a condition holds at a point. `maybe`: within the error, so it neither starts nor ends a run. */
export type Holding = 'yes' | 'maybe' | 'no';

/** A stretch of a history in which a condition held. */
export interface Run {
  /** Oldest first; those in doubt within the run are among them. */
  readonly points: readonly TrackPoint[];
  /** Epoch ms of the first and the last point that say yes. */
  readonly from: number;
  readonly to: number;
  /** Null while it may go on; otherwise `to`. */
  readonly endedAt: number | null;
  /** Those that say yes, of all. */
  readonly sure: number;
}

/** A run that ended longer ago was found then. */
const ENDED_WITHIN_MS = 4_000;
/** Points closer together than this say the same. */
const APART_MS = 290;
/** How far back the beginning of a run is looked for. */
const LOOK_MS = 20_000;

/**
 * The latest run of a condition in a history that ended no more than four seconds before its newest point. Predicted
 * points are left out. Null without one.
 */
export function lastRun(history: readonly TrackPoint[], holds: (point: TrackPoint) => Holding): Run | null {
  const newest = history.at(-1)?.at ?? 0;
  const found: { point: TrackPoint; isSure: boolean }[] = [];
  let isOver = false;
  for (const point of backwards(history)) {
    const isWithin = found.length > 0;
    if (newest - point.at > (isWithin ? LOOK_MS : ENDED_WITHIN_MS)) break;
    const says = holds(point);
    if (says === 'no' && isWithin) break;
    isOver ||= says === 'no';
    if (says === 'yes' || (says === 'maybe' && isWithin)) found.push({ point, isSure: says === 'yes' });
  }
  return runOf(found.slice(0, found.findLastIndex(({ isSure }) => isSure) + 1).toReversed(), isOver);
}

function runOf(found: readonly { point: TrackPoint; isSure: boolean }[], isOver: boolean): Run | null {
  const [from, to] = [found[0]?.point, found.at(-1)?.point];
  if (from === undefined || to === undefined) return null;
  return {
    points: found.map(({ point }) => point),
    from: from.at,
    to: to.at,
    endedAt: isOver ? to.at : null,
    sure: found.filter(({ isSure }) => isSure).length / found.length,
  };
}

/** Points that were seen, newest first, a little apart. */
function* backwards(history: readonly TrackPoint[]): Generator<TrackPoint> {
  let last = Infinity;
  for (let i = history.length - 1; i >= 0; i--) {
    const point = history[i];
    if (point === undefined || point.box === null || last - point.at < APART_MS) continue;
    last = point.at;
    yield point;
  }
}

/** True when a run is long enough, and most of it without doubt. */
export const lasts = (run: Run, seconds: number): boolean => run.to - run.from >= seconds * 1_000 && run.sure >= 0.5;

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[middle - 1] ?? NaN, sorted[middle] ?? NaN];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
};

/** Where the foot of a box lies on the road, not smoothed, m. Null without a box, and for one above the horizon. */
export const footOf = ({ box }: TrackPoint, plane: RoadPlane): Metres | null =>
  box === null ? null : plane.toRoad(footPixel(box));

/** Steps shorter than so many ms say little of a velocity. */
const STEP_MS = 280;

/**
 * Velocities between one box and the next, m/s, oldest first: not smoothed. Where a track has mixed up two road users,
 * its smoothed points drive from one to the other, but its boxes stand and jump.
 */
export function rawVelocities(points: readonly TrackPoint[], plane: RoadPlane): readonly Metres[] {
  const found: Metres[] = [];
  let before: { readonly at: number; readonly foot: Metres } | null = null;
  for (const point of points) {
    const foot = footOf(point, plane);
    if (foot === null || (before !== null && point.at - before.at < STEP_MS)) continue;
    if (before !== null) {
      const seconds = (point.at - before.at) / 1_000;
      found.push([(foot[0] - before.foot[0]) / seconds, (foot[1] - before.foot[1]) / seconds]);
    }
    before = { at: point.at, foot };
  }
  return found;
}
