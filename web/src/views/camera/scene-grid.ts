/** A grid of metres on the road, as the camera sees it. Pure. */
import type { CalibrationPair } from '../../../../src/messages/scene.ts';
import { type PlaneMatrices, project } from '../../../../src/scene/homography.ts';
import type { Metres, Pixel } from '../../../../src/scene/scene.types.ts';

export interface GridLine {
  /** In px of the scene's picture; may lie outside it. */
  readonly from: Pixel;
  readonly to: Pixel;
  /** The line is where this coordinate has this value. */
  readonly axis: 'x' | 'y';
  readonly metres: number;
}

export interface MetreGrid {
  /** Between one line and the next, m. */
  readonly step: number;
  readonly lines: readonly GridLine[];
}

const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000, 1_000_000] as const;
/** Lines along each axis. */
const MOST_LINES = 24;
/** How far the grid goes beyond the calibration points, as a part of their extent. */
const BEYOND = 0.5;
/** The third coordinate of `toImage` is 1 at the nearest calibration point; nearer to 0 is too far to draw. */
const FAR = 0.04;

/** Grid around the calibration points. Its step is the least of 1, 2, 5, 10, … m that needs no more than 24 lines. */
export function metreGrid(plane: PlaneMatrices, pairs: readonly CalibrationPair[]): MetreGrid {
  const [x, y] = [range(pairs.map(({ road }) => road[0])), range(pairs.map(({ road }) => road[1]))];
  const longest = Math.max(x.to - x.from, y.to - y.from);
  const step = STEPS.find((each) => longest / each <= MOST_LINES - 1) ?? longest;
  const ticks = ({ from, to }: { from: number; to: number }): number[] => {
    const first = Math.ceil(from / step);
    const count = Math.max(0, Math.floor(to / step) - first + 1);
    return Array.from({ length: Math.min(count, MOST_LINES) }, (_, i) => (first + i) * step);
  };
  const lines = [
    ...ticks(x).map((at) => lineOf(plane, 'x', at, [at, y.from], [at, y.to])),
    ...ticks(y).map((at) => lineOf(plane, 'y', at, [x.from, at], [x.to, at])),
  ];
  return { step, lines: lines.filter((line) => line !== null) };
}

function range(values: readonly number[]): { from: number; to: number } {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const more = Math.max(1, (most - least) * BEYOND);
  return { from: least - more, to: most + more };
}

/** The part of a line on the road that the camera sees; null for none. */
function lineOf(
  { toImage }: PlaneMatrices,
  axis: 'x' | 'y',
  metres: number,
  from: Metres,
  to: Metres,
): GridLine | null {
  const depth = ([x, y]: Metres): number => toImage[6] * x + toImage[7] * y + toImage[8] - FAR;
  const [a, b] = [depth(from), depth(to)];
  if (a <= 0 && b <= 0) return null;
  const at = (part: number): Metres => [from[0] + (to[0] - from[0]) * part, from[1] + (to[1] - from[1]) * part];
  const border = a / (a - b);
  const start = project(toImage, a > 0 ? from : at(border));
  const end = project(toImage, b > 0 ? to : at(border));
  return start === null || end === null ? null : { axis, metres, from: start, to: end };
}
