import { N, predict, type MotionState, type Transition } from './motion-filter.ts';

/**
 * From a state to the predicted one, and back: the smoother of Rauch, Tung and Striebel (1965). Its gain is computed
 * once: a step is smoothed again with each later sighting.
 */
export class Step {
  readonly from: MotionState;
  readonly to: MotionState;
  readonly #transition: Transition;
  /** Transposed. */
  #gain: Float64Array | null = null;

  constructor(from: MotionState, transition: Transition) {
    this.from = from;
    this.to = predict(from, transition);
    this.#transition = transition;
  }

  /** The state that was predicted from, given the smoothed one that follows it. */
  smoothed(later: MotionState): MotionState {
    const { from, to } = this;
    this.#gain ??= solve(to.cov, times(this.#transition, from.cov));
    const gain = this.#gain;
    const mean = from.mean.slice();
    for (let k = 0; k < N; k++) {
      const change = (later.mean[k] ?? 0) - (to.mean[k] ?? 0);
      for (let i = 0; i < N; i++) mean[i] = (mean[i] ?? 0) + (gain[k * N + i] ?? 0) * change;
    }
    return { mean, cov: smoothedCov(from.cov, gain, to.cov, later.cov) };
  }
}

/** The transition times a 6x6 matrix. */
function times(t: Transition, matrix: Float64Array): Float64Array {
  const out = new Float64Array(N * N);
  for (let i = 0; i < 2 * N; i++) {
    const [place, velocity, acceleration] = [matrix[i] ?? 0, matrix[i + 12] ?? 0, matrix[i + 24] ?? 0];
    out[i] = place + t.placeOfVelocity * velocity + t.placeOfAcceleration * acceleration;
    out[i + 12] = t.keptVelocity * velocity + t.velocityOfAcceleration * acceleration;
    out[i + 24] = t.keptAcceleration * acceleration;
  }
  return out;
}

/** The lower triangle whose product with its transpose is a symmetric positive definite matrix (Cholesky). */
function factor(matrix: Float64Array): Float64Array {
  const l = new Float64Array(N * N);
  for (let i = 0; i < N; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i * N + j] ?? 0;
      for (let k = 0; k < j; k++) sum -= (l[i * N + k] ?? 0) * (l[j * N + k] ?? 0);
      l[i * N + j] = i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / (l[j * N + j] ?? 1);
    }
  }
  return l;
}

/** Solves `matrix` X = `right` for a symmetric positive definite matrix; both 6x6. */
function solve(matrix: Float64Array, right: Float64Array): Float64Array {
  const l = factor(matrix);
  const out = right.slice();
  for (let i = 0; i < N; i++) {
    for (let column = 0; column < N; column++) {
      let sum = out[i * N + column] ?? 0;
      for (let k = 0; k < i; k++) sum -= (l[i * N + k] ?? 0) * (out[k * N + column] ?? 0);
      out[i * N + column] = sum / (l[i * N + i] ?? 1);
    }
  }
  for (let i = N - 1; i >= 0; i--) {
    for (let column = 0; column < N; column++) {
      let sum = out[i * N + column] ?? 0;
      for (let k = i + 1; k < N; k++) sum -= (l[k * N + i] ?? 0) * (out[k * N + column] ?? 0);
      out[i * N + column] = sum / (l[i * N + i] ?? 1);
    }
  }
  return out;
}

/** One row of a product, while it is computed. */
const row = new Float64Array(N);

/** `gain` is transposed. */
function smoothedCov(
  filtered: Float64Array,
  gain: Float64Array,
  predicted: Float64Array,
  later: Float64Array,
): Float64Array {
  const cov = filtered.slice();
  for (let i = 0; i < N; i++) {
    row.fill(0);
    for (let k = 0; k < N; k++) {
      const g = gain[k * N + i] ?? 0;
      if (g === 0) continue;
      for (let j = 0; j < N; j++) row[j] = (row[j] ?? 0) + g * ((later[k * N + j] ?? 0) - (predicted[k * N + j] ?? 0));
    }
    for (let j = 0; j <= i; j++) {
      let sum = cov[i * N + j] ?? 0;
      for (let k = 0; k < N; k++) sum += (row[k] ?? 0) * (gain[k * N + j] ?? 0);
      cov[i * N + j] = sum;
      cov[j * N + i] = sum;
    }
  }
  return cov;
}
