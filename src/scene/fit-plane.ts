import type { CalibrationPair } from '../messages/scene.ts';
import {
  calibrationErrors,
  fitHomography,
  isFault,
  project,
  type CalibrationErrors,
  type CalibrationFault,
  type PlaneMatrices,
} from './homography.ts';
import { leastSquares } from './least-squares.ts';
import { invert, type Matrix3 } from './linear-algebra.ts';
import { focalOf, nearestPinhole, pinholeMatrix, pinholeUp, type Pinhole, type PictureSize } from './pinhole.ts';
import type { Metres, Pixel } from './scene.types.ts';

export interface Calibration extends PlaneMatrices {
  readonly errors: CalibrationErrors;
  /** The camera, where one without distortion explains the pairs; null: a plane of the pairs alone. */
  readonly camera: Pinhole | null;
}

/**
 * What a pair may be off: a click by so many px of a picture of 1280 px, and a place that was paced or taken from an
 * aerial picture by a part of its distance from the camera. Only their proportion matters to the fit.
 */
const CLICK = 1.5 / 1280;
const PLACE = 0.02;
/**
 * Times those figures, root mean square, up to which pairs are believed; and with fewer than six, which check little.
 */
const BELIEVED = 5;
const BELIEVED_OF_FEW = 10;
/** Times those figures from which on a single wrong pair is looked for. */
const SUSPECT = 1.5;
/** Of more pairs none is named, for the search fits as many planes. */
const MOST_SUSPECTS = 24;
/** Times those figures at which one pair is off, when the others are three times better without it. */
const FAR_OFF = 8;
/** Times those figures under which a difference between two fits means nothing. */
const EXACT = 0.25;

/** Turns an error in px into multiples of what is expected there: lower triangle of a whitening matrix. */
type Weight = readonly [number, number, number];

function weightsOf(toImage: Matrix3, from: Metres, pairs: readonly CalibrationPair[], picture: PictureSize): Weight[] {
  const click = CLICK * picture.width;
  return pairs.map(({ road }) => {
    const place = PLACE * Math.hypot(road[0] - from[0], road[1] - from[1]);
    const m = toImage;
    const w = m[6] * road[0] + m[7] * road[1] + m[8];
    const [u, v] = project(m, road) ?? [0, 0];
    const [a, b] = [(m[0] - u * m[6]) / w, (m[1] - u * m[7]) / w];
    const [c, d] = [(m[3] - v * m[6]) / w, (m[4] - v * m[7]) / w];
    const [xx, xy, yy] = [
      click ** 2 + place ** 2 * (a * a + b * b),
      place ** 2 * (a * c + b * d),
      click ** 2 + place ** 2 * (c * c + d * d),
    ];
    const first = Math.sqrt(xx);
    const second = Math.sqrt(yy - (xy * xy) / xx);
    return [1 / first, -xy / (xx * second), 1 / second];
  });
}

function whitened(toImage: Matrix3, { image, road }: CalibrationPair, [a, b, c]: Weight): Pixel {
  const pixel = project(toImage, road);
  if (pixel === null) return [Number.NaN, Number.NaN];
  const [dx, dy] = [pixel[0] - image[0], pixel[1] - image[1]];
  return [a * dx, b * dx + c * dy];
}

const errorsOf = (toImage: Matrix3, pairs: readonly CalibrationPair[], weights: readonly Weight[]): number[] =>
  pairs.flatMap((pair, i) => whitened(toImage, pair, weights[i] ?? [1, 0, 1]));

const squares = (values: readonly number[]): number => values.reduce((sum, x) => sum + x * x, 0);

const cameraOf = ([focal = 0, pitch = 0, roll = 0, yaw = 0, height = 0, x = 0, y = 0]: readonly number[]): Pinhole => ({
  focal: Math.exp(focal),
  pitch,
  roll,
  yaw,
  height: Math.exp(height),
  x,
  y,
});

interface CameraFit {
  readonly camera: Pinhole;
  readonly toImage: Matrix3;
  readonly weights: readonly Weight[];
  /** Mean square of the errors in multiples of those expected, for each degree of freedom. */
  readonly misfit: number;
}

/** The camera that explains the pairs best, from a start. Usual focal lengths and level horizons break ties. */
function fitCamera(start: Pinhole, pairs: readonly CalibrationPair[], picture: PictureSize): CameraFit | null {
  let camera = start;
  let misfit = 1;
  let weights: Weight[] = [];
  for (let round = 0; round < 3; round += 1) {
    weights = weightsOf(pinholeMatrix(camera, picture), [camera.x, camera.y], pairs, picture);
    const trust = round === 0 ? 1e-3 : Math.sqrt(Math.min(misfit, 1));
    const residuals = (p: readonly number[]): number[] => {
      const tried = cameraOf(p);
      return [
        ...errorsOf(pinholeMatrix(tried, picture), pairs, weights),
        (trust * Math.log(tried.focal / (0.9 * picture.width))) / 0.4,
        (trust * tried.roll) / 0.03,
      ];
    };
    const { focal, pitch, roll, yaw, height, x, y } = camera;
    const found = leastSquares(residuals, [Math.log(focal), pitch, roll, yaw, Math.log(height), x, y]);
    if (!Number.isFinite(found.sum)) return null;
    camera = cameraOf(found.parameters);
    misfit = squares(errorsOf(pinholeMatrix(camera, picture), pairs, weights)) / (2 * pairs.length - 7);
  }
  const toImage = pinholeMatrix(camera, picture);
  return toImage.every(Number.isFinite) && Number.isFinite(misfit) ? { camera, toImage, weights, misfit } : null;
}

