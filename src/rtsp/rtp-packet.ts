/** One RTP packet. `payload` is a view of the bytes that came. */
export interface RtpPacket {
  readonly payloadType: number;
  readonly marker: boolean;
  /** 16 bits. */
  readonly sequence: number;
  /** 32 bits, in ticks of the track's clock. */
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payload: Buffer;
}

const FIXED_HEADER = 12;
const VERSION = 2;

/**
 * Reads the header of RFC 3550 5.1; null for bytes that are no RTP packet. Own code: it runs for every packet of every
 * camera, and a library's objects for header, extensions and payload cost several times as much.
 */
export function readRtp(bytes: Buffer): RtpPacket | null {
  const first = bytes[0];
  const second = bytes[1];
  if (first === undefined || second === undefined || bytes.length < FIXED_HEADER || first >> 6 !== VERSION) return null;
  let from = FIXED_HEADER + 4 * (first & 0x0f);
  if ((first & 0x10) !== 0) {
    if (from + 4 > bytes.length) return null;
    from += 4 + 4 * bytes.readUInt16BE(from + 2);
  }
  let to = bytes.length;
  if ((first & 0x20) !== 0) {
    const padding = bytes[to - 1] ?? 0;
    if (padding === 0) return null;
    to -= padding;
  }
  if (from > to) return null;
  return {
    payloadType: second & 0x7f,
    marker: (second & 0x80) !== 0,
    sequence: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    ssrc: bytes.readUInt32BE(8),
    payload: bytes.subarray(from, to),
  };
}
