import { displayOf, type Frame } from './frame.ts';

/**
 * A picture is compared in windows of two by two blocks that overlap by half, so that a small thing lies nearly whole
 * in one of them. A block is 4 px wide in a picture of the detector's size: less than the detector can find.
 */
const BLOCK_PX = 4;
const REFERENCE_WIDTH = 448;
/** Grey levels (of 255) by which the mean of a window must differ: a car of 10 x 6 px that is 20 darker than the road. */
const LEAST_CHANGE = 5;
/** In noise, a window must differ by so many times the usual difference of that picture. */
const NOISE_FACTOR = 6;
/** Usual difference of windows at which a picture is another one, such as when the camera was moved. */
const MOST_NOISE = 2;
/** Of a normal distribution, the standard deviation in terms of the median of the absolute values. */
const DEVIATION_OF_MEDIAN = 1.4826;

/** Mean grey levels of blocks, row by row. */
interface Blocks {
  readonly columns: number;
  readonly rows: number;
  readonly means: Float32Array;
}

interface Reference {
  readonly blocks: Blocks;
  readonly width: number;
  readonly height: number;
  readonly displayWidth: number;
  readonly displayHeight: number;
  readonly timeMs: number;
}

/**
 * Tells pictures in which nothing moved since the last one that the detector saw. The reference stays the same until
 * the detector sees another picture, so that a slow drift adds up. Light that changes everywhere alike is no motion;
 * a shadow that moves is one, and only costs an inference.
 */
export class MotionGate {
  readonly #maxAgeMs: number;
  #reference: Reference | null = null;

  /** @param stillSeconds a picture is let through when the last one was so many seconds ago; 0 for every picture */
  constructor(stillSeconds: number) {
    this.#maxAgeMs = stillSeconds * 1000;
  }

  /** Whether nothing moved between the last picture given to {@link saw} and this one. `timeMs`: epoch ms. */
  isStill(frame: Frame, timeMs: number): boolean {
    const reference = this.#reference;
    if (reference === null || frame.width !== reference.width || frame.height !== reference.height) return false;
    const display = displayOf(frame);
    if (display.width !== reference.displayWidth || display.height !== reference.displayHeight) return false;
    const ageMs = timeMs - reference.timeMs;
    return ageMs >= 0 && ageMs < this.#maxAgeMs && !differs(reference.blocks, blocksOf(frame));
  }

  /** The detector has seen this picture. */
  saw(frame: Frame, timeMs: number): void {
    if (this.#maxAgeMs === 0) return;
    const { width, height } = frame;
    const display = displayOf(frame);
    this.#reference = {
      blocks: blocksOf(frame),
      width,
      height,
      displayWidth: display.width,
      displayHeight: display.height,
      timeMs,
    };
  }
}

/** Blocks at the right and lower border may be smaller. */
function blocksOf({ data, width, height }: Frame): Blocks {
  const side = Math.max(BLOCK_PX, Math.round((width * BLOCK_PX) / REFERENCE_WIDTH));
  const columns = Math.ceil(width / side);
  const rows = Math.ceil(height / side);
  const sums = new Uint32Array(columns * rows);
  let at = 0;
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / side) * columns;
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      // Green counts twice: near enough to brightness, in whole numbers.
      for (const end = Math.min((column + 1) * side, width) * 3 + y * width * 3; at < end; at += 3)
        sum += (data[at] ?? 0) + 2 * (data[at + 1] ?? 0) + (data[at + 2] ?? 0);
      sums[row + column] = (sums[row + column] ?? 0) + sum;
    }
  }
  const means = new Float32Array(sums.length);
  for (let row = 0; row < rows; row++) {
    const high = Math.min(side, height - row * side);
    for (let column = 0; column < columns; column++) {
      const wide = Math.min(side, width - column * side);
      const i = row * columns + column;
      means[i] = (sums[i] ?? 0) / (4 * wide * high);
    }
  }
  return { columns, rows, means };
}

function differs(before: Blocks, now: Blocks): boolean {
  const { columns, rows } = now;
  const change = now.means.map((mean, i) => mean - (before.means[i] ?? 0));
  const light = median(change);
  const windows = new Float32Array(Math.max(1, columns - 1) * Math.max(1, rows - 1));
  let i = 0;
  for (let row = 0; row < Math.max(1, rows - 1); row++) {
    for (let column = 0; column < Math.max(1, columns - 1); column++) {
      const right = Math.min(column + 1, columns - 1);
      const below = Math.min(row + 1, rows - 1) * columns;
      const sum =
        (change[row * columns + column] ?? 0) +
        (change[row * columns + right] ?? 0) +
        (change[below + column] ?? 0) +
        (change[below + right] ?? 0);
      windows[i++] = Math.abs(sum / 4 - light);
    }
  }
  const noise = DEVIATION_OF_MEDIAN * median(windows);
  if (noise > MOST_NOISE) return true;
  const most = Math.max(LEAST_CHANGE, NOISE_FACTOR * noise);
  return windows.some((difference) => difference > most);
}

/** Values that a median is taken of. */
const MEDIAN_OF = 1_000;

/** Of every n-th value. */
function median(values: Float32Array): number {
  const step = Math.max(1, Math.floor(values.length / MEDIAN_OF));
  const sample = new Float32Array(Math.ceil(values.length / step));
  for (let i = 0; i < sample.length; i++) sample[i] = values[i * step] ?? 0;
  return sample.toSorted()[sample.length >> 1] ?? 0;
}
