import type { BitReader } from './bit-reader.ts';

/** Video usability information of H.264: annex E. */
export interface Vui {
  readonly sampleAspect: { readonly width: number; readonly height: number };
  readonly fps: number | null;
  readonly reorder: number | null;
}

/** Shapes of a px by `aspect_ratio_idc`: H.264 table E-1, H.265 table E.1. */
const SAMPLE_ASPECTS: readonly (readonly [number, number])[] = [
  [1, 1],
  [1, 1],
  [12, 11],
  [10, 11],
  [16, 11],
  [40, 33],
  [24, 11],
  [20, 11],
  [32, 11],
  [80, 33],
  [18, 11],
  [15, 11],
  [64, 33],
  [160, 99],
  [4, 3],
  [3, 2],
  [2, 1],
];
const EXTENDED = 255;

/** The first field of both codecs' usability information: the shape of a px. */
export function readSampleAspect(bits: BitReader): Vui['sampleAspect'] {
  if (!bits.flag()) return { width: 1, height: 1 };
  const index = bits.bits(8);
  const [width, height] = index === EXTENDED ? [bits.bits(16), bits.bits(16)] : (SAMPLE_ASPECTS[index] ?? [1, 1]);
  return width === 0 || height === 0 ? { width: 1, height: 1 } : { width, height };
}

/** Overscan, video signal and place of the chroma samples: the same in both codecs. */
export function skipSignal(bits: BitReader): void {
  if (bits.flag()) bits.skip(1); // overscan
  if (bits.flag()) {
    bits.skip(4); // video_format, video_full_range_flag
    if (bits.flag()) bits.skip(24); // colours
  }
  if (bits.flag()) {
    bits.ue();
    bits.ue();
  }
}

/** H.264 E.1.1. */
export function readVui(bits: BitReader): Vui {
  const sampleAspect = readSampleAspect(bits);
  skipSignal(bits);
  const fps = bits.flag() ? readTiming(bits) : null;
  const nal = bits.flag();
  if (nal) skipHrd(bits);
  const vcl = bits.flag();
  if (vcl) skipHrd(bits);
  if (nal || vcl) bits.skip(1); // low_delay_hrd_flag
  bits.skip(1); // pic_struct_present_flag
  return { sampleAspect, fps, reorder: bits.flag() ? readReorder(bits) : null };
}

function readTiming(bits: BitReader): number | null {
  const tick = bits.bits(32);
  const scale = bits.bits(32);
  bits.skip(1); // fixed_frame_rate_flag
  // A tick is a field: two for each picture.
  return tick === 0 || scale === 0 ? null : scale / tick / 2;
}

function skipHrd(bits: BitReader): void {
  const count = bits.ue() + 1;
  bits.skip(8);
  for (let index = 0; index < count; index++) {
    bits.ue();
    bits.ue();
    bits.skip(1);
  }
  bits.skip(20);
}

function readReorder(bits: BitReader): number | null {
  bits.skip(1); // motion_vectors_over_pic_boundaries_flag
  for (let index = 0; index < 4; index++) bits.ue();
  const reorder = bits.ue();
  return reorder <= 16 ? reorder : null;
}
