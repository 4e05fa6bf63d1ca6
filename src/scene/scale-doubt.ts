import type { CalibrationPair } from '../messages/scene.ts';
import { fitPlane, type Calibration } from './fit-plane.ts';
import { isFault } from './homography.ts';
import type { PictureSize } from './pinhole.ts';
import { makeRoadPlane } from './road-plane.ts';
import type { Pixel, RoadPlane } from './scene.types.ts';

/** Pairs that agree this well, root mean square in px, leave no doubt. */
const EXACT_PX = 0.5;
/** Where a plane without one of the pairs has no road, lengths are off by so much. */
const UNKNOWN = 1;

/**
 * Standard error of lengths away from the camera at a pixel, as a part of them: by the jackknife (Tukey 1958), from the
 * planes that the pairs give without one of them. 0 for too few pairs to tell. The planes are fitted when it is first
 * asked for. `picture` is that of the pairs.
 */
export function scaleDoubtOf(
  pairs: readonly CalibrationPair[],
  picture: PictureSize,
  { errors }: Calibration,
): (pixel: Pixel) => number {
  let planes: readonly RoadPlane[] | null = errors.rmsPx < EXACT_PX ? [] : null;
  return (pixel) => {
    planes ??= planesWithoutOne(pairs, picture);
    const logs = planes.map((plane) => Math.log(plane.metresPerPixel(pixel)?.along ?? NaN));
    if (logs.length < 2) return 0;
    if (logs.some(Number.isNaN)) return UNKNOWN;
    const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
    const squares = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    return Math.sqrt(((logs.length - 1) / logs.length) * squares);
  };
}

const planesWithoutOne = (pairs: readonly CalibrationPair[], picture: PictureSize): readonly RoadPlane[] =>
  pairs.flatMap((_, i) => {
    const fit = fitPlane(pairs.toSpliced(i, 1), picture);
    return isFault(fit) ? [] : [makeRoadPlane(fit, { calibrated: true })];
  });
