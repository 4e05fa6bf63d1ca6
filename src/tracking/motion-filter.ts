/**
 * A Kalman filter of place, velocity and acceleration on the road. Acceleration is a first-order Markov process
 * (Singer, IEEE Trans. AES 6, 1970): a road user's changes within about a second. Axes are independent but for the
 * measurements.
 */

/** `mean`: [x, y, vx, vy, ax, ay] in m, m/s, m/s²; `cov`: their covariance, 6x6, row by row. */
export interface MotionState {
  readonly mean: Float64Array;
  readonly cov: Float64Array;
}

/** How a road user moves. */
export interface Motion {
  /** Standard deviation of its acceleration, m/s². */
  readonly acceleration: number;
  /** In s: how long it keeps one. */
  readonly seconds: number;
}

/** From one moment to a later one, for each axis: place, velocity and acceleration. */
export interface Transition {
  /** Velocity and acceleration in the place, acceleration in the velocity, velocity and acceleration in themselves. */
  readonly placeOfVelocity: number;
  readonly placeOfAcceleration: number;
  readonly velocityOfAcceleration: number;
  readonly keptVelocity: number;
  readonly keptAcceleration: number;
  /**
   * Covariance of the noise: place, place-velocity, place-acceleration, velocity, velocity-acceleration, acceleration.
   */
  readonly noise: readonly [number, number, number, number, number, number];
  /** Added to the mean state by a known cause, such as braking; absent: nothing. */
  readonly push?: readonly [number, number, number, number, number, number];
}

/** A measured place and its covariance: xx, xy, yy in m². */
export interface Measured {
  readonly place: readonly [number, number];
  readonly cov: readonly [number, number, number];
}

/** Elements of a mean; rows and columns of a covariance. */
export const N = 6;

export const speedOf = ({ mean }: MotionState): number => Math.hypot(mean[2] ?? 0, mean[3] ?? 0);

/** The newest for each motion: the road users of one frame mostly have the same gap. */
const latest = new WeakMap<Motion, { readonly seconds: number; readonly transition: Transition }>();

export function moving(motion: Motion, seconds: number): Transition {
  const known = latest.get(motion);
  if (known?.seconds === seconds) return known.transition;
  const transition = movingAnew(motion, seconds);
  latest.set(motion, { seconds, transition });
  return transition;
}

function movingAnew(motion: Motion, seconds: number): Transition {
  const a = 1 / motion.seconds;
  const t = Math.max(seconds, 1e-3);
  const at = a * t;
  const e = Math.exp(-at);
  const e2 = e * e;
  const s = 2 * a * motion.acceleration ** 2;
  return {
    placeOfVelocity: t,
    placeOfAcceleration: (at - 1 + e) / a ** 2,
    velocityOfAcceleration: (1 - e) / a,
    keptVelocity: 1,
    keptAcceleration: e,
    noise: [
      (s / (2 * a ** 5)) * (1 - e2 + 2 * at + (2 / 3) * at ** 3 - 2 * at ** 2 - 4 * at * e),
      (s / (2 * a ** 4)) * (e2 + 1 - 2 * e + 2 * at * e - 2 * at + at ** 2),
      (s / (2 * a ** 3)) * (1 - e2 - 2 * at * e),
      (s / (2 * a ** 3)) * (4 * e - 3 - e2 + 2 * at),
      (s / (2 * a ** 2)) * (e2 + 1 - 2 * e),
      (s / (2 * a)) * (1 - e2),
    ],
  };
}

/** An emergency stop, m/s²: mean over the gap, for it may have begun in between; its spread. */
const EMERGENCY = -6;
const EMERGENCY_SD = 2.5;

