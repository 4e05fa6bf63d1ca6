/** A pole camera: where it stands, and the picture it gives. */
import type { Box } from '../../../src/messages/detection.ts';
import { corners, type Footprint } from '../../../src/scene/footprint.ts';
import { invert, type Matrix3 } from '../../../src/scene/linear-algebra.ts';
import { type Pinhole, pinholeMatrix } from '../../../src/scene/pinhole.ts';
import type { Metres } from '../../../src/scene/scene.types.ts';
import type { Point } from '../scene-folder.ts';

export const PICTURE = { width: 1280, height: 720 };
/** Nearer than this, nothing is shown, m. */
const NEAR_METRES = 2;
/** Zones end so far from the camera, m. */
const FAR_METRES = 160;
/** Of a road user, at least this share must be in the picture; smaller boxes than this are none, px. */
const LEAST_INSIDE = 0.25;
const LEAST_PX = 5;

export class PoleCamera {
  readonly pose: Pinhole;
  readonly #matrix: Matrix3;
  readonly #inverse: Matrix3;

  constructor(pose: Pinhole) {
    this.pose = pose;
    this.#matrix = pinholeMatrix(pose, PICTURE);
    const inverse = invert(this.#matrix);
    if (inverse === null) throw new RangeError('a camera in the plane of the road');
    this.#inverse = inverse;
  }

  /** Metres before the camera. */
  depthOf([x, y]: Metres): number {
    const { yaw } = this.pose;
    return (x - this.pose.x) * -Math.sin(yaw) + (y - this.pose.y) * Math.cos(yaw);
  }

  /** Of a place `up` metres above the road; null behind the camera. */
  project([x, y]: Metres, up = 0): Point | null {
    const { pitch, yaw, height, focal } = this.pose;
    const [dx, dy] = [x - this.pose.x, y - this.pose.y];
    const right = dx * Math.cos(yaw) + dy * Math.sin(yaw);
    const ahead = -dx * Math.sin(yaw) + dy * Math.cos(yaw);
    const below = height - up;
    const depth = ahead * Math.cos(pitch) + below * Math.sin(pitch);
    if (depth < NEAR_METRES) return null;
    const down = below * Math.cos(pitch) - ahead * Math.sin(pitch);
    return [PICTURE.width / 2 + (focal * right) / depth, PICTURE.height / 2 + (focal * down) / depth];
  }

  /** Null at the horizon and above. */
  toRoad([u, v]: Point): Metres | null {
    const [a, b, c, d, e, f, g, h, i] = this.#inverse;
    const w = g * u + h * v + i;
    const forward = this.#matrix;
    const place: Metres = [(a * u + b * v + c) / w, (d * u + e * v + f) / w];
    const depth = forward[6] * place[0] + forward[7] * place[1] + forward[8];
    return Number.isFinite(place[0]) && depth > NEAR_METRES ? place : null;
  }

  /** Around a road user of a height in metres, within the picture; null when too little of it is there. */
  boxOf(footprint: Footprint, height: number): Box | null {
    let [x1, y1, x2, y2] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const corner of corners(footprint)) {
      for (const up of [0, height]) {
        const pixel = this.project(corner, up);
        if (pixel === null) return null;
        [x1, y1] = [Math.min(x1, pixel[0]), Math.min(y1, pixel[1])];
        [x2, y2] = [Math.max(x2, pixel[0]), Math.max(y2, pixel[1])];
      }
    }
    const box: Box = [Math.max(0, x1), Math.max(0, y1), Math.min(PICTURE.width, x2), Math.min(PICTURE.height, y2)];
    const [width, tall] = [box[2] - box[0], box[3] - box[1]];
    if (width < LEAST_PX || tall < LEAST_PX) return null;
    return width * tall >= LEAST_INSIDE * (x2 - x1) * (y2 - y1) ? box : null;
  }

  /** A polygon on the road as it is in the picture; null when none of it is. */
  polygonOf(polygon: readonly Metres[]): Point[] | null {
    const near = clip(polygon, (point) => this.depthOf(point) - NEAR_METRES * 3);
    const ground = clip(near, (point) => FAR_METRES - this.depthOf(point));
    const pixels = ground.flatMap((point) => {
      const pixel = this.project(point);
      return pixel === null ? [] : [pixel];
    });
    const { width, height } = PICTURE;
    const sides = [
      ([x]: Metres): number => x,
      ([x]: Metres): number => width - x,
      ([, y]: Metres): number => y,
      ([, y]: Metres): number => height - y,
    ];
    const shown = sides.reduce(clip, pixels);
    return shown.length >= 3 && areaOf(shown) > 60 ? shown.map(([x, y]) => [round(x), round(y)]) : null;
  }
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** The part of a polygon where `inside` is not negative (Sutherland and Hodgman 1974). */
function clip(polygon: readonly Metres[], inside: (point: Metres) => number): Metres[] {
  return polygon.flatMap((point, index) => {
    const before = polygon[(index + polygon.length - 1) % polygon.length] ?? point;
    const [a, b] = [inside(before), inside(point)];
    const crossing: Metres[] =
      a < 0 === b < 0
        ? []
        : [[before[0] + ((point[0] - before[0]) * a) / (a - b), before[1] + ((point[1] - before[1]) * a) / (a - b)]];
    return b < 0 ? crossing : [...crossing, point];
  });
}

export const areaOf = (polygon: readonly Metres[]): number =>
  Math.abs(
    polygon.reduce((sum, [x, y], index) => {
      const [nextX, nextY] = polygon[(index + 1) % polygon.length] ?? [x, y];
      return sum + x * nextY - nextX * y;
    }, 0),
  ) / 2;
