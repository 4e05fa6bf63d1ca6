import type { EventKind } from '../messages/scene-constants.ts';
import type { RoadTrack, TrackPoint } from '../tracking/tracking.types.ts';
import type { TrafficView } from './events.types.ts';
import type { Interest } from './interest.ts';
import { degreesBetween, isMotor, isVehicle, KMH, speedOf } from './places.ts';

/** Pictures a second that show an event of one road user; a state lasts, a turn is seen well by fewer. */
const STATE_FPS = 5;
const TURN_FPS = 3;
/** Looked at: from so long before it was seen last, and on, ms. */
const BEFORE_MS = 1_500;
const AFTER_MS = 500;
/** One that was lost for longer is looked for no more, ms. */
const LOST_MS = 2_500;
/** Going against the lane is rarer than being fast. */
const VALUES = { 'wrong-way': 0.5, 'shoulder-use': 0.5, speeding: 0.3, 'u-turn': 0.4 } as const;
/** One that was seen so often is known well: more pictures tell little more of its state. */
const KNOWN_HITS = 8;
/** An ordinary corner turns by less; within so many ms, at such speeds, m/s. */
const CORNER_DEGREES = 105;
const TURN_MS = 8_000;
const TURN_SPEEDS = { least: 1.5, most: 8 } as const;

type Suspect = keyof typeof VALUES;

/**
 * Stretches of time that are worth more pictures for the sake of events of one road user that seem to begin: soon there
 * is enough to tell. Pure. Nothing for an incident that is open.
 */
export const interestsOfPlaces = (view: TrafficView): readonly Interest[] =>
  view.tracks.flatMap((track) => interestOf(track, view) ?? []);

function interestOf(track: RoadTrack, view: TrafficView): Interest | null {
  const last = track.history.findLast(({ box }) => box !== null);
  if (!isVehicle(track) || last === undefined || view.at - last.at > LOST_MS) return null;
  const kind = suspicionOf(track, last, view);
  if (kind === null || !view.thresholds[kind].enabled || view.isOpen(kind, [track.trackId])) return null;
  const fps = kind === 'u-turn' ? TURN_FPS : STATE_FPS;
  return { from: last.at - BEFORE_MS, to: view.at + AFTER_MS, value: VALUES[kind] * track.confidence, fps };
}

/** Kinds of which the newest point alone gives reason to think. */
function suspicionOf(track: RoadTrack, last: TrackPoint, view: TrafficView): (Suspect & EventKind) | null {
  if (isMotor(track) && track.hits < KNOWN_HITS) {
    const speed = speedOf(last) - last.sd.speed;
    const at = (kind: 'wrong-way' | 'shoulder-use'): number => view.thresholds[kind].minSpeedKmh / KMH;
    const lanes = view.scene.zonesAt(last.place, 'lane').filter(({ direction }) => direction !== null);
    const isAgainst = lanes.every(
      ({ direction }) =>
        direction !== null && (degreesBetween(direction, last.velocity) ?? 0) > view.thresholds['wrong-way'].minDegrees,
    );
    if (lanes.length > 0 && isAgainst && speed > at('wrong-way')) return 'wrong-way';
    const isBeside = view.scene.zonesAt(last.place, 'shoulder').length > 0;
    if (isBeside && speed > at('shoulder-use')) return 'shoulder-use';
    const limit = view.scene.limitKmhAt(last.place);
    if (limit !== null && speed * KMH > limit * view.thresholds.speeding.minLimitRatio) return 'speeding';
  }
  return isTurningRound(track, last) ? 'u-turn' : null;
}

function isTurningRound({ history }: RoadTrack, last: TrackPoint): boolean {
  const moves = (point: TrackPoint): boolean =>
    point.box !== null && speedOf(point) > TURN_SPEEDS.least && last.at - point.at <= TURN_MS;
  if (!moves(last) || speedOf(last) > TURN_SPEEDS.most) return false;
  return history.some((point) => moves(point) && (degreesBetween(point.velocity, last.velocity) ?? 0) > CORNER_DEGREES);
}
