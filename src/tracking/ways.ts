import type { VelocityGuess } from './lane-prior.ts';
import { braking, innovation, moving, speedOf, standing, stopping } from './motion-filter.ts';
import type { Measured, MotionState } from './motion-filter.ts';
import { MOTION, STANDING_GAP, STANDING_SPEED } from './road-users.ts';
import { Step } from './smoothing.ts';
import type { Moment } from './track-state.types.ts';
import type { UserKind } from './tracking.types.ts';

/** A way in which a track may have moved since it was seen. */
export interface Prediction {
  readonly step: Step;
  readonly logWeight: number;
}

/** One that has stood for long sets off within a second more seldom: it falls so fast, s, and to this. */
const STOOD_SECONDS = 4;
const LEAST_MOVES = 0.005;
/** An emergency stop is thought of after a gap of so many s, of one that drove at least so fast, m/s. */
const BRAKING_GAP = 0.45;
const BRAKING_SPEED = 4;
/** Odds (logarithm) that it began in the gap; of one that slowed down already by so much, m/s², that it goes on. */
const LOG_BRAKES = Math.log(0.03);
const LOG_BRAKES_ON = Math.log(0.25);
const BRAKED = -2;
/** With a greater density than this (logarithm, 1/m²) no emergency is likelier. */
const USUAL = -4;

export function stateAt(
  { place, cov }: Measured,
  { velocity, cov: spread }: VelocityGuess,
  acceleration: number,
): MotionState {
  const matrix = new Float64Array(36);
  [matrix[0], matrix[1], matrix[6], matrix[7]] = [cov[0], cov[1], cov[1], cov[2]];
  [matrix[14], matrix[15], matrix[20], matrix[21]] = [spread[0], spread[1], spread[1], spread[2]];
  [matrix[28], matrix[35]] = [acceleration ** 2, acceleration ** 2];
  return { mean: Float64Array.of(place[0], place[1], velocity[0], velocity[1], 0, 0), cov: matrix };
}

function usualWays(
  kind: UserKind,
  moment: Moment,
  guesses: readonly VelocityGuess[],
  seconds: number,
): readonly Prediction[] {
  const transition = moving(MOTION[kind], seconds);
  const { filtered } = moment;
  const onward = (from: MotionState, logWeight: number): Prediction => ({
    step: new Step(from, transition),
    logWeight,
  });
  if (guesses.length > 0) {
    const place: Measured = {
      place: [filtered.mean[0] ?? 0, filtered.mean[1] ?? 0],
      cov: [filtered.cov[0] ?? 0, filtered.cov[1] ?? 0, filtered.cov[7] ?? 0],
    };
    return guesses.map((guess) => onward(stateAt(place, guess, MOTION[kind].acceleration), guess.logWeight));
  }
  if (seconds < STANDING_GAP || speedOf(filtered) > STANDING_SPEED[kind]) return [onward(filtered, 0)];
  const stood = moment.stoodSince === null ? 0 : (moment.at - moment.stoodSince) / 1000;
  const aSecond = Math.max(LEAST_MOVES, 0.5 * (STOOD_SECONDS / (STOOD_SECONDS + stood)) ** 2);
  const moves = Math.min(0.9, 1 - (1 - aSecond) ** Math.max(1, seconds));
  return [onward(filtered, Math.log(moves)), { step: new Step(filtered, standing), logWeight: Math.log(1 - moves) }];
}

/** An emergency stop that may have begun in the gap, and ended; none where that is all the same. */
function emergencies({ step: { from }, logWeight }: Prediction, seconds: number): readonly Prediction[] {
  const speed = speedOf(from);
  if (seconds < BRAKING_GAP || speed < BRAKING_SPEED) return [];
  const [, , vx = 0, vy = 0, ax = 0, ay = 0] = from.mean;
  const odds = logWeight + ((ax * vx + ay * vy) / speed < BRAKED ? LOG_BRAKES_ON : LOG_BRAKES);
  return [braking(from, seconds), stopping(from, seconds)].flatMap((transition) =>
    transition === null ? [] : [{ step: new Step(from, transition), logWeight: odds }],
  );
}

/** The logarithm of the density of a measured place, 1/m². */
function logDensity({ step, logWeight }: Prediction, measured: Measured): number {
  const { distance, determinant } = innovation(step.to, measured);
  return logWeight - distance / 2 - Math.log(determinant) / 2 - Math.log(2 * Math.PI);
}

interface Likeliest {
  readonly way: Prediction;
  readonly log: number;
}

/** Where a track may be, by each way in which it may have moved since it was seen. */
export class Ways {
  readonly usual: readonly Prediction[];
  readonly #kind: UserKind;
  readonly #seconds: number;
  /** Computed when a place is measured that the usual ways don't explain. */
  #emergencies: readonly Prediction[] | null = null;

  constructor(kind: UserKind, moment: Moment, guesses: readonly VelocityGuess[], at: number) {
    this.#kind = kind;
    this.#seconds = (at - moment.at) / 1000;
    this.usual = usualWays(kind, moment, guesses, this.#seconds);
  }

  /** The likeliest way to a measured place, and the logarithm of its density, 1/m². */
  best(measured: Measured): Likeliest {
    const usual = likeliest(this.usual, measured, null);
    if (usual === null) throw new Error('a track has a way');
    if (usual.log > USUAL || this.#kind === 'person') return usual;
    this.#emergencies ??= this.usual.flatMap((way) => emergencies(way, this.#seconds));
    return likeliest(this.#emergencies, measured, usual) ?? usual;
  }
}

function likeliest(ways: readonly Prediction[], measured: Measured, before: Likeliest | null): Likeliest | null {
  let best = before;
  for (const way of ways) {
    const log = logDensity(way, measured);
    if (best === null || log > best.log) best = { way, log };
  }
  return best;
}
