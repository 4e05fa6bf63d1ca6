import type { Cut, Size } from './decoding.types.ts';

/** 8K (8192 x 4320) and a little more. */
export const MAX_CODED_PIXELS = 8_192 * 4_608;
const MIN_SIDE = 16;
const MAX_SIDE = 8_192;
/** A sample aspect ratio beyond this, either way, is taken for damage. */
const MAX_ASPECT = 8;

/** In samples of the coded picture. */
export interface Region extends Size {
  readonly left: number;
  readonly top: number;
}

/** False for pictures that no camera sends: a side below 16 or above 8192 px, or more than 8192 x 4608 px. */
export const isPlausible = ({ width, height }: Size): boolean =>
  Math.min(width, height) >= MIN_SIDE && Math.max(width, height) <= MAX_SIDE && width * height <= MAX_CODED_PIXELS;

/**
 * The picture's size with square pixels, in px: the height is kept. `aspect` is the width of a sample by its height;
 * an unknown or absurd one counts as 1, and so does one that brings the width out of 16 to 8192 px.
 */
export function displaySize(coded: Size, aspect: { readonly num: number; readonly den: number }): Size {
  const ratio = aspect.den > 0 && aspect.num > 0 ? aspect.num / aspect.den : 1;
  const width = Math.round(coded.width * ratio);
  const isSane = ratio <= MAX_ASPECT && ratio >= 1 / MAX_ASPECT && width >= MIN_SIDE && width <= MAX_SIDE;
  return { width: isSane ? width : coded.width, height: coded.height };
}

/** The largest size of the shape of `size` within `fit`, never larger than `size`, at least 1 x 1 px. */
export function fitted(size: Size, fit: Size): Size {
  const scale = Math.min(1, fit.width / size.width, fit.height / size.height);
  const side = (length: number, most: number): number => Math.max(1, Math.min(most, Math.round(length * scale)));
  return { width: side(size.width, fit.width), height: side(size.height, fit.height) };
}

/** The part of `cut` inside the picture, or null when there is none. */
export function inside(cut: Cut, display: Size): Cut | null {
  const left = Math.max(0, cut.left);
  const top = Math.max(0, cut.top);
  const width = Math.min(display.width, cut.left + cut.width) - left;
  const height = Math.min(display.height, cut.top + cut.height) - top;
  return width >= 1 && height >= 1 ? { left, top, width, height, maxSide: cut.maxSide } : null;
}

/** How a cut is made: `region` of the coded picture is scaled to `scaled`, of which `crop` is the cut. */
export interface CutPlan {
  readonly region: Region;
  readonly scaled: Size;
  readonly crop: Region;
}

/**
 * Plans a cut that lies inside the picture. The region is the cut widened to whole pairs of samples, because two
 * samples share their colour; the surplus is cropped after scaling.
 */
export function planCut(cut: Cut, display: Size, coded: Size): CutPlan {
  const out = fitted(cut, { width: cut.maxSide, height: cut.maxSide });
  const across = planSide(cut.left, cut.width, out.width, display.width, coded.width);
  const down = planSide(cut.top, cut.height, out.height, display.height, coded.height);
  return {
    region: { left: across.from, top: down.from, width: across.length, height: down.length },
    scaled: { width: across.scaled, height: down.scaled },
    crop: { left: across.skip, top: down.skip, ...out },
  };
}

interface SidePlan {
  readonly from: number;
  readonly length: number;
  readonly scaled: number;
  readonly skip: number;
}

/** One direction of {@link planCut}. */
function planSide(start: number, length: number, out: number, display: number, coded: number): SidePlan {
  const toCoded = coded / display;
  const exactFrom = start * toCoded;
  const exactTo = (start + length) * toCoded;
  const from = Math.floor(exactFrom / 2) * 2;
  const to = Math.min(coded, Math.ceil(exactTo / 2) * 2);
  const perSample = out / (exactTo - exactFrom);
  const skip = Math.round((exactFrom - from) * perSample);
  return { from, length: to - from, skip, scaled: Math.max(skip + out, Math.round((to - from) * perSample)) };
}
