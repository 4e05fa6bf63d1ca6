import type { Frame } from './frame.ts';

/** The picture a model is fed, with every default filled in. See `ModelInput` of the messages. */
export interface InputFormat {
  readonly width: number;
  readonly height: number;
  readonly layout: 'nchw' | 'nhwc';
  readonly channelOrder: 'rgb' | 'bgr';
  /** Value fed = (pixel - mean) / std, as `[R, G, B]`. */
  readonly mean: readonly [number, number, number];
  readonly std: readonly [number, number, number];
  readonly fit: 'stretch' | 'letterbox-top-left' | 'letterbox-centre';
  readonly padValue: number;
}

/** Where a frame lies in the model's picture: `model = frame * scale + offset`, for each axis. */
export interface Placement {
  readonly scaleX: number;
  readonly scaleY: number;
  readonly offsetX: number;
  readonly offsetY: number;
  /** Size in px of the frame inside the model's picture. */
  readonly width: number;
  readonly height: number;
}

/** Places a frame of the given size; letterboxes keep its aspect ratio to within half a pixel. */
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

/** Source positions of one axis: for each output pixel the byte offsets of two neighbours and the second's weight. */
interface AxisTable {
  readonly near: Int32Array;
  readonly far: Int32Array;
  readonly weight: Float32Array;
}

/** Pixel centres are at half coordinates; positions outside are clamped to the border pixel. */
function axisTable(output: number, source: number, bytes: number): AxisTable {
  const near = new Int32Array(output);
  const far = new Int32Array(output);
  const weight = new Float32Array(output);
  for (let i = 0; i < output; i++) {
    const at = Math.min(Math.max(((i + 0.5) * source) / output - 0.5, 0), source - 1);
    const low = Math.floor(at);
    near[i] = low * bytes;
    far[i] = Math.min(low + 1, source - 1) * bytes;
    weight[i] = at - low;
  }
  return { near, far, weight };
}

export interface Preprocessor {
  /** The model's picture: `3 * width * height` values in the asked layout. Overwritten by every `run`. */
  readonly data: Float32Array;
  /** Resizes (bilinear), normalises and pads `frame` into `data`. Frames may change their size. */
  run(frame: Frame): Placement;
}

/** Prepares frames for one model. Tables are kept for the last frame size, so a steady camera pays for them once. */
export function createPreprocessor(format: InputFormat): Preprocessor {
  const { width: W, height: H, layout, channelOrder } = format;
  const data = new Float32Array(3 * W * H);
  const planar = layout === 'nchw';
  const pixelStep = planar ? 1 : 3;
  const rowStep = W * pixelStep;
  const channelStep = planar ? W * H : 1;
  const [slotR, slotG, slotB] =
    channelOrder === 'rgb' ? [0, channelStep, 2 * channelStep] : [2 * channelStep, channelStep, 0];
  const [gainR, gainG, gainB] = [1 / format.std[0], 1 / format.std[1], 1 / format.std[2]];
  const [biasR, biasG, biasB] = [-format.mean[0] * gainR, -format.mean[1] * gainG, -format.mean[2] * gainB];

  let known: {
    frameWidth: number;
    frameHeight: number;
    placement: Placement;
    columns: AxisTable;
    rows: AxisTable;
  } | null = null;

  function pad(): void {
    for (let i = 0; i < W * H; i++) {
      const at = i * pixelStep;
      data[at + slotR] = format.padValue * gainR + biasR;
      data[at + slotG] = format.padValue * gainG + biasG;
      data[at + slotB] = format.padValue * gainB + biasB;
    }
  }

  function geometry(frame: Frame) {
    if (known !== null && known.frameWidth === frame.width && known.frameHeight === frame.height) return known;
    pad();
    const placement = place(frame.width, frame.height, format);
    known = {
      frameWidth: frame.width,
      frameHeight: frame.height,
      placement,
      columns: axisTable(placement.width, frame.width, 3),
      rows: axisTable(placement.height, frame.height, frame.width * 3),
    };
    return known;
  }

  function run(frame: Frame): Placement {
    const { placement, columns, rows } = geometry(frame);
    const { near, far, weight } = columns;
    const source = frame.data;
    const { width, height } = placement;
    // Every index below is inside its array by construction of the tables; `?? 0` costs nothing once compiled.
    for (let y = 0; y < height; y++) {
      const top = rows.near[y] ?? 0;
      const bottom = rows.far[y] ?? 0;
      const wy = rows.weight[y] ?? 0;
      let out = (placement.offsetY + y) * rowStep + placement.offsetX * pixelStep;
      for (let x = 0; x < width; x++, out += pixelStep) {
        const left = near[x] ?? 0;
        const right = far[x] ?? 0;
        const wx = weight[x] ?? 0;
        const w11 = wx * wy;
        const w10 = wy - w11;
        const w01 = wx - w11;
        const w00 = 1 - wx - w10;
        const a = top + left;
        const b = top + right;
        const c = bottom + left;
        const d = bottom + right;
        const r = (source[a] ?? 0) * w00 + (source[b] ?? 0) * w01 + (source[c] ?? 0) * w10 + (source[d] ?? 0) * w11;
        const g =
          (source[a + 1] ?? 0) * w00 +
          (source[b + 1] ?? 0) * w01 +
          (source[c + 1] ?? 0) * w10 +
          (source[d + 1] ?? 0) * w11;
        const l =
          (source[a + 2] ?? 0) * w00 +
          (source[b + 2] ?? 0) * w01 +
          (source[c + 2] ?? 0) * w10 +
          (source[d + 2] ?? 0) * w11;
        data[out + slotR] = r * gainR + biasR;
        data[out + slotG] = g * gainG + biasG;
        data[out + slotB] = l * gainB + biasB;
      }
    }
    return placement;
  }

  return { data, run };
}

/** A box of the model's picture in px of the frame, clipped to it; null when nothing of it lies inside. */
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
