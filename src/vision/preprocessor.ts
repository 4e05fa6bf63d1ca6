import type { Frame } from './frame.ts';
import { type InputFormat, place, type Placement } from './letterbox.ts';

/** One axis: for each output pixel the byte offsets of two source pixels, and the weight of the second, 0..1. */
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

/** Placement of the frames of one size, and the pixels they are read from. */
interface Geometry {
  readonly frameWidth: number;
  readonly frameHeight: number;
  readonly placement: Placement;
  readonly columns: AxisTable;
  readonly rows: AxisTable;
}

/** By channel, R G B: where its values are written, and how: value = pixel * gain + bias. */
interface Channels {
  readonly slots: readonly [number, number, number];
  /** The value of each pixel value, 0 to 255. */
  readonly values: readonly [Float32Array, Float32Array, Float32Array];
  readonly gains: readonly [number, number, number];
  readonly biases: readonly [number, number, number];
}

/** Makes the input of one model. Tables are kept for the last frame size, so a steady camera pays for them once. */
export class Preprocessor {
  /** The model's picture: `3 * width * height` values in its layout. Overwritten by every `run`. */
  readonly data: Float32Array;
  readonly #format: InputFormat;
  readonly #channels: Channels;
  /** Values from one pixel to the next, in a row. */
  readonly #pixelStep: number;
  #geometry: Geometry | null = null;

  constructor(format: InputFormat) {
    const { width, height, layout, channelOrder, mean, std } = format;
    this.#format = format;
    this.data = new Float32Array(3 * width * height);
    this.#pixelStep = layout === 'nchw' ? 1 : 3;
    const channelStep = layout === 'nchw' ? width * height : 1;
    const gains = [1 / std[0], 1 / std[1], 1 / std[2]] as const;
    const biases = [-mean[0] * gains[0], -mean[1] * gains[1], -mean[2] * gains[2]] as const;
    const table = (channel: 0 | 1 | 2): Float32Array =>
      Float32Array.from({ length: 256 }, (_, pixel) => pixel * gains[channel] + biases[channel]);
    this.#channels = {
      slots: channelOrder === 'rgb' ? [0, channelStep, 2 * channelStep] : [2 * channelStep, channelStep, 0],
      values: [table(0), table(1), table(2)],
      gains,
      biases,
    };
  }

  /**
   * Resizes (bilinear), normalises and pads `frame` into `data`. Frames may change their size. One that comes in the
   * size of its place is copied, at a quarter of the cost.
   */
  run(frame: Frame): Placement {
    const geometry = this.#geometryOf(frame);
    const { placement } = geometry;
    if (placement.width === frame.width && placement.height === frame.height) this.#copy(frame.data, placement);
    else this.#resample(frame.data, geometry);
    return placement;
  }

  #copy(source: Uint8Array, placement: Placement): void {
    const { data } = this;
    const pixelStep = this.#pixelStep;
    const [slotR, slotG, slotB] = this.#channels.slots;
    const [red, green, blue] = this.#channels.values;
    const { width } = placement;
    let at = 0;
    for (let y = 0; y < placement.height; y++) {
      let out = ((placement.offsetY + y) * this.#format.width + placement.offsetX) * pixelStep;
      for (const end = at + 3 * width; at < end; at += 3, out += pixelStep) {
        data[out + slotR] = red[source[at] ?? 0] ?? 0;
        data[out + slotG] = green[source[at + 1] ?? 0] ?? 0;
        data[out + slotB] = blue[source[at + 2] ?? 0] ?? 0;
      }
    }
  }

  #resample(source: Uint8Array, { placement, columns, rows }: Geometry): void {
    const { near, far, weight } = columns;
    const { data } = this;
    const pixelStep = this.#pixelStep;
    const [slotR, slotG, slotB] = this.#channels.slots;
    const [gainR, gainG, gainB] = this.#channels.gains;
    const [biasR, biasG, biasB] = this.#channels.biases;
    // Every index below is inside its array by construction of the tables; `?? 0` costs nothing once compiled. Only
    // numbers are made in this loop: arrays would make it ten times slower.
    for (let y = 0; y < placement.height; y++) {
      const top = rows.near[y] ?? 0;
      const bottom = rows.far[y] ?? 0;
      const wy = rows.weight[y] ?? 0;
      let out = ((placement.offsetY + y) * this.#format.width + placement.offsetX) * pixelStep;
      for (let x = 0; x < placement.width; x++, out += pixelStep) {
        const wx = weight[x] ?? 0;
        const w11 = wx * wy;
        const w10 = wy - w11;
        const w01 = wx - w11;
        const w00 = 1 - wx - w10;
        const a = top + (near[x] ?? 0);
        const b = top + (far[x] ?? 0);
        const c = bottom + (near[x] ?? 0);
        const d = bottom + (far[x] ?? 0);
        data[out + slotR] = mix(source, a, b, c, d, w00, w01, w10, w11) * gainR + biasR;
        data[out + slotG] = mix(source, a + 1, b + 1, c + 1, d + 1, w00, w01, w10, w11) * gainG + biasG;
        data[out + slotB] = mix(source, a + 2, b + 2, c + 2, d + 2, w00, w01, w10, w11) * gainB + biasB;
      }
    }
  }

  #geometryOf({ width, height }: Frame): Geometry {
    const known = this.#geometry;
    if (known !== null && known.frameWidth === width && known.frameHeight === height) return known;
    this.#pad();
    const placement = place(width, height, this.#format);
    const made = {
      frameWidth: width,
      frameHeight: height,
      placement,
      columns: axisTable(placement.width, width, 3),
      rows: axisTable(placement.height, height, width * 3),
    };
    this.#geometry = made;
    return made;
  }

  #pad(): void {
    const { width, height, padValue } = this.#format;
    const { slots, gains, biases } = this.#channels;
    for (const [channel, slot] of slots.entries()) {
      const value = padValue * (gains[channel] ?? 1) + (biases[channel] ?? 0);
      for (let i = 0; i < width * height; i++) this.data[i * this.#pixelStep + slot] = value;
    }
  }
}

/** The weighted sum of four values. */
function mix(
  source: Uint8Array,
  a: number,
  b: number,
  c: number,
  d: number,
  wa: number,
  wb: number,
  wc: number,
  wd: number,
): number {
  return (source[a] ?? 0) * wa + (source[b] ?? 0) * wb + (source[c] ?? 0) * wc + (source[d] ?? 0) * wd;
}
