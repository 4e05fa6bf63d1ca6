import type { Mark } from './draw-marks.ts';
import type { MarkedRegion, Region } from './encode-job.ts';

/** In px. */
interface Pixels {
  readonly width: number;
  readonly height: number;
}

/** A rectangle of whole px, to be scaled down to `maxSide` px where it is wider or higher. */
export interface ScaledRegion extends Region {
  readonly maxSide: number;
}

/** Most px of a crop's longer side: pictures for the model stay small. */
const MAX_CROP_SIDE = 640;

/** The whole picture, at most `maxWidth` px wide. */
export const wholePicture = ({ width, height }: Pixels, maxWidth: number): ScaledRegion => ({
  left: 0,
  top: 0,
  width,
  height,
  maxSide: Math.ceil(Math.max(width, height) * Math.min(1, maxWidth / width)),
});

/** The whole px of `picture` that a region of the same picture in the size `from` covers. */
export function cropOf(region: Region, from: Pixels, picture: Pixels): ScaledRegion {
  const [x, y] = [picture.width / from.width, picture.height / from.height];
  const left = Math.min(Math.floor(region.left * x), picture.width - 1);
  const top = Math.min(Math.floor(region.top * y), picture.height - 1);
  const right = Math.max(left + 1, Math.min(picture.width, Math.ceil((region.left + region.width) * x)));
  const bottom = Math.max(top + 1, Math.min(picture.height, Math.ceil((region.top + region.height) * y)));
  return { left, top, width: right - left, height: bottom - top, maxSide: MAX_CROP_SIDE };
}

/** The marks of a region, in px of the picture `crop` that was made of it. Arguments as those of {@link cropOf}. */
export function marksInCrop(region: MarkedRegion, from: Pixels, picture: Pixels, crop: Pixels): readonly Mark[] {
  const { left, top, width, height } = cropOf(region, from, picture);
  const x = (at: number): number => ((at * picture.width) / from.width - left) * (crop.width / width);
  const y = (at: number): number => ((at * picture.height) / from.height - top) * (crop.height / height);
  return region.marks.map(({ box: [x1, y1, x2, y2], label }) => ({ box: [x(x1), y(y1), x(x2), y(y2)], label }));
}
