import type { RoadTrack } from '../tracking/tracking.types.ts';
import { encountersOf, isLookedAt, type Encounter } from './encounters.ts';
import type { TrafficView } from './events.types.ts';

/** A stretch of time that is worth more pictures, for the sake of an event that they may show. */
export interface Interest {
  /** Epoch ms; `to` may lie in the future. */
  readonly from: number;
  readonly to: number;
  /** 0..1: how likely an event is that more pictures would show. */
  readonly value: number;
  /** Pictures a second that are enough; as many as can be had when absent. */
  readonly fps?: number;
}

/** Errors of boxes less than 0.2 s apart are nearly the same: more pictures tell little more. */
const FPS = 5;
/** Ordinary braking is under this as seen from frame to frame, m/s². */
const ORDINARY = 2.8;
/** From here on it is hardly ordinary, m/s². */
const HARD = 5.5;
/** At this speed braking begins to matter, m/s. */
const LEAST_SPEED = 4;
/** Before the last frame in which a vehicle was fast, and after what is to be seen, ms. */
const MARGIN_MS = 700;
/** Times to collision and relative speeds under and above which a pair is looked at: s, m/s. */
const SHORT_TTC = 1.8;
const CLOSING = 2.5;
/** Older moments were looked at, or were not worth a look, ms. */
const RECENT_MS = 3500;

/** A vehicle lost more speed from one frame to the next than in ordinary braking. */
function braking(track: RoadTrack, at: number): Interest | null {
  if (track.kind === 'person' || track.isRider || !track.confirmed) return null;
  const points = track.history.filter(({ box }) => box !== null);
  const last = points.at(-1);
  const before = last && points.findLast((point) => last.at - point.at >= 450);
  if (last === undefined || before === undefined || at - before.at > RECENT_MS) return null;
  const speed = Math.hypot(...before.velocity);
  const rate = (speed - Math.hypot(...last.velocity)) / ((last.at - before.at) / 1000);
  if (speed < LEAST_SPEED || rate < ORDINARY) return null;
  const value = Math.min(1, 0.3 + (0.7 * (rate - ORDINARY)) / (HARD - ORDINARY));
  return { from: before.at - MARGIN_MS, to: last.at + (at === last.at ? MARGIN_MS : 0), value, fps: FPS };
}

/** Two came, or will come, so near each other that a closer look may show a conflict. */
function meeting(encounter: Encounter, { at, picture, thresholds }: TrafficView): Interest | null {
  const crossing = encounter.crossing(thresholds['near-miss'].minCrossingDegrees);
  const isKnown =
    crossing === null ||
    (isLookedAt(crossing.first, crossing.leaves.at, picture) &&
      isLookedAt(crossing.second, crossing.comes.at, picture));
  if (crossing !== null && !isKnown && crossing.leaves.at > at - RECENT_MS) {
    const value = 0.4 + 0.5 * Math.max(0, 1.2 - crossing.pet);
    return { from: crossing.leaves.at - MARGIN_MS, to: crossing.comes.at + MARGIN_MS, value, fps: FPS };
  }
  const close = encounter.approaches.filter(
    ({ ttc, relativeSpeed, at: then }) =>
      ttc > 0 &&
      ttc < SHORT_TTC &&
      relativeSpeed > CLOSING &&
      then > at - RECENT_MS &&
      !(isLookedAt(encounter.a.track, then, picture) && isLookedAt(encounter.b.track, then, picture)),
  );
  const [first, last] = [close[0], close.at(-1)];
  if (first === undefined || last === undefined) return null;
  const least = Math.min(...close.map(({ ttc }) => ttc));
  const value = 0.3 + (0.5 * (SHORT_TTC - least)) / SHORT_TTC;
  return { from: first.at - MARGIN_MS, to: last.at + MARGIN_MS, value, fps: FPS };
}

/** Stretches of time that are worth more pictures for the sake of events of pairs and of braking. Pure. */
export function interests(view: TrafficView): readonly Interest[] {
  return [
    ...view.tracks.flatMap((track) => braking(track, view.at) ?? []),
    ...encountersOf(view).flatMap((encounter) => meeting(encounter, view) ?? []),
  ];
}
