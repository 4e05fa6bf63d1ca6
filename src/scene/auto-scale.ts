import { footPixel } from './box-foot.ts';
import { BoxSample } from './box-sample.ts';
import { boxOf } from './cuboid.ts';
import { footprintOf, support } from './footprint.ts';
import type { PlaneMatrices } from './homography.ts';
import { covariance, leastSquares } from './least-squares.ts';
import { invert } from './linear-algebra.ts';
import { pinholeMatrix, pinholeUp, type Pinhole, type PictureSize } from './pinhole.ts';
import { makeRoadPlane } from './road-plane.ts';
import type { Metres, Pixel, RoadPlane, SeenBox } from './scene.types.ts';
import { SIZES } from './sizes.ts';

export interface ScaleEstimate {
  readonly matrices: PlaneMatrices;
  /** From 1; changes with the matrices. */
  readonly version: number;
  /** Standard error of lengths on the road, as a part of them. */
  readonly relativeError: number;
}

/** A ground plane from the sizes of road users. */
export interface AutoScale {
  readonly estimate: ScaleEstimate;
  /** Takes the boxes of one frame. True when the estimate changed. */
  learn(boxes: readonly SeenBox[]): boolean;
}

/**
 * Usual cameras of streets, from which the boxes seen pull the estimate away. Standard deviations are of logarithms.
 */
const FOCAL = { widths: 0.85, sd: 0.2 };
const HEIGHT = { metres: 8, sd: 0.5 };
const PITCH = { radians: 0.25, sd: 0.2 };
/** Standard deviation of the logarithm of a box's sides, by sizes within a class and by the detector. */
const SIDE_SD = 0.12;
/** Error of the mean sizes themselves: of what drives and walks here, compared with elsewhere. */
const SIZE_SD = 0.05;
/** Boxes that tell as much as one whose error owes nothing to others: the boxes of one car err alike. */
const ALIKE = 3;
/** Kept boxes at which the first estimate is made; the next follow at twice as many, but at least after so many. */
const FIRST = 8;
const OFTEN = 1000;
/** Change of lengths, as a part of them, under which the earlier estimate stays; or under the error of the new one. */
const STAYS = 0.05;

/** Ways that a road user may be turned; a half turn looks the same. */
const TURNS = Array.from({ length: 8 }, (_, k) => (k * Math.PI) / 8);

/** Sides of its box a second from which on a road user's way tells its heading. */
const MOVES = 0.3;

type Parameters = readonly number[];

const cameraOf = ([focal = 0, pitch = 0, height = 0]: Parameters, { width }: PictureSize): Pinhole => ({
  focal: width * Math.exp(focal),
  pitch,
  roll: 0,
  yaw: 0,
  height: Math.exp(height),
  x: 0,
  y: 0,
});

function matricesOf(camera: Pinhole, picture: PictureSize): PlaneMatrices | null {
  const toImage = pinholeMatrix(camera, picture);
  const toRoad = invert(toImage);
  return toRoad && { toImage, toRoad, up: pinholeUp(camera, picture) };
}

/** Cauchy's: an error far beyond the usual counts little more than a large one. */
const tamed = (error: number): number => Math.sign(error) * Math.sqrt(Math.log1p(error * error));
/** For a box where this camera sees no road. */
const IMPOSSIBLE = [3, 3] as const;

/**
 * Heading of a box that moves, by the way of its foot; null for one that stands or goes where this camera sees no road.
 */
function headingOf(plane: RoadPlane, { bbox, velocity }: SeenBox, foot: Pixel, place: Metres): number | null {
  const [vx, vy] = velocity ?? [0, 0];
  const speed = Math.hypot(vx, vy);
  const side = bbox[3] - bbox[1];
  if (!(speed > MOVES * side)) return null;
  const part = (0.2 * side) / speed;
  const next = plane.toRoad([foot[0] + vx * part, foot[1] + vy * part]);
  return next && Math.atan2(next[1] - place[1], next[0] - place[0]);
}

/** Errors of width and height of a box, as turned best, in standard deviations. */
function sidesOff(plane: RoadPlane, seen: SeenBox): readonly [number, number] {
  const { class: name, bbox } = seen;
  const foot = footPixel(bbox);
  const [place, pixel] = [plane.toRoad(foot), plane.metresPerPixel(foot)];
  if (place === null || pixel === null) return IMPOSSIBLE;
  const size = SIZES[name];
  let best: readonly [number, number] = IMPOSSIBLE;
  const heading = headingOf(plane, seen, foot, place);
  const turns = name === 'person' ? [0] : heading === null ? TURNS : [heading];
  for (const turn of turns) {
    const near = footprintOf(place, turn, size);
    const far = support(near, pixel.away);
    const middle = [place[0] + pixel.away[0] * far, place[1] + pixel.away[1] * far] as const;
    const box = boxOf(plane, { ...near, place: middle }, size.height);
    if (box === null) continue;
    const wide = Math.log((bbox[2] - bbox[0]) / (box[2] - box[0])) / SIDE_SD;
    const high = Math.log((bbox[3] - bbox[1]) / (box[3] - box[1])) / SIDE_SD;
    if (Math.hypot(wide, high) < Math.hypot(...best)) best = [wide, high];
  }
  return [tamed(best[0]), tamed(best[1])];
}

const expected: Parameters = [Math.log(FOCAL.widths), PITCH.radians, Math.log(HEIGHT.metres)];

