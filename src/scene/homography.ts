import type { CalibrationPair } from '../messages/scene.ts';
import { leastSquares } from './least-squares.ts';
import { determinant, invert, multiply, symmetricEigen, type Matrix3 } from './linear-algebra.ts';
import type { Metres, Pixel } from './scene.types.ts';

/** Why pairs of points give no plane. */
export type CalibrationFaultCode =
  /** Fewer than four pairs. */
  | 'TOO_FEW'
  /** A coordinate is not finite, or beyond 1e7. */
  | 'NOT_A_PLACE'
  /** Two pairs have the same image point or the same road point. */
  | 'REPEATED'
  /** All but one of the points lie on a line, in the picture or on the road. */
  | 'COLLINEAR'
  /** The points lie on both sides of the horizon. */
  | 'HORIZON'
  /** The road's frame is left-handed: seen from above, its y axis lies to the right of its x axis. */
  | 'MIRRORED'
  /** A pair, or all of them, is far from where the others put it. */
  | 'BAD_FIT';

export interface CalibrationFault {
  readonly code: CalibrationFaultCode;
  readonly message: string;
  /** Index of the pair at fault; null when it is all of them. */
  readonly pair: number | null;
}

/**
 * How well a plane explains its pairs: between the given points and the computed ones, in the picture and on the road.
 */
export interface CalibrationErrors {
  readonly rmsPx: number;
  readonly maxPx: number;
  readonly rmsM: number;
  readonly maxM: number;
  /** In the order of the pairs. */
  readonly pairs: readonly { readonly px: number; readonly m: number }[];
}

/** Maps both ways. The third row of each is positive for what the camera can see. */
export interface PlaneMatrices {
  readonly toImage: Matrix3;
  readonly toRoad: Matrix3;
  /** What a metre of height adds to the three coordinates that `toImage` gives; 0s: not known. */
  readonly up: readonly [number, number, number];
}

/** Where `m` maps a point; null where the third coordinate is not above `least`. */
export function project(m: Matrix3, [x, y]: readonly [number, number], least = 0): [number, number] | null {
  const w = m[6] * x + m[7] * y + m[8];
  if (!(w > least)) return null;
  return [(m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w];
}

const distance = (a: readonly [number, number], b: readonly [number, number]): number =>
  Math.hypot(a[0] - b[0], a[1] - b[1]);
const rms = (values: readonly number[]): number => Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / values.length);

/** Null when the plane can't show a pair. */
export function calibrationErrors(
  { toImage, toRoad }: Omit<PlaneMatrices, 'up'>,
  pairs: readonly CalibrationPair[],
): CalibrationErrors | null {
  const each: { px: number; m: number }[] = [];
  for (const { image, road } of pairs) {
    const [pixel, place] = [project(toImage, road), project(toRoad, image)];
    if (pixel === null || place === null) return null;
    each.push({ px: distance(pixel, image), m: distance(place, road) });
  }
  const [px, m] = [each.map((e) => e.px), each.map((e) => e.m)];
  return { rmsPx: rms(px), maxPx: Math.max(...px), rmsM: rms(m), maxM: Math.max(...m), pairs: each };
}

/** Least distance from a line, as a part of the extent of the points, at which a point is beside it. */
const BESIDE = 0.01;
/** Points nearer to each other than this part of the extent are the same. */
const SAME = 1e-4;

const extent = (points: readonly Pixel[]): number => {
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return Math.hypot(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
};

/** The first point that is another one's twin; -1 for none. */
function twin(points: readonly Pixel[]): number {
  const least = SAME * extent(points);
  return points.findIndex((point, i) => points.slice(0, i).some((other) => distance(point, other) <= least));
}

/** Whether all but at most one of the points lie on a line: then no four are in general position. */
function collinear(points: readonly Pixel[]): boolean {
  const least = BESIDE * extent(points);
  const crowded = (a: Pixel, b: Pixel): boolean => {
    const far = least * distance(a, b);
    let beside = 0;
    for (const [x, y] of points) {
      if (Math.abs((b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])) > far) beside += 1;
      if (beside > 1) return false;
    }
    return true;
  };
  return points.some((a, i) => points.slice(i + 1).some((b) => crowded(a, b)));
}

/** Moves the points' middle to 0 and their mean distance from it to √2. */
function normaliser(points: readonly Pixel[]): Matrix3 {
  const n = points.length;
  const middle: Pixel = [points.reduce((s, p) => s + p[0], 0) / n, points.reduce((s, p) => s + p[1], 0) / n];
  const scale = Math.SQRT2 / (points.reduce((sum, p) => sum + distance(p, middle), 0) / n);
  return [scale, 0, -scale * middle[0], 0, scale, -scale * middle[1], 0, 0, 1];
}

const asMatrix3 = (v: readonly number[]): Matrix3 => {
  const at = (k: number): number => v[k] ?? 0;
  return [at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8)];
};

