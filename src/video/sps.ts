import { BitReader, OutOfBits, withoutEmulation } from './bit-reader.ts';
import type { NalCodec } from './nal-units.ts';
import type { SequenceInfo } from './sequence-info.ts';
import { readH265Sps } from './sps-h265.ts';
import { readVui, type Vui } from './vui.ts';

/** Longer sets are cut: those of cameras have less than 100 bytes, with scaling lists less than 1,000. */
const MOST_BYTES = 2048;
/** In px; levels of both codecs end at 16,888. */
const LONGEST_SIDE = 32_768;

/** Reads a sequence parameter set (with its NAL header, without a start code); null when it cannot be read. */
export function readSps(codec: NalCodec, nal: Uint8Array): SequenceInfo | null {
  const content = withoutEmulation(nal, MOST_BYTES);
  try {
    const info = codec === 'h264' ? readH264Sps(content) : readH265Sps(content);
    return isPlausible(info) ? info : null;
  } catch (error) {
    if (error instanceof OutOfBits) return null;
    throw error;
  }
}

const isSide = (px: number): boolean => px > 0 && px <= LONGEST_SIDE;
const isPlausible = ({ width, height, coded }: SequenceInfo): boolean =>
  isSide(width) && isSide(height) && isSide(coded.width) && isSide(coded.height);

/** Profiles whose sets tell the chroma format: H.264 7.3.2.1.1. */
const WITH_CHROMA: ReadonlySet<number> = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/** H.264 7.3.2.1.1. */
function readH264Sps(content: Uint8Array): SequenceInfo {
  const bits = new BitReader(content);
  bits.skip(8);
  const profile = bits.bits(8);
  const constraints = bits.bits(8);
  const level = bits.bits(8);
  bits.ue(); // seq_parameter_set_id
  const format = WITH_CHROMA.has(profile) ? readChroma(bits) : { chroma: 1, separate: false };
  bits.ue(); // log2_max_frame_num_minus4
  const orderType = readPictureOrder(bits);
  bits.ue(); // max_num_ref_frames
  bits.skip(1); // gaps_in_frame_num_value_allowed_flag
  const size = readSize(bits, format);
  const vui = bits.flag() ? vuiOf(bits) : null;
  const hex = (value: number): string => value.toString(16).padStart(2, '0');
  return {
    ...size,
    sampleAspect: vui?.sampleAspect ?? { width: 1, height: 1 },
    fps: vui?.fps ?? null,
    codec: `avc1.${hex(profile)}${hex(constraints)}${hex(level)}`,
    // Baseline has no pictures out of order, and order type 2 forbids them.
    reorder: orderType === 2 || profile === 66 ? 0 : (vui?.reorder ?? null),
  };
}

/** Size in blocks of 16 px, and cropping. A stream of fields has two of half the height for each picture. */
function readSize(
  bits: BitReader,
  { chroma, separate }: ChromaFormat,
): Pick<SequenceInfo, 'width' | 'height' | 'coded'> {
  const widthInBlocks = bits.ue() + 1;
  const heightInUnits = bits.ue() + 1;
  const framesOnly = bits.flag();
  if (!framesOnly) bits.skip(1); // mb_adaptive_frame_field_flag
  bits.skip(1); // direct_8x8_inference_flag
  const [left = 0, right = 0, top = 0, bottom = 0] = bits.flag() ? [bits.ue(), bits.ue(), bits.ue(), bits.ue()] : [];
  const coded = { width: widthInBlocks * 16, height: heightInUnits * (framesOnly ? 16 : 32) };
  const unitX = separate || chroma === 0 || chroma === 3 ? 1 : 2;
  const unitY = (separate || chroma !== 1 ? 1 : 2) * (framesOnly ? 1 : 2);
  return { width: coded.width - unitX * (left + right), height: coded.height - unitY * (top + bottom), coded };
}

/** Some cameras send a set that breaks off in its last part, which says nothing that is needed. */
function vuiOf(bits: BitReader): Vui | null {
  try {
    return readVui(bits);
  } catch (error) {
    if (error instanceof OutOfBits) return null;
    throw error;
  }
}

/** `chroma_format_idc`; `separate`: each colour is coded as a picture of its own. */
interface ChromaFormat {
  readonly chroma: number;
  readonly separate: boolean;
}

function readChroma(bits: BitReader): ChromaFormat {
  const chroma = bits.ue();
  const separate = chroma === 3 && bits.flag();
  bits.ue(); // bit_depth_luma_minus8
  bits.ue(); // bit_depth_chroma_minus8
  bits.skip(1); // qpprime_y_zero_transform_bypass_flag
  if (bits.flag()) {
    const lists = chroma === 3 ? 12 : 8;
    for (let list = 0; list < lists; list++) if (bits.flag()) skipScalingList(bits, list < 6 ? 16 : 64);
  }
  return { chroma, separate };
}

function skipScalingList(bits: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let index = 0; index < size; index++) {
    if (next !== 0) next = (last + bits.se() + 256) & 0xff;
    if (next !== 0) last = next;
  }
}

function readPictureOrder(bits: BitReader): number {
  const type = bits.ue();
  if (type === 0) bits.ue();
  if (type !== 1) return type;
  bits.skip(1);
  bits.se();
  bits.se();
  const cycle = bits.ue();
  for (let index = 0; index < cycle; index++) bits.se(); // ends with the bytes
  return type;
}
