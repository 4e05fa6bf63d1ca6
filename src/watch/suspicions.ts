import type { Interest } from '../events/interest.ts';
import { speedOf } from '../events/places.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';

/** Vehicles that were slower are followed well by regular frames; m/s, and for persons. */
const SLOW_MPS = 3;
const SLOW_WALK_MPS = 0.5;
/** A road user that moved this recently may move again, s. */
const RECENT_SECONDS = 2.5;
/** Turning faster than this is looked at, radians a second. */
const TURNING = 0.45;
/** Newly seen road users are looked at for so long, that they be believed soon, s. */
const NEW_SECONDS = 2;
/** Pictures a second that show how anything moves. */
const COARSE_FPS = 3;
/** Frames between the regular ones, for tracks to be followed well: only from savings. */
const FILL_VALUE = 0.05;
const TURNING_VALUE = 0.3;
const NEW_VALUE = 0.15;

/**
 * Stretches of time that are worth a look so that tracks are followed well; for the sake of events,
 * `src/events/interest.ts` tells of others. Pure. `regularMs`: between regular frames.
 */
export function suspicions(tracks: readonly RoadTrack[], at: number, regularMs: number): readonly Interest[] {
  const seen = tracks.filter(({ seenAt, isRider }) => !isRider && at - seenAt <= 1.5 * regularMs);
  const moving = seen.filter((track) => isMoving(track, at));
  if (moving.length === 0) return [];
  return [
    ...moving.flatMap((track) => [...turning(track, at), ...isNew(track, at)]),
    { from: at - 2 * regularMs, to: at, value: FILL_VALUE, fps: COARSE_FPS },
  ];
}

const isMoving = ({ kind, history }: RoadTrack, at: number): boolean =>
  history.some(
    (point) =>
      at - point.at <= RECENT_SECONDS * 1_000 && speedOf(point) > (kind === 'person' ? SLOW_WALK_MPS : SLOW_MPS),
  );

/** The moment about so many ms before the newest; undefined: it was not there yet. */
const earlier = ({ history }: RoadTrack, at: number, ms: number): TrackPoint | undefined =>
  history.findLast((point) => at - point.at >= ms - 60);

function turning(track: RoadTrack, at: number): readonly Interest[] {
  const [last, before] = [track.history.at(-1), earlier(track, at, 1_000)];
  if (track.kind === 'person' || last === undefined || before === undefined) return [];
  if (speedOf(last) < 1.5 || speedOf(before) < 1.5 || last.at - before.at > 2_500) return [];
  const turn = Math.abs(turnBetween(before, last)) / ((last.at - before.at) / 1_000);
  return turn < TURNING ? [] : [{ from: at - 1_000, to: at, value: TURNING_VALUE, fps: COARSE_FPS }];
}

function turnBetween(a: TrackPoint, b: TrackPoint): number {
  const [ax, ay, bx, by] = [...a.velocity, ...b.velocity];
  return Math.atan2(ax * by - ay * bx, ax * bx + ay * by);
}

function isNew({ bornAt, confidence }: RoadTrack, at: number): readonly Interest[] {
  if (at - bornAt > NEW_SECONDS * 1_000) return [];
  return [{ from: bornAt, to: at, value: NEW_VALUE * confidence, fps: COARSE_FPS }];
}