function bestCamera(free: Matrix3, pairs: readonly CalibrationPair[], picture: PictureSize): CameraFit | null {
  const found = focalOf(free, picture);
  const focals = [found ?? 0, 0.9 * picture.width, 1.6 * picture.width].filter(
    (f) => f > 0.2 * picture.width && f < 10 * picture.width,
  );
  let best: CameraFit | null = null;
  for (const focal of focals) {
    const start = nearestPinhole(free, focal, picture);
    const fit = start && fitCamera(start.camera, pairs, picture);
    if (fit !== null && (best === null || fit.misfit < best.misfit)) best = fit;
    if (best !== null && best.misfit < 1) break;
  }
  return best;
}

/** Null, too, where no plane comes near the pairs: that is found sooner than a camera. */
function cameraOfOthers(pairs: readonly CalibrationPair[], picture: PictureSize): CameraFit | null {
  const free = fitHomography(pairs);
  if (isFault(free)) return null;
  const off = calibrationErrors(free, pairs)?.rmsPx ?? Infinity;
  return off < 0.05 * picture.width ? bestCamera(free.toImage, pairs, picture) : null;
}

/**
 * The pair without which a camera explains the others at least three times better than `misfit`, while this one is far
 * off; null for none.
 */
function farOff(misfit: number, pairs: readonly CalibrationPair[], picture: PictureSize): number | null {
  if (pairs.length < 6 || pairs.length > MOST_SUSPECTS) return null;
  let found: { pair: number; misfit: number } | null = null;
  for (const [i, pair] of pairs.entries()) {
    const without = cameraOfOthers(pairs.toSpliced(i, 1), picture);
    if (without === null || 9 * Math.max(without.misfit, EXACT ** 2) > misfit) continue;
    const [weight] = weightsOf(without.toImage, [without.camera.x, without.camera.y], [pair], picture);
    const off = weight === undefined ? 0 : Math.hypot(...whitened(without.toImage, pair, weight));
    if (off <= FAR_OFF || without.misfit >= (found?.misfit ?? BELIEVED)) continue;
    found = { pair: i, misfit: without.misfit };
  }
  return found?.pair ?? null;
}

const badFit = (message: string, pair: number | null = null): CalibrationFault => ({ code: 'BAD_FIT', message, pair });

function finished(
  plane: Omit<PlaneMatrices, 'toRoad'>,
  camera: Pinhole | null,
  pairs: readonly CalibrationPair[],
): Calibration | CalibrationFault {
  const seen = pairs.map(({ road }) => plane.toImage[6] * road[0] + plane.toImage[7] * road[1] + plane.toImage[8]);
  const nearest = Math.min(...seen);
  const scale = (x: number): number => x / nearest;
  const [a, b, c, d, e, f, g, h, i] = plane.toImage;
  const toImage: Matrix3 = [scale(a), scale(b), scale(c), scale(d), scale(e), scale(f), scale(g), scale(h), scale(i)];
  const [x, y, z] = plane.up;
  const toRoad = invert(toImage);
  const matrices = toRoad && { toImage, toRoad, up: [scale(x), scale(y), scale(z)] as const };
  const errors = matrices && calibrationErrors(matrices, pairs);
  if (matrices === null || errors === null) return badFit('a pair lies beyond the horizon that the others give');
  return { ...matrices, camera, errors };
}

const farOffFault = (pair: number): CalibrationFault =>
  badFit(`pair ${pair} is far from where the others put it`, pair);

function freePlane(
  toImage: Matrix3,
  pairs: readonly CalibrationPair[],
  picture: PictureSize,
): Calibration | CalibrationFault {
  const near = nearestPinhole(toImage, focalOf(toImage, picture) ?? 0.9 * picture.width, picture);
  return finished({ toImage, up: near?.up ?? [0, 0, 0] }, null, pairs);
}

/**
 * The plane of the road from pairs of points; image points in px of a picture of the given size. A camera without
 * distortion has seven unknowns where a free plane has eight, and its place and tilt keep far and near points in
 * proportion: where it explains the pairs as well, it is taken, for errors of the pairs disturb it less.
 */
export function fitPlane(pairs: readonly CalibrationPair[], picture: PictureSize): Calibration | CalibrationFault {
  const free = fitHomography(pairs);
  if (isFault(free)) {
    // One wrong pair can bend the plane so much that some points come to lie beyond its horizon.
    const wrong = free.code === 'HORIZON' || free.code === 'MIRRORED' ? farOff(Infinity, pairs, picture) : null;
    return wrong === null ? free : farOffFault(wrong);
  }
  const fit = bestCamera(free.toImage, pairs, picture);
  if (fit === null) return freePlane(free.toImage, pairs, picture);
  const few = pairs.length < 6;
  const misfitOfFree = few ? 1 : squares(errorsOf(free.toImage, pairs, fit.weights)) / (2 * pairs.length - 8);
  const least = Math.min(fit.misfit, misfitOfFree);
  const wrong = least > SUSPECT ** 2 ? farOff(least, pairs, picture) : null;
  if (wrong !== null) return farOffFault(wrong);
  if (few ? fit.misfit > BELIEVED_OF_FEW ** 2 : least > BELIEVED ** 2) {
    return badFit('the pairs contradict each other: no plane comes near them all');
  }
  return fit.misfit <= 3 * Math.max(misfitOfFree, EXACT ** 2)
    ? finished({ toImage: fit.toImage, up: pinholeUp(fit.camera, picture) }, fit.camera, pairs)
    : freePlane(free.toImage, pairs, picture);
}