/** Of one that brakes hard from a state on, as far as to a stop; its acceleration before says nothing. */
export function braking({ mean }: MotionState, seconds: number): Transition {
  const [vx, vy] = [mean[2] ?? 0, mean[3] ?? 0];
  const speed = Math.max(Math.hypot(vx, vy), 1e-6);
  const t = Math.max(seconds, 1e-3);
  // Mean deceleration over the whole gap, and over the way.
  const a = Math.max(EMERGENCY, -speed / t);
  const way = speed < -EMERGENCY * t ? speed ** 2 / (-2 * EMERGENCY) - speed * t : (EMERGENCY * t ** 2) / 2;
  const [ux, uy] = [vx / speed, vy / speed];
  const q = EMERGENCY_SD ** 2;
  return {
    placeOfVelocity: t,
    placeOfAcceleration: 0,
    velocityOfAcceleration: 0,
    keptVelocity: 1,
    keptAcceleration: 0,
    noise: [(q * t ** 4) / 4 + 0.01, (q * t ** 3) / 2, (q * t ** 2) / 2, q * t ** 2 + 0.01, q * t, q + 0.1],
    push: [way * ux, way * uy, a * t * ux, a * t * uy, a * ux, a * uy],
  };
}

/** The strongest and the weakest braking with which one stops, m/s². */
const STRONGEST = 9;
const WEAKEST = 4;
/** It may have been so much slower than it seemed. */
const SLOWER = 1.25;

/** Of one that brakes hard from a state on, and stands in the end; null: it can't have stopped yet. */
export function stopping({ mean }: MotionState, seconds: number): Transition | null {
  const [vx, vy] = [mean[2] ?? 0, mean[3] ?? 0];
  const speed = Math.max(Math.hypot(vx, vy), 1e-6);
  if (speed > SLOWER * STRONGEST * seconds) return null;
  const shortest = speed ** 2 / (2 * STRONGEST);
  const longest = Math.max(shortest, Math.min(speed ** 2 / (2 * WEAKEST), speed * (seconds - speed / STRONGEST / 2)));
  const way = (shortest + longest) / 2;
  const sd = (longest - shortest) / 3 + 0.3;
  // The way grows with the square of the speed: so much by the speed alone, less what is too much.
  const [ux, uy] = [vx / speed, vy / speed];
  return {
    placeOfVelocity: (2 * way) / speed,
    placeOfAcceleration: 0,
    velocityOfAcceleration: 0,
    keptVelocity: 0,
    keptAcceleration: 0,
    noise: [sd ** 2, 0, 0, 0.5 ** 2, 0, 0.7 ** 2],
    push: [-way * ux, -way * uy, 0, 0, 0, 0],
  };
}

/** Of one that stood, and stands still: its velocity before says nothing. */
export const standing: Transition = {
  placeOfVelocity: 0,
  placeOfAcceleration: 0,
  velocityOfAcceleration: 0,
  keptVelocity: 0,
  keptAcceleration: 0,
  noise: [0.3 ** 2, 0, 0, 0.3 ** 2, 0, 0.5 ** 2],
};

const add = (matrix: Float64Array, i: number, j: number, value: number): void => {
  matrix[i * N + j] = (matrix[i * N + j] ?? 0) + value;
};

export function predict(state: MotionState, t: Transition): MotionState {
  const [x = 0, y = 0, vx = 0, vy = 0, ax = 0, ay = 0] = state.mean;
  const mean = Float64Array.of(
    x + t.placeOfVelocity * vx + t.placeOfAcceleration * ax,
    y + t.placeOfVelocity * vy + t.placeOfAcceleration * ay,
    t.keptVelocity * vx + t.velocityOfAcceleration * ax,
    t.keptVelocity * vy + t.velocityOfAcceleration * ay,
    t.keptAcceleration * ax,
    t.keptAcceleration * ay,
  );
  if (t.push !== undefined) for (const [i, value] of t.push.entries()) mean[i] = (mean[i] ?? 0) + value;
  return { mean, cov: predictedCov(state.cov, t) };
}

