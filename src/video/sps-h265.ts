import { BitReader, OutOfBits } from './bit-reader.ts';
import type { SequenceInfo } from './sequence-info.ts';
import { readSampleAspect, skipSignal } from './vui.ts';

const MOST_SHORT_TERM_SETS = 64;
const MOST_PICTURES_IN_SET = 16;
const MOST_LONG_TERM = 32;

/**
 * H.265 7.3.2.2. @throws {OutOfBits} when it ends early or breaks a bound of the standard
 */
export function readH265Sps(content: Uint8Array): SequenceInfo {
  const bits = new BitReader(content);
  bits.skip(16 + 4);
  const subLayers = bits.bits(3);
  bits.skip(1); // sps_temporal_id_nesting_flag
  const codec = readProfile(bits, subLayers);
  bits.ue(); // sps_seq_parameter_set_id
  const chroma = bits.ue();
  const separate = chroma === 3 && bits.flag();
  const coded = { width: bits.ue(), height: bits.ue() };
  const [left = 0, right = 0, top = 0, bottom = 0] = bits.flag() ? [bits.ue(), bits.ue(), bits.ue(), bits.ue()] : [];
  const unitX = !separate && (chroma === 1 || chroma === 2) ? 2 : 1;
  const unitY = !separate && chroma === 1 ? 2 : 1;
  bits.ue(); // bit_depth_luma_minus8
  bits.ue(); // bit_depth_chroma_minus8
  const orderBits = bits.ue() + 4;
  const reorder = readReorder(bits, subLayers);
  const shape = shapeOf(bits, orderBits);
  return {
    width: coded.width - unitX * (left + right),
    height: coded.height - unitY * (top + bottom),
    coded,
    sampleAspect: shape?.sampleAspect ?? { width: 1, height: 1 },
    fps: shape?.fps ?? null,
    codec,
    reorder,
  };
}

/** profile_tier_level, 7.3.3. Gives the codec string: ISO/IEC 14496-15 annex E. */
function readProfile(bits: BitReader, subLayers: number): string {
  const space = bits.bits(2);
  const tier = bits.bit();
  const profile = bits.bits(5);
  const compatible = bits.bits(32);
  const constraints = Array.from({ length: 6 }, () => bits.bits(8));
  const level = bits.bits(8);
  const present = Array.from({ length: subLayers }, () => ({ profile: bits.flag(), level: bits.flag() }));
  if (subLayers > 0) bits.skip(2 * (8 - subLayers));
  for (const layer of present) bits.skip((layer.profile ? 88 : 0) + (layer.level ? 8 : 0));
  while (constraints.length > 0 && constraints.at(-1) === 0) constraints.pop();
  const parts = [
    `hvc1.${['', 'A', 'B', 'C'][space] ?? ''}${profile}`,
    reversed(compatible).toString(16),
    `${tier === 1 ? 'H' : 'L'}${level}`,
    ...constraints.map((each) => each.toString(16)),
  ];
  return parts.join('.');
}

/** The 32 bits in the opposite order. */
function reversed(word: number): number {
  let left = word;
  let out = 0;
  for (let index = 0; index < 32; index++) {
    out = out * 2 + (left % 2);
    left = Math.floor(left / 2);
  }
  return out;
}

/** The highest layer's `sps_max_num_reorder_pics`. */
function readReorder(bits: BitReader, subLayers: number): number | null {
  const first = bits.flag() ? 0 : subLayers;
  let reorder = 0;
  for (let layer = first; layer <= subLayers; layer++) {
    bits.ue(); // sps_max_dec_pic_buffering_minus1
    reorder = bits.ue();
    bits.ue(); // sps_max_latency_increase_plus1
  }
  return reorder <= MOST_PICTURES_IN_SET ? reorder : null;
}

type Shape = Pick<SequenceInfo, 'sampleAspect' | 'fps'>;

/** Of the usability information, which comes after much that is not needed; null when that cannot be read. */
function shapeOf(bits: BitReader, orderBits: number): Shape | null {
  try {
    return readShape(bits, orderBits);
  } catch (error) {
    if (error instanceof OutOfBits) return null;
    throw error;
  }
}

function readShape(bits: BitReader, orderBits: number): Shape | null {
  for (let index = 0; index < 6; index++) bits.ue(); // sizes of blocks
  if (bits.flag() && bits.flag()) skipScalingLists(bits);
  bits.skip(2);
  if (bits.flag()) {
    bits.skip(8);
    bits.ue();
    bits.ue();
    bits.skip(1);
  }
  skipShortTermSets(bits);
  if (bits.flag()) {
    const count = bits.ue();
    if (count > MOST_LONG_TERM) throw new OutOfBits(`${count} long-term pictures`);
    for (let index = 0; index < count; index++) bits.skip(orderBits + 1);
  }
  bits.skip(2);
  if (!bits.flag()) return null;
  const sampleAspect = readSampleAspect(bits);
  skipSignal(bits);
  bits.skip(3);
  if (bits.flag()) for (let index = 0; index < 4; index++) bits.ue(); // default display window
  if (!bits.flag()) return { sampleAspect, fps: null };
  const tick = bits.bits(32);
  const scale = bits.bits(32);
  return { sampleAspect, fps: tick === 0 || scale === 0 ? null : scale / tick };
}

/** 7.3.4. */
function skipScalingLists(bits: BitReader): void {
  for (let size = 0; size < 4; size++) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (!bits.flag()) {
        bits.ue();
        continue;
      }
      if (size > 1) bits.se();
      const count = Math.min(64, 1 << (4 + (size << 1)));
      for (let index = 0; index < count; index++) bits.se();
    }
  }
}

/** 7.3.7: a set may be told by its difference from the one before. */
function skipShortTermSets(bits: BitReader): void {
  const count = bits.ue();
  if (count > MOST_SHORT_TERM_SETS) throw new OutOfBits(`${count} short-term sets`);
  let pictures = 0;
  for (let index = 0; index < count; index++) {
    pictures = index > 0 && bits.flag() ? skipDifference(bits, pictures) : skipPictures(bits);
    if (pictures > MOST_PICTURES_IN_SET) throw new OutOfBits(`${pictures} pictures in a short-term set`);
  }
}

function skipDifference(bits: BitReader, before: number): number {
  bits.skip(1); // delta_rps_sign
  bits.ue(); // abs_delta_rps_minus1
  let pictures = 0;
  for (let index = 0; index <= before; index++) {
    const isUsed = bits.flag();
    if (isUsed || bits.flag()) pictures++;
  }
  return pictures;
}

function skipPictures(bits: BitReader): number {
  const pictures = bits.ue() + bits.ue();
  if (pictures > MOST_PICTURES_IN_SET) throw new OutOfBits(`${pictures} pictures in a short-term set`);
  for (let index = 0; index < pictures; index++) {
    bits.ue();
    bits.skip(1);
  }
  return pictures;
}
