import type { RoadTrack } from '../tracking/tracking.types.ts';
import { hardestBraking } from './braking.ts';
import { looksNear, type Approach, type Encounter } from './encounters.ts';
import type { TrafficView } from './events.types.ts';

/** A contact changes the speed within so long of the first overlap, ms. */
const AT_ONCE_MS = 700;
/** By more than drivers brake in traffic, m/s². */
const ABRUPT = 5;
const SURE = 0.6;
/** Both are seen at least so often so near to it, ms: it is not made up between looks. */
const LEAST_LOOKS = 2;
const NEAR_MS = 400;
/** The relative speed is that of the approach so long before, ms: after the contact there is none. */
const APPROACH_MS = 1000;
/** The hardest braking that tyres allow, m/s²: an approach that needs more can't be ended in time. */
const GRIP = 10;
/** Least relative speed of such an approach, m/s: at lower speeds the error of the gap decides. */
const LEAST_IMPACT = 5;
/** Below this speed (m/s) a road user counts as stopped by the contact; it must be seen within `STOPPED_MS`. */
const STOPPED = 1.5;
const STOPPED_MS = 2500;

export interface Contact {
  /** The first in which the footprints overlap. */
  readonly approach: Approach;
  /** Greatest within a second before, m/s. */
  readonly relativeSpeed: number;
  /** Of the one that lost its speed, m/s²; null where it was too sudden to be measured. */
  readonly deceleration: number | null;
  /** To avoid the contact, m/s²; null where brakes might have. */
  readonly neededDeceleration: number | null;
  /** When it was over, epoch ms. */
  readonly until: number;
}

/** The moment at which two road users hit each other; null when nothing shows that they did. */
export function contactOf(
  view: TrafficView,
  { a, b, approaches }: Encounter,
  minRelativeSpeed: number,
): Contact | null {
  for (const [i, approach] of approaches.entries()) {
    if (approach.ttc > 0 || approaches[i - 1]?.ttc === 0) continue;
    const before = approaches.filter(({ at, ttc }) => at < approach.at && at >= approach.at - APPROACH_MS && ttc > 0);
    // A track that begins on top of another was not seen to drive into it.
    if (before.length < 3) continue;
    if (![a, b].every(({ track }) => looksNear(track, approach.at, view.picture, NEAR_MS) >= LEAST_LOOKS)) continue;
    const relativeSpeed = Math.max(...before.map((one) => one.relativeSpeed));
    if (relativeSpeed < minRelativeSpeed) continue;
    const impact = unavoidable(before);
    if (impact !== null && isEndOf(before[0], { a, b }, approach.at))
      return {
        approach,
        relativeSpeed,
        deceleration: null,
        neededDeceleration: impact,
        until: approach.at + AT_ONCE_MS,
      };
    for (const { track } of [a, b]) {
      const braking = hardestBraking(track, view, ABRUPT);
      if (braking === null || braking.probability < SURE) continue;
      if (Math.abs(braking.from - approach.at) > AT_ONCE_MS) continue;
      const { deceleration, to: until } = braking;
      return { approach, relativeSpeed, deceleration, neededDeceleration: impact, until };
    }
  }
  return null;
}

/** The deceleration needed from the moment on in which no brakes could avoid the contact, m/s²; null: they could. */
function unavoidable(before: readonly Approach[]): number | null {
  const needed = before.flatMap(({ relativeSpeed, gap }) =>
    relativeSpeed >= LEAST_IMPACT && gap > 0 ? [relativeSpeed ** 2 / (2 * gap)] : [],
  );
  return needed.find((deceleration) => deceleration >= GRIP) ?? null;
}

/** The faster of the two is soon seen standing, and the other is not seen driving on; often it is hidden by then. */
function isEndOf(first: Approach | undefined, { a, b }: Pick<Encounter, 'a' | 'b'>, at: number): boolean {
  if (first === undefined) return false;
  const [faster, other] = first.a.speed >= first.b.speed ? [a, b] : [b, a];
  const after = speedAfter(faster.track, at);
  return after !== null && after < STOPPED && (speedAfter(other.track, at) ?? 0) < STOPPED;
}

function speedAfter({ history }: RoadTrack, at: number): number | null {
  const later = history.find((point) => point.at >= at + AT_ONCE_MS && point.box !== null);
  return later === undefined || later.at > at + STOPPED_MS ? null : Math.hypot(...later.velocity);
}
