import type { FrameSize } from './frame.ts';

/** The input of a model, with every default filled in. See `ModelInput` of the messages. */
export interface InputFormat {
  readonly width: number;
  readonly height: number;
  readonly layout: 'nchw' | 'nhwc';
  readonly channelOrder: 'rgb' | 'bgr';
  /** Input value = (pixel - mean) / std, pixel 0..255; `[R, G, B]`. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly fit: 'stretch' | 'letterbox-top-left' | 'letterbox-centre';
  /** Pixel value around the frame, 0..255. */
  readonly padValue: number;
}

/** Where a frame lies in the model's picture, in px of that. */
export interface Placement {
  readonly offsetX: number;
  readonly offsetY: number;
  /** Size of the frame inside the model's picture. */
  readonly width: number;
  readonly height: number;
}

/**
 * A frame that lacks less than this part of a side is not stretched to it: 448x252 in 448x256. Such frames are copied,
 * which is sharper and cheaper than to resample them.
 */
const NEARLY = 1 / 48;

/**
 * The placement of a frame of this size. Letterboxes keep its aspect ratio to within half a pixel, `stretch` to within
 * 2 % for frames of nearly the size of the model's picture, which lie in the middle of it as they are.
 */
export function place(
  frameWidth: number,
  frameHeight: number,
  format: Pick<InputFormat, 'width' | 'height' | 'fit'>,
): Placement {
  let { width, height } = format;
  const fits = isNearly(frameWidth, width) && isNearly(frameHeight, height);
  if (fits) {
    width = frameWidth;
    height = frameHeight;
  } else if (format.fit !== 'stretch') {
    const ratio = Math.min(width / frameWidth, height / frameHeight);
    width = Math.max(1, Math.round(frameWidth * ratio));
    height = Math.max(1, Math.round(frameHeight * ratio));
  }
  const centred = format.fit !== 'letterbox-top-left';
  return {
    offsetX: centred ? (format.width - width) >> 1 : 0,
    offsetY: centred ? (format.height - height) >> 1 : 0,
    width,
    height,
  };
}

const isNearly = (own: number, wanted: number): boolean => own <= wanted && wanted - own < wanted * NEARLY;

/**
 * The size that pictures should be scaled down to fit, keeping their shape, before they come to this model. For
 * `stretch` it is as wide as the model's picture and high enough for 4:3, so that a picture of 4:3 to 16:9 keeps every
 * pixel that the model can use in its width.
 */
export function sizeToFit({ width, height, fit }: Pick<InputFormat, 'width' | 'height' | 'fit'>): FrameSize {
  return { width, height: fit === 'stretch' ? Math.max(height, Math.round((width * 3) / 4)) : height };
}

/**
 * A box of the model's picture, `[x1, y1, x2, y2]`, in px of the frame's display size and clipped to it; null when it
 * lies outside.
 */
export function toDisplay(
  box: readonly [number, number, number, number],
  placement: Placement,
  display: FrameSize,
): [number, number, number, number] | null {
  const scaleX = display.width / placement.width;
  const scaleY = display.height / placement.height;
  const x1 = Math.max(0, (box[0] - placement.offsetX) * scaleX);
  const y1 = Math.max(0, (box[1] - placement.offsetY) * scaleY);
  const x2 = Math.min(display.width, (box[2] - placement.offsetX) * scaleX);
  const y2 = Math.min(display.height, (box[3] - placement.offsetY) * scaleY);
  return x1 < x2 && y1 < y2 ? [x1, y1, x2, y2] : null;
}
