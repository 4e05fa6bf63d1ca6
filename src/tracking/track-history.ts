import { moving, predict, speedOf, standing, type MotionState } from './motion-filter.ts';
import { MOTION, SLOW, STANDING_GAP } from './road-users.ts';
import type { Moment, TrackState } from './track-state.types.ts';
import { HISTORY_SECONDS, type TrackPoint } from './tracking.types.ts';

/** Sightings older than this before the newest change no more by smoothing, ms. */
const SETTLED_MS = 3_000;
/** They are settled when the oldest is so old, ms: not one by one. */
const SETTLE_AT_MS = 4_500;
/** Of many sightings in a short time the newest are enough: from so many on, so many are left. */
const MOST_MOMENTS = 20;
const FEWEST_MOMENTS = 12;
/** Settled points older than so many ms before the newest lie at least `THIN_MS` apart. */
const THIN_AFTER_MS = 14_000;
const THIN_MS = 400;
/** Most settled points of a track; beyond it the oldest are dropped. */
const MOST_SETTLED = 240;

/** A state as a point. `heading` is used for one that is too slow to show its own. */
function pointOf(
  { mean, cov }: MotionState,
  at: number,
  { box, isRiding }: Pick<TrackPoint, 'box' | 'isRiding'>,
  heading: number | null,
): TrackPoint {
  const [x = 0, y = 0, vx = 0, vy = 0, ax = 0, ay = 0] = mean;
  const speed = Math.hypot(vx, vy);
  const angle = speed >= SLOW || heading === null ? Math.atan2(vy, vx) : heading;
  const [ux, uy] = [Math.cos(angle), Math.sin(angle)];
  const sd = (row: number): number => {
    const along =
      ux * ux * (cov[row * 7] ?? 0) + 2 * ux * uy * (cov[row * 7 + 1] ?? 0) + uy * uy * (cov[row * 7 + 7] ?? 0);
    return Math.sqrt(Math.max(0, along));
  };
  return {
    at,
    place: [x, y],
    velocity: [vx, vy],
    acceleration: ax * ux + ay * uy,
    sd: { place: sd(0), speed: sd(2), acceleration: sd(4) },
    box,
    isRiding,
  };
}

const UNSEEN = { box: null, isRiding: null };

const known = new WeakMap<readonly Moment[], readonly TrackPoint[]>();

/** Computed once for the same sightings. */
function smoothedPoints(moments: readonly Moment[]): readonly TrackPoint[] {
  const points = known.get(moments) ?? smoothedAnew(moments);
  known.set(moments, points);
  return points;
}

function smoothedAnew(moments: readonly Moment[]): readonly TrackPoint[] {
  const points: TrackPoint[] = [];
  let later: MotionState | null = null;
  for (let i = moments.length - 1; i >= 0; i--) {
    const moment = moments[i];
    if (moment === undefined) continue;
    const next = moments[i + 1]?.step ?? null;
    const state: MotionState = later === null || next === null ? moment.filtered : next.smoothed(later);
    points.push(pointOf(state, moment.at, moment, moment.heading));
    later = state;
  }
  return points.toReversed();
}

function thinned(points: readonly TrackPoint[], newestAt: number): readonly TrackPoint[] {
  const kept: TrackPoint[] = [];
  for (const point of points) {
    const age = newestAt - point.at;
    if (age > HISTORY_SECONDS * 1_000) continue;
    const before = kept.at(-1);
    if (age > THIN_AFTER_MS && before !== undefined && point.at - before.at < THIN_MS) continue;
    kept.push(point);
  }
  return kept.slice(-MOST_SETTLED);
}

/** Settles the sightings that will hardly change, so that a track's memory is bounded. */
export function settle(track: TrackState): TrackState {
  const oldest = track.moments[0];
  const isMany = track.moments.length > MOST_MOMENTS;
  if (oldest === undefined || (!isMany && track.seenAt - oldest.at < SETTLE_AT_MS)) return track;
  const points = smoothedPoints(track.moments);
  const old = track.moments.findIndex(({ at }) => track.seenAt - at < SETTLED_MS);
  const first = Math.max(old, isMany ? track.moments.length - FEWEST_MOMENTS : 0);
  const moments = track.moments.slice(first);
  // Smoothing goes back in time: those that are left don't depend on the settled ones.
  known.set(moments, points.slice(first));
  return {
    ...track,
    moments,
    settled: thinned([...track.settled, ...points.slice(0, first)], track.seenAt),
  };
}

/** All points of a track up to the frame at `at`; the last is predicted when it was not seen in it. */
export function historyOf(track: TrackState, at: number): readonly TrackPoint[] {
  const settled = track.settled.filter((point) => at - point.at <= HISTORY_SECONDS * 1_000);
  const points = [...settled, ...smoothedPoints(track.moments)];
  const last = track.moments.at(-1);
  if (last === undefined || last.at >= at) return points;
  const seconds = (at - last.at) / 1_000;
  const stands = seconds > STANDING_GAP && speedOf(last.filtered) < SLOW;
  const state = predict(last.filtered, stands ? standing : moving(MOTION[track.kind], seconds));
  return [...points, pointOf(state, at, UNSEEN, last.heading)];
}
