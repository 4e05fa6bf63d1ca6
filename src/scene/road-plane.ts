import { project, type PlaneMatrices } from './homography.ts';
import type { Metres, Pixel, RoadPlane } from './scene.types.ts';

/**
 * Third coordinate of `toRoad` under which a pixel counts as horizon. `toRoad` is scaled so that this coordinate is 1
 * at the nearest calibrated point, and the distance from the camera grows as its inverse.
 */
const HORIZON = 1e-3;

/** Equal matrices have equal versions; others differ but for a chance of 1 in 2^32 (FNV-1a). */
function versionOf({ toImage }: PlaneMatrices): number {
  const bytes = new Uint8Array(Float64Array.from(toImage).buffer);
  return bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01_00_01_93) >>> 0, 0x81_1c_9d_c5);
}

/** Third coordinate of `toRoad` at a pixel; positive below the horizon. */
export const belowHorizon =
  ({ toRoad }: PlaneMatrices) =>
  ([x, y]: Pixel): number =>
    toRoad[6] * x + toRoad[7] * y + toRoad[8] - HORIZON;

/**
 * Longest and shortest axis of the ellipse that a circle of 1 px covers on the road (singular values of the Jacobian).
 */
function ellipse(
  { toRoad: m }: PlaneMatrices,
  pixel: Pixel,
  [x, y]: Metres,
): { along: number; across: number; away: Metres } {
  const w = m[6] * pixel[0] + m[7] * pixel[1] + m[8];
  const [a, b] = [(m[0] - x * m[6]) / w, (m[1] - x * m[7]) / w];
  const [c, d] = [(m[3] - y * m[6]) / w, (m[4] - y * m[7]) / w];
  const [xx, yy, xy] = [a * a + b * b, c * c + d * d, a * c + b * d];
  const spread = Math.sqrt((xx - yy) ** 2 + 4 * xy * xy);
  const along = Math.sqrt((xx + yy + spread) / 2);
  // Of the two ways to write the longest axis, the one that is not 0.
  let [ux, uy] = xx >= yy ? [xx - yy + spread, 2 * xy] : [2 * xy, yy - xx + spread];
  const length = Math.sqrt(ux * ux + uy * uy);
  [ux, uy] = length > 0 ? [ux / length, uy / length] : [1, 0];
  // Away from the camera is towards the horizon: w falls. By the inverse Jacobian, times its determinant.
  const determinant = a * d - b * c;
  const falls = (m[6] * (d * ux - b * uy) + m[7] * (a * uy - c * ux)) * determinant;
  return { along, across: Math.abs(determinant) / along, away: falls <= 0 ? [ux, uy] : [-ux, -uy] };
}

export function makeRoadPlane(
  matrices: PlaneMatrices,
  {
    calibrated,
    version = versionOf(matrices),
    scaleError,
  }: { calibrated: boolean; version?: number; scaleError?: number },
): RoadPlane {
  const { toImage, toRoad, up } = matrices;
  const road = (pixel: Pixel): Metres | null => project(toRoad, pixel, HORIZON);
  return {
    calibrated,
    version,
    ...(scaleError === undefined ? {} : { scaleError }),
    toRoad: road,
    toImage(place, height = 0) {
      if (height === 0) return project(toImage, place);
      const [a, b, c, d, e, f, g, h, i] = toImage;
      return project([a, b, c + up[0] * height, d, e, f + up[1] * height, g, h, i + up[2] * height], place);
    },
    metresPerPixel(pixel) {
      const place = road(pixel);
      return place === null ? null : ellipse(matrices, pixel, place);
    },
  };
}
