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

/** Where a frame lies in the model's picture: `model = frame * scale + offset` for each axis, in px. */
export interface Placement {
  readonly scaleX: number;
  readonly scaleY: number;
  readonly offsetX: number;
  readonly offsetY: number;
  /** Size in px of the frame inside the model's picture. */
  readonly width: number;
  readonly height: number;
}

/** The placement of a frame of this size; letterboxes keep its aspect ratio to within half a pixel. */
export function place(
  frameWidth: number,
  frameHeight: number,
  format: Pick<InputFormat, 'width' | 'height' | 'fit'>,
): Placement {
  let { width, height } = format;
  if (format.fit !== 'stretch') {
    const ratio = Math.min(width / frameWidth, height / frameHeight);
    width = Math.max(1, Math.round(frameWidth * ratio));
    height = Math.max(1, Math.round(frameHeight * ratio));
  }
  const centred = format.fit === 'letterbox-centre';
  return {
    scaleX: width / frameWidth,
    scaleY: height / frameHeight,
    offsetX: centred ? (format.width - width) >> 1 : 0,
    offsetY: centred ? (format.height - height) >> 1 : 0,
    width,
    height,
  };
}

/**
 * A box of the model's picture, `[x1, y1, x2, y2]`, in px of the frame and clipped to it; null when it lies outside.
 */
export function toFrame(
  box: readonly [number, number, number, number],
  placement: Placement,
  frameWidth: number,
  frameHeight: number,
): [number, number, number, number] | null {
  const x1 = Math.max(0, (box[0] - placement.offsetX) / placement.scaleX);
  const y1 = Math.max(0, (box[1] - placement.offsetY) / placement.scaleY);
  const x2 = Math.min(frameWidth, (box[2] - placement.offsetX) / placement.scaleX);
  const y2 = Math.min(frameHeight, (box[3] - placement.offsetY) / placement.scaleY);
  return x1 < x2 && y1 < y2 ? [x1, y1, x2, y2] : null;
}
