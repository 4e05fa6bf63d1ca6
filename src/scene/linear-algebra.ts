/** A square matrix, row by row. */
export type Matrix = readonly number[];

const SWEEPS = 60;

/** Sum of the squares off the diagonal. */
function offDiagonal(a: readonly number[], n: number): number {
  let sum = 0;
  for (let i = 0; i < n; i += 1) for (let j = 0; j < n; j += 1) if (i !== j) sum += (a[i * n + j] ?? 0) ** 2;
  return sum;
}

/** Turns rows and columns `p` and `q` of `a` so that `a[p][q]` becomes 0, and the columns of `v` with them. */
function rotate(a: number[], v: number[], n: number, p: number, q: number): void {
  const at = (i: number, j: number): number => a[i * n + j] ?? 0;
  const theta = (at(q, q) - at(p, p)) / (2 * at(p, q));
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.hypot(theta, 1));
  const c = 1 / Math.hypot(t, 1);
  const s = t * c;
  for (let k = 0; k < n; k += 1) {
    const [x, y] = [at(k, p), at(k, q)];
    a[k * n + p] = c * x - s * y;
    a[k * n + q] = s * x + c * y;
  }
  for (let k = 0; k < n; k += 1) {
    const [x, y] = [at(p, k), at(q, k)];
    a[p * n + k] = c * x - s * y;
    a[q * n + k] = s * x + c * y;
    const [vx, vy] = [v[k * n + p] ?? 0, v[k * n + q] ?? 0];
    v[k * n + p] = c * vx - s * vy;
    v[k * n + q] = s * vx + c * vy;
  }
}

/**
 * Eigenvalues of a symmetric `n` by `n` matrix, smallest first, each with its unit vector (cyclic Jacobi, Golub & Van
 * Loan 8.5).
 */
export function symmetricEigen(matrix: Matrix, n: number): { value: number; vector: number[] }[] {
  const a = [...matrix];
  const v = a.map((_, k) => (k % (n + 1) === 0 ? 1 : 0));
  const scale = a.reduce((sum, x) => sum + x * x, 0);
  for (let sweep = 0; sweep < SWEEPS && offDiagonal(a, n) > 1e-32 * scale; sweep += 1) {
    for (let p = 0; p < n - 1; p += 1) for (let q = p + 1; q < n; q += 1) if (a[p * n + q] !== 0) rotate(a, v, n, p, q);
  }
  return Array.from({ length: n }, (_, i) => ({
    value: a[i * n + i] ?? 0,
    vector: Array.from({ length: n }, (__, k) => v[k * n + i] ?? 0),
  })).toSorted((x, y) => x.value - y.value);
}

/** `x` with `matrix x = right`, by elimination with pivots; null when the matrix has no inverse. */
export function solve(matrix: Matrix, right: readonly number[]): number[] | null {
  const n = right.length;
  const rows = right.map((b, i) => [...matrix.slice(i * n, i * n + n), b]);
  const get = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let column = 0; column < n; column += 1) {
    let pivot = column;
    for (let i = column + 1; i < n; i += 1) if (Math.abs(get(i, column)) > Math.abs(get(pivot, column))) pivot = i;
    const [top, other] = [rows[pivot], rows[column]];
    if (top === undefined || other === undefined || !(Math.abs(get(pivot, column)) > 1e-300)) return null;
    rows[column] = top;
    rows[pivot] = other;
    for (let i = column + 1; i < n; i += 1) {
      const factor = get(i, column) / get(column, column);
      rows[i] = (rows[i] ?? []).map((x, j) => x - factor * (top[j] ?? 0));
    }
  }
  const x = right.map(() => 0);
  for (let i = n - 1; i >= 0; i -= 1) {
    const known = x.reduce((sum, value, j) => (j > i ? sum + get(i, j) * value : sum), 0);
    x[i] = (get(i, n) - known) / get(i, i);
  }
  return x.every(Number.isFinite) ? x : null;
}

/** A 3 by 3 matrix, row by row. */
export type Matrix3 = readonly [number, number, number, number, number, number, number, number, number];

export const determinant = (m: Matrix3): number =>
  m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) + m[2] * (m[3] * m[7] - m[4] * m[6]);

export const multiply = (a: Matrix3, b: Matrix3): Matrix3 => [
  a[0] * b[0] + a[1] * b[3] + a[2] * b[6],
  a[0] * b[1] + a[1] * b[4] + a[2] * b[7],
  a[0] * b[2] + a[1] * b[5] + a[2] * b[8],
  a[3] * b[0] + a[4] * b[3] + a[5] * b[6],
  a[3] * b[1] + a[4] * b[4] + a[5] * b[7],
  a[3] * b[2] + a[4] * b[5] + a[5] * b[8],
  a[6] * b[0] + a[7] * b[3] + a[8] * b[6],
  a[6] * b[1] + a[7] * b[4] + a[8] * b[7],
  a[6] * b[2] + a[7] * b[5] + a[8] * b[8],
];

/** Null when there is none. */
export function invert(m: Matrix3): Matrix3 | null {
  const d = determinant(m);
  if (!Number.isFinite(d) || d === 0) return null;
  return [
    (m[4] * m[8] - m[5] * m[7]) / d,
    (m[2] * m[7] - m[1] * m[8]) / d,
    (m[1] * m[5] - m[2] * m[4]) / d,
    (m[5] * m[6] - m[3] * m[8]) / d,
    (m[0] * m[8] - m[2] * m[6]) / d,
    (m[2] * m[3] - m[0] * m[5]) / d,
    (m[3] * m[7] - m[4] * m[6]) / d,
    (m[1] * m[6] - m[0] * m[7]) / d,
    (m[0] * m[4] - m[1] * m[3]) / d,
  ];
}
