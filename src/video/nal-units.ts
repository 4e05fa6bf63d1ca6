import type { AccessUnit } from './access-unit.ts';

/** The codecs that are made of NAL units. */
export type NalCodec = 'h264' | 'h265';

/** Types of NAL units: ITU-T H.264 table 7-1, H.265 table 7-1. */
export const H264_NAL = { slice: 1, idr: 5, sei: 6, sps: 7, pps: 8, delimiter: 9, filler: 12 } as const;
export const H265_NAL = {
  firstKey: 16,
  idrWithLeading: 19,
  idr: 20,
  cra: 21,
  lastKey: 23,
  lastSlice: 31,
  vps: 32,
  sps: 33,
  pps: 34,
  delimiter: 35,
  filler: 38,
} as const;

/** Stands in front of every NAL unit that we write. */
export const START_CODE = Buffer.from([0, 0, 0, 1]);
const SHORT_START_CODE = Buffer.from([0, 0, 1]);

/** Type of the NAL unit that begins with this byte. */
export const nalType = (codec: NalCodec, first: number): number =>
  codec === 'h264' ? first & 0x1f : (first >> 1) & 0x3f;

/** Bytes in front of a NAL unit's content. */
export const nalHeaderBytes = (codec: NalCodec): number => (codec === 'h264' ? 1 : 2);

/**
 * The NAL units of an Annex B stream as views, without start codes and the zeros in front of them. Bytes before the
 * first start code are left out.
 */
export function nalUnits(annexB: Uint8Array): Buffer[] {
  const bytes = Buffer.from(annexB.buffer, annexB.byteOffset, annexB.byteLength);
  const found: Buffer[] = [];
  let code = bytes.indexOf(SHORT_START_CODE);
  while (code !== -1) {
    const from = code + SHORT_START_CODE.length;
    code = bytes.indexOf(SHORT_START_CODE, from);
    const nal = withoutZeros(bytes, from, code === -1 ? bytes.length : code);
    if (nal.length > 0) found.push(nal);
  }
  return found;
}

/** A NAL unit never ends with a zero: those belong to the next start code. */
function withoutZeros(bytes: Buffer, from: number, end: number): Buffer {
  let to = end;
  while (to > from && bytes[to - 1] === 0) to--;
  return bytes.subarray(from, to);
}

/** First NAL unit of this type, or null. Ends early: sets of parameters stand in front. */
export function findNal(codec: NalCodec, unit: AccessUnit, type: number): Buffer | null {
  const bytes = Buffer.from(unit.data.buffer, unit.data.byteOffset, unit.data.byteLength);
  let code = bytes.indexOf(SHORT_START_CODE);
  while (code !== -1) {
    const from = code + SHORT_START_CODE.length;
    const first = bytes[from];
    if (first === undefined) return null;
    if (nalType(codec, first) === type) {
      const next = bytes.indexOf(SHORT_START_CODE, from);
      return withoutZeros(bytes, from, next === -1 ? bytes.length : next);
    }
    code = bytes.indexOf(SHORT_START_CODE, from);
  }
  return null;
}