/** The covariance after a transition: each pair of axes has a block of 3x3 (place, velocity, acceleration). */
function predictedCov(before: Float64Array, t: Transition): Float64Array {
  const { placeOfVelocity: f, placeOfAcceleration: g, velocityOfAcceleration: h, keptVelocity: k } = t;
  const e = t.keptAcceleration;
  const out = new Float64Array(N * N);
  for (let i = 0; i < 2; i++) {
    for (let j = 0; j < 2; j++) {
      const at = i * N + j;
      const [pp, pv, pa] = [before[at] ?? 0, before[at + 2] ?? 0, before[at + 4] ?? 0];
      const [vp, vv, va] = [before[at + 12] ?? 0, before[at + 14] ?? 0, before[at + 16] ?? 0];
      const [ap, av, aa] = [before[at + 24] ?? 0, before[at + 26] ?? 0, before[at + 28] ?? 0];
      const [xp, xv, xa] = [pp + f * vp + g * ap, pv + f * vv + g * av, pa + f * va + g * aa];
      const [yp, yv, ya] = [k * vp + h * ap, k * vv + h * av, k * va + h * aa];
      const same = i === j ? 1 : 0;
      out[at] = xp + f * xv + g * xa + same * t.noise[0];
      out[at + 2] = k * xv + h * xa + same * t.noise[1];
      out[at + 4] = e * xa + same * t.noise[2];
      out[at + 12] = yp + f * yv + g * ya + same * t.noise[1];
      out[at + 14] = k * yv + h * ya + same * t.noise[3];
      out[at + 16] = e * ya + same * t.noise[4];
      out[at + 24] = e * (ap + f * av + g * aa) + same * t.noise[2];
      out[at + 26] = e * (k * av + h * aa) + same * t.noise[4];
      out[at + 28] = e * e * aa + same * t.noise[5];
    }
  }
  return out;
}

/** How far a measured place is from the predicted one. */
export interface Innovation {
  readonly dx: number;
  readonly dy: number;
  /** Inverse of its covariance. */
  readonly xx: number;
  readonly xy: number;
  readonly yy: number;
  /** Squared Mahalanobis distance. */
  readonly distance: number;
  /** Determinant of its covariance, m⁴. */
  readonly determinant: number;
}

export function innovation({ mean, cov }: MotionState, measured: Measured): Innovation {
  const dx = measured.place[0] - (mean[0] ?? 0);
  const dy = measured.place[1] - (mean[1] ?? 0);
  const sxx = (cov[0] ?? 0) + measured.cov[0];
  const sxy = (cov[1] ?? 0) + measured.cov[1];
  const syy = (cov[N + 1] ?? 0) + measured.cov[2];
  const determinant = Math.max(sxx * syy - sxy * sxy, 1e-12);
  const [xx, xy, yy] = [syy / determinant, -sxy / determinant, sxx / determinant];
  return { dx, dy, xx, xy, yy, distance: dx * dx * xx + 2 * dx * dy * xy + dy * dy * yy, determinant };
}

export function correct(state: MotionState, measured: Measured): MotionState {
  const { dx, dy, xx, xy, yy } = innovation(state, measured);
  const mean = state.mean.slice();
  const cov = state.cov.slice();
  for (let i = 0; i < N; i++) {
    const [px, py] = [state.cov[i * N] ?? 0, state.cov[i * N + 1] ?? 0];
    const [gainX, gainY] = [px * xx + py * xy, px * xy + py * yy];
    mean[i] = (mean[i] ?? 0) + gainX * dx + gainY * dy;
    for (let j = 0; j < N; j++) add(cov, i, j, -gainX * (state.cov[j] ?? 0) - gainY * (state.cov[N + j] ?? 0));
  }
  for (let i = 0; i < N; i++) {
    for (let j = 0; j < i; j++) {
      const both = ((cov[i * N + j] ?? 0) + (cov[j * N + i] ?? 0)) / 2;
      cov[i * N + j] = both;
      cov[j * N + i] = both;
    }
  }
  return { mean, cov };
}
