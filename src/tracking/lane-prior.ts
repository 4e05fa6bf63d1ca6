import type { Metres, Scene } from '../scene/scene.types.ts';
import { UNKNOWN_SPEED } from './road-users.ts';
import type { UserKind } from './tracking.types.ts';

/** A guess of the velocity of a road user that was seen once. */
export interface VelocityGuess {
  readonly velocity: Metres;
  /** Covariance: xx, xy, yy in (m/s)². */
  readonly cov: readonly [number, number, number];
  readonly logWeight: number;
}

/** Of the vehicles in a lane: those that stand, those that drive with the traffic, and all others. */
const STANDING_SHARE = 0.2;
const OTHERS_SHARE = 0.1;
/** Traffic drives at so much of the limit, give or take. */
const MEAN_SHARE = 0.8;
const SPREAD_SHARE = 0.3;
/** A lane is taken to go on for so many m. */
const LANE_REACH = 12;
/** Without a limit, m/s. */
const USUAL_SPEED = 14;

const round = (sd: number): readonly [number, number, number] => [sd ** 2, 0, sd ** 2];

const along = ([x, y]: Metres, alongSd: number, acrossSd: number): readonly [number, number, number] => [
  (alongSd * x) ** 2 + (acrossSd * y) ** 2,
  (alongSd ** 2 - acrossSd ** 2) * x * y,
  (alongSd * y) ** 2 + (acrossSd * x) ** 2,
];

export interface Prior {
  readonly guesses: readonly VelocityGuess[];
  /** Of the lane, radians; null without one. */
  readonly heading: number | null;
}

/**
 * Directions of the lanes at a place; of the nearest one where it is in no zone: lanes end at the edge of the picture.
 */
function lanesAt(scene: Scene, place: Metres): readonly Metres[] {
  const zones = scene.zonesAt(place);
  if (zones.length > 0)
    return zones.flatMap(({ kind, direction }) => (kind === 'lane' && direction !== null ? [direction] : []));
  let nearest: Metres | null = null;
  let least = LANE_REACH;
  for (const zone of scene.zones) {
    if (zone.kind !== 'lane' || zone.direction === null) continue;
    const distance = zone.distanceTo(place);
    if (distance === null || distance >= least) continue;
    [nearest, least] = [zone.direction, distance];
  }
  return nearest === null ? [] : [nearest];
}

/** How one that is seen for the first time may move. */
export function priorAt(scene: Scene, place: Metres, kind: UserKind): Prior {
  const anyhow: VelocityGuess = { velocity: [0, 0], cov: round(UNKNOWN_SPEED[kind]), logWeight: 0 };
  if (kind === 'person') {
    return { guesses: [anyhow, { ...anyhow, cov: round(5), logWeight: Math.log(0.05) }], heading: null };
  }
  const lanes = lanesAt(scene, place);
  const first = lanes[0];
  const speed = (scene.limitKmhAt(place) ?? USUAL_SPEED * 3.6) / 3.6;
  const stands: VelocityGuess = { velocity: [0, 0], cov: round(0.7), logWeight: Math.log(STANDING_SHARE) };
  const others: VelocityGuess = {
    velocity: [0, 0],
    cov: round(Math.max(UNKNOWN_SPEED[kind], 0.4 * speed)),
    logWeight: Math.log(first === undefined ? 1 - STANDING_SHARE : OTHERS_SHARE),
  };
  const flows = lanes.map((direction): VelocityGuess => {
    const mean = MEAN_SHARE * speed * (kind === 'two-wheeler' ? 0.6 : 1);
    return {
      velocity: [direction[0] * mean, direction[1] * mean],
      cov: along(direction, SPREAD_SHARE * speed, 1),
      logWeight: Math.log((1 - STANDING_SHARE - OTHERS_SHARE) / lanes.length),
    };
  });
  return {
    guesses: [stands, others, ...flows],
    heading: first === undefined ? null : Math.atan2(first[1], first[0]),
  };
}
