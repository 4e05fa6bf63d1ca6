/** The ways of the road users of an incident, seen from above in metres. Pure. */

/** `[seconds from the onset, x m, y m, …]`, oldest first. */
export type PlanPoint = readonly [number, number, number, ...number[]];

export interface PlanPath {
  readonly trackId: number;
  readonly points: readonly PlanPoint[];
}

export interface Place {
  readonly x: number;
  readonly y: number;
}

/** The moment at which two road users were nearest to each other. */
export interface Nearest {
  readonly at: number;
  readonly a: Place;
  readonly b: Place;
  readonly metres: number;
}

export interface Plan {
  readonly paths: readonly PlanPath[];
  /** Metres; around all points, on lines of the grid. */
  readonly area: { readonly left: number; readonly right: number; readonly bottom: number; readonly top: number };
  /** Metres between lines of the grid. */
  readonly step: number;
  /** Seconds from the onset. */
  readonly from: number;
  readonly to: number;
  /** Null for one road user, or for two that were not seen at the same time. */
  readonly nearest: Nearest | null;
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
const MOST_LINES = 12;
const LEAST_SPAN_M = 4;

/** Null without a point. */
export function planOf(trajectories: readonly PlanPath[]): Plan | null {
  const paths = trajectories.filter(({ points }) => points.length > 0);
  const all = paths.flatMap(({ points }) => points);
  const xs = all.map(([, x]) => x);
  const ys = all.map(([, , y]) => y);
  const times = all.map(([s]) => s);
  if (all.length === 0) return null;
  const [across, along] = [spanOf(xs), spanOf(ys)];
  const step = gridStep(Math.max(across.high - across.low, along.high - along.low));
  const [a, b] = paths;
  return {
    paths,
    area: {
      left: Math.floor(across.low / step) * step,
      right: Math.ceil(across.high / step) * step,
      bottom: Math.floor(along.low / step) * step,
      top: Math.ceil(along.high / step) * step,
    },
    step,
    from: Math.min(...times),
    to: Math.max(...times),
    nearest: a === undefined || b === undefined ? null : nearestOf(a, b),
  };
}

/** The values with a margin, and not less than a few metres. */
function spanOf(values: readonly number[]): { readonly low: number; readonly high: number } {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const span = Math.max(LEAST_SPAN_M, (most - least) * 1.1);
  const middle = (least + most) / 2;
  return { low: middle - span / 2, high: middle + span / 2 };
}

/** Metres between lines, so that there are at most twelve over `span` metres. */
export const gridStep = (span: number): number =>
  STEPS.find((step) => span / step <= MOST_LINES) ?? Math.max(1_000, Math.ceil(span / MOST_LINES));

/** Lines of the grid from `low` to `high`. */
export const gridLines = (low: number, high: number, step: number): number[] =>
  Array.from({ length: Math.round((high - low) / step) + 1 }, (_, index) => low + index * step);

/** Between two points, in a straight line at a steady speed; null before the first and after the last. */
export function placeAt({ points }: PlanPath, seconds: number): Place | null {
  const next = points.findIndex(([s]) => s >= seconds);
  const after = points[next];
  if (after === undefined) return null;
  const before = points[next - 1];
  if (after[0] === seconds || before === undefined) return after[0] === seconds ? { x: after[1], y: after[2] } : null;
  const part = (seconds - before[0]) / (after[0] - before[0]);
  return { x: before[1] + (after[1] - before[1]) * part, y: before[2] + (after[2] - before[2]) * part };
}

export const metresBetween = (a: Place, b: Place): number => Math.hypot(a.x - b.x, a.y - b.y);

/** Exact for ways that are straight between points. */
function nearestOf(a: PlanPath, b: PlanPath): Nearest | null {
  const times = [...new Set([...a.points, ...b.points].map(([s]) => s))]
    .toSorted((one, other) => one - other)
    .filter((s) => placeAt(a, s) !== null && placeAt(b, s) !== null);
  const moments = times.flatMap((s, index) => {
    const end = times[index + 1];
    return end === undefined ? [s] : [s, meeting(a, b, s, end)];
  });
  const found = moments.flatMap((at): Nearest[] => {
    const [placeA, placeB] = [placeAt(a, at), placeAt(b, at)];
    return placeA === null || placeB === null
      ? []
      : [{ at, a: placeA, b: placeB, metres: metresBetween(placeA, placeB) }];
  });
  return found.toSorted((one, other) => one.metres - other.metres)[0] ?? null;
}

/** When the two are nearest between `from` and `to`, while both go straight. */
function meeting(a: PlanPath, b: PlanPath, from: number, to: number): number {
  const [a0, b0, a1, b1] = [placeAt(a, from), placeAt(b, from), placeAt(a, to), placeAt(b, to)];
  if (a0 === null || b0 === null || a1 === null || b1 === null) return from;
  const [x, y] = [a0.x - b0.x, a0.y - b0.y];
  const [dx, dy] = [a1.x - b1.x - x, a1.y - b1.y - y];
  const square = dx * dx + dy * dy;
  if (square === 0) return from;
  const part = Math.max(0, Math.min(1, -(x * dx + y * dy) / square));
  return from + part * (to - from);
}

/** Seconds between marks along a way: at most about ten of them. */
export const markStep = (seconds: number): number => [1, 2, 5, 10, 30, 60].find((step) => seconds / step <= 10) ?? 300;
