import { solve } from './linear-algebra.ts';

export interface LeastSquares {
  readonly parameters: readonly number[];
  /** Sum of the squared residuals. */
  readonly sum: number;
}

const sumOfSquares = (values: readonly number[]): number => values.reduce((sum, x) => sum + x * x, 0);

/** The normal equations at `p`, with derivatives by differences. */
function normalEquations(
  residuals: (parameters: readonly number[]) => readonly number[],
  p: readonly number[],
  at: readonly number[],
): { square: number[]; gradient: number[] } {
  const columns = p.map((value, j) => {
    const step = 1e-6 * Math.max(Math.abs(value), 1e-3);
    const moved = residuals(p.map((x, k) => (k === j ? x + step : x)));
    return moved.map((r, i) => (r - (at[i] ?? 0)) / step);
  });
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0);
  return {
    square: columns.flatMap((a) => columns.map((b) => dot(a, b))),
    gradient: columns.map((a) => dot(a, at)),
  };
}

/**
 * Levenberg-Marquardt (Hartley & Zisserman, Multiple View Geometry, A6.2): the parameters near `start` with the least
 * sum of squared residuals. Residuals that are not finite are never accepted; at `start` they end the search.
 */
export function leastSquares(
  residuals: (parameters: readonly number[]) => readonly number[],
  start: readonly number[],
  steps = 40,
): LeastSquares {
  let p = start;
  let at = residuals(p);
  let sum = sumOfSquares(at);
  let damping = 1e-3;
  for (let step = 0; step < steps && Number.isFinite(sum) && damping < 1e12; step += 1) {
    const { square, gradient } = normalEquations(residuals, p, at);
    const n = p.length;
    const damped = square.map((x, k) => (k % (n + 1) === 0 ? x * (1 + damping) + 1e-18 : x));
    const change = solve(damped, gradient);
    const next = change === null ? p : p.map((x, j) => x - (change[j] ?? 0));
    const nextAt = residuals(next);
    const nextSum = sumOfSquares(nextAt);
    if (change === null || !(nextSum < sum)) {
      damping *= 10;
      continue;
    }
    const done = sum - nextSum <= 1e-12 * sum;
    [p, at, sum, damping] = [next, nextAt, nextSum, Math.max(damping / 10, 1e-12)];
    if (done) break;
  }
  return { parameters: p, sum };
}

/** Covariance of parameters whose residuals have a variance of 1; null where some are not determined. */
export function covariance(
  residuals: (parameters: readonly number[]) => readonly number[],
  p: readonly number[],
): number[] | null {
  const { square } = normalEquations(residuals, p, residuals(p));
  const rows = p.map((_, i) =>
    solve(
      square,
      p.map((__, j) => (i === j ? 1 : 0)),
    ),
  );
  return rows.some((row) => row === null) ? null : rows.flatMap((row) => row ?? []);
}
