import type { Box } from '../messages/detection.ts';

/** A rectangle of whole pixels inside a frame, at least 1x1. */
export interface CropRectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** In px. */
const CROP_MARGIN = 12;

/** The part of a frame that shows `box` (px of the frame) with `margin` px around it, clipped to the frame. */
export function cropRectangle(box: Box, frameWidth: number, frameHeight: number, margin = CROP_MARGIN): CropRectangle {
  const left = Math.min(Math.max(0, Math.floor(box[0] - margin)), frameWidth - 1);
  const top = Math.min(Math.max(0, Math.floor(box[1] - margin)), frameHeight - 1);
  const right = Math.max(left + 1, Math.min(frameWidth, Math.ceil(box[2] + margin)));
  const bottom = Math.max(top + 1, Math.min(frameHeight, Math.ceil(box[3] + margin)));
  return { left, top, width: right - left, height: bottom - top };
}
