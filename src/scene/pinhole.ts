import { invert, multiply, type Matrix3 } from './linear-algebra.ts';

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** A camera without distortion, with square pixels, whose axis goes through the middle of the picture. */
export interface Pinhole {
  /** px */
  readonly focal: number;
  /** Radians by which the axis points below the horizontal. */
  readonly pitch: number;
  /** Radians about the axis; positive turns the picture's content clockwise. */
  readonly roll: number;
  /** Radians, counter-clockwise from the road's y axis to the way that the camera looks. */
  readonly yaw: number;
  /** Above the road, m. */
  readonly height: number;
  /** Of its foot, m. */
  readonly x: number;
  readonly y: number;
}

type Column = readonly [number, number, number];

const apply = (m: Matrix3, [x, y, z]: Column): Column => [
  m[0] * x + m[1] * y + m[2] * z,
  m[3] * x + m[4] * y + m[5] * z,
  m[6] * x + m[7] * y + m[8] * z,
];

/** From what is right of the camera, below it and ahead of it, to px. */
function lens({ focal, roll }: Pinhole, { width, height }: PictureSize): Matrix3 {
  const [c, s] = [Math.cos(roll), Math.sin(roll)];
  return multiply([focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1], [c, -s, 0, s, c, 0, 0, 0, 1]);
}

/** From metres on the road to px. The third coordinate is the depth along the camera's axis, m. */
export function pinholeMatrix(camera: Pinhole, picture: PictureSize): Matrix3 {
  const { pitch, yaw, x, y, height } = camera;
  const [cp, sp, cy, sy] = [Math.cos(pitch), Math.sin(pitch), Math.cos(yaw), Math.sin(yaw)];
  const ahead: Matrix3 = [cy, sy, -cy * x - sy * y, -sy, cy, sy * x - cy * y, 0, 0, 1];
  const looking: Matrix3 = [1, 0, 0, 0, -sp, height * cp, 0, cp, height * sp];
  return multiply(lens(camera, picture), multiply(looking, ahead));
}

/** The change of the three coordinates of `pinholeMatrix` for each metre of height. */
export const pinholeUp = (camera: Pinhole, picture: PictureSize): Column =>
  apply(lens(camera, picture), [0, -Math.cos(camera.pitch), -Math.sin(camera.pitch)]);

const cross = (a: Column, b: Column): Column => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
const dot = (a: Column, b: Column): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const scaled = (a: Column, by: number): Column => [a[0] * by, a[1] * by, a[2] * by];
const plus = (a: Column, b: Column): Column => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const unit = (a: Column): Column => scaled(a, 1 / Math.sqrt(dot(a, a)));

/**
 * Focal length in px for which the road's axes come out at right angles and of one length (Zhang 2000, 3.1; least
 * squares of both conditions); null where the matrix allows none, as for a camera that looks straight down.
 */
export function focalOf(toImage: Matrix3, { width, height }: PictureSize): number | null {
  const m = multiply([1, 0, -width / 2, 0, 1, -height / 2, 0, 0, 1], toImage);
  const [a1, b1] = [m[0] * m[1] + m[3] * m[4], m[6] * m[7]];
  const [a2, b2] = [(m[0] * m[0] + m[3] * m[3] - m[1] * m[1] - m[4] * m[4]) / 2, (m[6] * m[6] - m[7] * m[7]) / 2];
  const square = -(a1 * b1 + a2 * b2) / (b1 * b1 + b2 * b2);
  return square > 0 && Number.isFinite(square) ? Math.sqrt(square) : null;
}

/**
 * The camera whose matrix comes near `toImage`, which need not be one of a pinhole; its axes are made square.
 * `up` is what a metre of height adds to the coordinates of `toImage`, in the matrix's own scale.
 */
export function nearestPinhole(
  toImage: Matrix3,
  focal: number,
  { width, height }: PictureSize,
): { camera: Pinhole; up: Column } | null {
  const lensMatrix: Matrix3 = [focal, 0, width / 2, 0, focal, height / 2, 0, 0, 1];
  const back = invert(lensMatrix);
  if (back === null) return null;
  const m = multiply(back, toImage);
  const first: Column = [m[0], m[3], m[6]];
  const second: Column = [m[1], m[4], m[7]];
  const third: Column = [m[2], m[5], m[8]];
  const normal = unit(cross(first, second));
  const scale = Math.sqrt(Math.sqrt(dot(first, first) * dot(second, second)));
  // The two nearest vectors at right angles lie evenly about the sum and the difference of the given ones.
  const [a, b] = [unit(first), unit(second)];
  const [sum, difference] = [unit(plus(a, b)), unit(plus(a, scaled(b, -1)))];
  const x = scaled(plus(sum, difference), Math.SQRT1_2);
  const y = scaled(plus(sum, scaled(difference, -1)), Math.SQRT1_2);
  const t = scaled(third, 1 / scale);
  const centre: Column = [-dot(x, t), -dot(y, t), -dot(normal, t)];
  const forward: Column = [x[2], y[2], normal[2]];
  const down: Column = [x[1], y[1], normal[1]];
  const right: Column = [x[0], y[0], normal[0]];
  const yaw = Math.atan2(-forward[0], forward[1]);
  const level: Column = [Math.cos(yaw), Math.sin(yaw), 0];
  const camera: Pinhole = {
    focal,
    pitch: Math.asin(Math.max(-1, Math.min(1, -forward[2]))),
    roll: Math.atan2(dot(down, level), dot(right, level)),
    yaw,
    height: centre[2],
    x: centre[0],
    y: centre[1],
  };
  const up = scaled(apply(lensMatrix, normal), scale);
  return Object.values(camera).every(Number.isFinite) && camera.height > 0 ? { camera, up } : null;
}
