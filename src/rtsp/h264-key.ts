import { BitReader, OutOfBits, withoutEmulation } from '../video/bit-reader.ts';

/** Enough for the first two numbers of a slice. */
const SLICE_BYTES = 12;
/** Enough for the messages of one picture that cameras send in front of a recovery point. */
const SEI_BYTES = 1024;
/** H.264 table 7-6: I and SI, and the same for all slices of the picture. */
const INTRA: ReadonlySet<number> = new Set([2, 4, 7, 9]);
const RECOVERY_POINT = 6;

/**
 * The slice is the first of its picture. `content` begins after the NAL header, with `first_mb_in_slice` (H.264), whose
 * code for 0 is a 1, or `first_slice_segment_in_pic_flag` (H.265).
 */
export const isFirstSlice = (content: Buffer): boolean => (content[0] ?? 0) >= 0x80;

/** The H.264 slice needs no other picture: 7.3.3. */
export function isIntraSlice(content: Buffer): boolean {
  const bits = new BitReader(withoutEmulation(content, SLICE_BYTES));
  try {
    bits.ue(); // first_mb_in_slice
    return INTRA.has(bits.ue());
  } catch (error) {
    if (error instanceof OutOfBits) return false;
    throw error;
  }
}

/**
 * The supplemental information says that decoding may begin at this picture, with no damaged picture after it: H.264
 * D.2.8 with `recovery_frame_cnt` 0.
 */
export function hasRecoveryPoint(content: Buffer): boolean {
  const bytes = withoutEmulation(content, SEI_BYTES);
  let at = 0;
  while (at + 2 <= bytes.length) {
    const type = readSized(bytes, at);
    const size = readSized(bytes, type.next);
    if (type.value === RECOVERY_POINT) return size.value > 0 && (bytes[size.next] ?? 0) >= 0x80;
    at = size.next + size.value;
  }
  return false;
}

/** A number of a message's header: bytes of 255 and a last one, added up. */
function readSized(bytes: Uint8Array, from: number): { readonly value: number; readonly next: number } {
  let value = 0;
  let at = from;
  while (bytes[at] === 255) {
    value += 255;
    at++;
  }
  return { value: value + (bytes[at] ?? 0), next: at + 1 };
}
