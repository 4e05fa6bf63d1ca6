import type { Box } from '../messages/detection.ts';
import { displayOf, type Frame } from './frame.ts';

/** Levels of red, green and blue each. */
const LEVELS = 4;
/** Part of the box that is looked at, around its middle: its edges show the road. */
const INNER = 0.6;
/** Samples across and down: the costs are those of 256 pixels, however large the box. */
const MOST_SAMPLES = 16;
/** Pixels of the frame across and down with fewer of which colours say nothing. */
const LEAST_PX = 4;

/**
 * Colours of an object: a histogram of 4 x 4 x 4 bins of red, green and blue over the inner part of its box, which sums
 * to 1 (Swain and Ballard 1991). A value half-way between two levels counts for both, so that a little more light does
 * not change it all. Null for a box too small in the frame. `box` in px of the frame's display size.
 */
export function appearanceOf(frame: Frame, box: Box): Float32Array | null {
  const { data, width, height } = frame;
  const display = displayOf(frame);
  const [left, wide] = inner(box[0], box[2], width / display.width);
  const [top, high] = inner(box[1], box[3], height / display.height);
  if (wide < LEAST_PX || high < LEAST_PX) return null;
  const histogram = new Float32Array(LEVELS ** 3);
  const columns = Math.min(MOST_SAMPLES, Math.floor(wide));
  const rows = Math.min(MOST_SAMPLES, Math.floor(high));
  const weight = 1 / (columns * rows);
  for (let row = 0; row < rows; row++) {
    const y = Math.min(height - 1, Math.max(0, Math.floor(top + ((row + 0.5) * high) / rows)));
    for (let column = 0; column < columns; column++) {
      const x = Math.min(width - 1, Math.max(0, Math.floor(left + ((column + 0.5) * wide) / columns)));
      const at = 3 * (y * width + x);
      count(histogram, data[at] ?? 0, data[at + 1] ?? 0, data[at + 2] ?? 0, weight);
    }
  }
  return histogram;
}

/** Where the inner part begins, and how long it is, in px of the frame. */
function inner(from: number, to: number, scale: number): readonly [begin: number, length: number] {
  const length = (to - from) * scale * INNER;
  return [((from + to) * scale) / 2 - length / 2, length];
}

/** Of each value of a colour: the level at or below it, and the share of the next level. */
const LEVEL = new Uint8Array(256);
const NEXT_SHARE = new Float32Array(256);
for (let value = 0; value < 256; value++) {
  const place = Math.min(LEVELS - 1, Math.max(0, (value / 256) * LEVELS - 0.5));
  LEVEL[value] = Math.min(LEVELS - 2, Math.floor(place));
  NEXT_SHARE[value] = place - (LEVEL[value] ?? 0);
}

/** Spreads a pixel over the eight bins around it, by trilinear weights. */
function count(histogram: Float32Array, red: number, green: number, blue: number, weight: number): void {
  const [r, g, b] = [NEXT_SHARE[red] ?? 0, NEXT_SHARE[green] ?? 0, NEXT_SHARE[blue] ?? 0];
  const first = ((LEVEL[red] ?? 0) * LEVELS + (LEVEL[green] ?? 0)) * LEVELS + (LEVEL[blue] ?? 0);
  const [low, high] = [weight * (1 - r), weight * r];
  addPair(histogram, first, low * (1 - g), b);
  addPair(histogram, first + LEVELS, low * g, b);
  addPair(histogram, first + LEVELS * LEVELS, high * (1 - g), b);
  addPair(histogram, first + LEVELS * LEVELS + LEVELS, high * g, b);
}

function addPair(histogram: Float32Array, bin: number, weight: number, next: number): void {
  histogram[bin] = (histogram[bin] ?? 0) + weight * (1 - next);
  histogram[bin + 1] = (histogram[bin + 1] ?? 0) + weight * next;
}