function residualsOf(boxes: readonly SeenBox[], picture: PictureSize): (p: Parameters) => number[] {
  return (p) => {
    const matrices = matricesOf(cameraOf(p, picture), picture);
    if (matrices === null) return [Number.NaN];
    const plane = makeRoadPlane(matrices, { calibrated: false, version: 0 });
    const priors = [FOCAL.sd, PITCH.sd, HEIGHT.sd].map((sd, k) => ((p[k] ?? 0) - (expected[k] ?? 0)) / sd);
    return [...boxes.flatMap((box) => sidesOff(plane, box)), ...priors];
  };
}

const STARTS: readonly Parameters[] = [0.05, 0.15, 0.3, 0.5].flatMap((pitch) =>
  [4, 8, 14].map((height) => [Math.log(FOCAL.widths), pitch, Math.log(height)]),
);

/** At some feet of boxes: lengths along and across in metres, for a px. */
const lengthsAt = (matrices: PlaneMatrices, boxes: readonly SeenBox[]): number[] => {
  const plane = makeRoadPlane(matrices, { calibrated: false, version: 0 });
  return boxes.flatMap(({ bbox }) => {
    const pixel = plane.metresPerPixel(footPixel(bbox));
    return pixel === null ? [Number.NaN, Number.NaN] : [pixel.along, pixel.across];
  });
};

/** Root mean square of the logarithms of ratios, over those that both have. */
function changeOf(a: readonly number[], b: readonly number[]): number {
  const logs = a.map((x, i) => Math.log(x / (b[i] ?? Number.NaN))).filter(Number.isFinite);
  return logs.length === 0 ? Infinity : Math.sqrt(logs.reduce((sum, x) => sum + x * x, 0) / logs.length);
}

const every = <T>(values: readonly T[], most: number): T[] =>
  values.filter((_, i) => i % Math.ceil(values.length / most) === 0);

/** The camera that explains the boxes best, and the error of its lengths. */
function estimateFrom(
  boxes: readonly SeenBox[],
  picture: PictureSize,
  before: Parameters,
): { p: Parameters; error: number } {
  const few = residualsOf(every(boxes, 40), picture);
  const cost = (p: Parameters): number => few(p).reduce((sum, x) => sum + x * x, 0);
  const starts = [before, ...STARTS].map((p) => ({ p, cost: cost(p) })).filter(({ cost: c }) => Number.isFinite(c));
  const start = starts.toSorted((a, b) => a.cost - b.cost)[0]?.p ?? before;
  const residuals = residualsOf(boxes, picture);
  const { parameters } = leastSquares(residuals, start, 10);
  return { p: parameters, error: lengthError(residuals, parameters, every(boxes, 10), picture) };
}

function lengthError(
  residuals: (p: Parameters) => number[],
  p: Parameters,
  boxes: readonly SeenBox[],
  picture: PictureSize,
): number {
  const cov = covariance(residuals, p);
  const lengths = (q: Parameters): number[] => {
    const matrices = matricesOf(cameraOf(q, picture), picture);
    return matrices === null ? [] : lengthsAt(matrices, boxes).map(Math.log);
  };
  const here = lengths(p);
  const step = 1e-4;
  const slopes = p.map((_, k) =>
    lengths(p.map((x, j) => (j === k ? x + step : x))).map((y, i) => (y - (here[i] ?? 0)) / step),
  );
  const n = p.length;
  const variance = (i: number): number =>
    slopes
      .flatMap((a, j) => slopes.map((b, k) => (a[i] ?? 0) * (b[i] ?? 0) * (cov?.[j * n + k] ?? Infinity)))
      .reduce((sum, x) => sum + x, 0);
  const variances = here.map((_, i) => ALIKE * variance(i)).filter(Number.isFinite);
  if (variances.length === 0) return 1;
  return Math.sqrt(variances.reduce((sum, x) => sum + x, 0) / variances.length + SIZE_SD ** 2);
}

/**
 * Height and tilt of the camera from the boxes of cars and people: the farther their feet are below the horizon, the
 * larger they are (Hoiem et al., Putting Objects in Perspective, 2006). The focal length hardly shows in the sizes, so
 * it stays near that of usual cameras. The road's frame has its origin under the camera and y ahead.
 */
export function createAutoScale(picture: PictureSize): AutoScale {
  const sample = new BoxSample(picture);
  const first = matricesOf(cameraOf(expected, picture), picture);
  if (first === null) throw new RangeError('a picture without size');
  let estimate: ScaleEstimate = { matrices: first, version: 1, relativeError: 0.6 };
  let parameters = expected;
  let kept = 0;
  let due = FIRST;
  return {
    get estimate() {
      return estimate;
    },
    learn(boxes) {
      kept += sample.add(boxes);
      if (kept < due) return false;
      due = kept + Math.min(OFTEN, kept);
      const { p, error } = estimateFrom(sample.boxes, picture, parameters);
      const matrices = matricesOf(cameraOf(p, picture), picture);
      if (matrices === null || !p.every(Number.isFinite)) return false;
      const feet = every(sample.boxes, 20);
      const stays = changeOf(lengthsAt(matrices, feet), lengthsAt(estimate.matrices, feet)) < Math.max(STAYS, error);
      if (stays) {
        estimate = { ...estimate, relativeError: error };
        return false;
      }
      parameters = p;
      estimate = { matrices, version: estimate.version + 1, relativeError: error };
      return true;
    },
  };
}