/** Normalised direct linear transformation (Hartley & Zisserman, algorithm 4.2), from `from` to `to`. */
function directLinear(from: readonly Pixel[], to: readonly Pixel[]): Matrix3 | null {
  const [a, b] = [normaliser(from), normaliser(to)];
  const square = Array.from({ length: 81 }, () => 0);
  from.forEach((point, i) => {
    const source = project(a, point);
    const target = project(b, to[i] ?? point);
    if (source === null || target === null) return;
    const [x, y] = source;
    const [u, v] = target;
    for (const row of [
      [0, 0, 0, -x, -y, -1, v * x, v * y, v],
      [x, y, 1, 0, 0, 0, -u * x, -u * y, -u],
    ]) {
      row.forEach((p, j) => row.forEach((q, k) => (square[j * 9 + k] = (square[j * 9 + k] ?? 0) + p * q)));
    }
  });
  const [smallest] = symmetricEigen(square, 9);
  const back = invert(b);
  if (smallest === undefined || back === null) return null;
  return multiply(multiply(back, asMatrix3(smallest.vector)), a);
}

/** Scaled and signed so that the third coordinate is positive at the points; null when they lie on both sides of 0. */
function facing(m: Matrix3, points: readonly Pixel[]): Matrix3 | null {
  const ws = points.map(([x, y]) => m[6] * x + m[7] * y + m[8]);
  const [least, most] = [Math.min(...ws), Math.max(...ws)];
  if (!(least > 0) && !(most < 0)) return null;
  const scale = 1 / (least > 0 ? most : least);
  return asMatrix3(m.map((x) => x * scale));
}

/** Least sum of squared errors in the picture. */
function refined(start: Matrix3, pairs: readonly CalibrationPair[]): Matrix3 {
  const roads = pairs.map(({ road }) => road);
  const [a, b] = [normaliser(roads), normaliser(pairs.map(({ image }) => image))];
  const [aBack, bBack] = [invert(a), invert(b)];
  if (aBack === null || bBack === null) return start;
  const points = pairs.map(({ image, road }) => ({ road: project(a, road), image: project(b, image) }));
  const residuals = (p: readonly number[]): number[] => {
    const m = asMatrix3(p);
    return points.flatMap(({ road, image }) => {
      const pixel = road && project(m, road);
      return pixel && image ? [pixel[0] - image[0], pixel[1] - image[1]] : [Number.NaN, Number.NaN];
    });
  };
  const { parameters } = leastSquares(residuals, multiply(multiply(b, start), aBack));
  return multiply(multiply(bBack, asMatrix3(parameters)), a);
}

const fault = (code: CalibrationFaultCode, message: string, pair: number | null = null): CalibrationFault => ({
  code,
  message,
  pair,
});

/** A fault in the points themselves; null for none. */
export function pointsFault(pairs: readonly CalibrationPair[]): CalibrationFault | null {
  if (pairs.length < 4) return fault('TOO_FEW', `${pairs.length} pairs; at least four are needed`);
  const lost = pairs.findIndex(({ image, road }) => ![...image, ...road].every((x) => Math.abs(x) <= 1e7));
  if (lost >= 0) return fault('NOT_A_PLACE', 'a coordinate is no number up to ten million', lost);
  const [images, roads] = [pairs.map(({ image }) => image), pairs.map(({ road }) => road)];
  for (const [points, where] of [
    [images, 'in the picture'],
    [roads, 'on the road'],
  ] as const) {
    const again = twin(points);
    if (again >= 0) return fault('REPEATED', `pair ${again} repeats an earlier point ${where}`, again);
    if (collinear(points)) return fault('COLLINEAR', `all points but at most one lie on one line ${where}`);
  }
  return null;
}

/** The plane that maps the pairs with the least squared error in the picture, with nothing assumed about the camera. */
export function fitHomography(pairs: readonly CalibrationPair[]): Omit<PlaneMatrices, 'up'> | CalibrationFault {
  const wrong = pointsFault(pairs);
  if (wrong !== null) return wrong;
  const roads: Metres[] = pairs.map(({ road }) => road);
  const images: Pixel[] = pairs.map(({ image }) => image);
  const linear = directLinear(roads, images);
  if (linear === null || !linear.every(Number.isFinite)) return fault('COLLINEAR', 'the points determine no plane');
  const seen = facing(linear, roads);
  const mixedUp = fault('HORIZON', 'the points lie on both sides of the horizon: some pairs are wrong');
  if (seen === null) return mixedUp;
  const toImage = facing(refined(seen, pairs), roads);
  const back = toImage && invert(toImage);
  const toRoad = back && facing(back, images);
  if (toImage === null || toRoad === null) return mixedUp;
  if (determinant(toImage) > 0) {
    return fault('MIRRORED', 'seen from above, the y axis of the road points must lie to the left of their x axis');
  }
  return { toImage, toRoad };
}

export const isFault = (fit: object): fit is CalibrationFault => 'code' in fit;
