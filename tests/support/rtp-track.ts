import { RtpReceiver, type RtpTrack } from '../../src/rtsp/rtp-receiver.ts';
import type { AccessUnit, VideoCodec } from '../../src/video/access-unit.ts';

export interface PacketFields {
  readonly sequence: number;
  readonly timestamp: number;
  readonly payload: Buffer;
  readonly marker?: boolean;
  readonly payloadType?: number;
  readonly ssrc?: number;
  readonly sources?: number;
  readonly extension?: Buffer;
  readonly padding?: number;
}

/** The bytes of one RTP packet: RFC 3550 5.1. */
export function rtpPacket(fields: PacketFields): Buffer {
  const { sequence, timestamp, payload, marker = false, payloadType = 96, ssrc = 7, sources = 0 } = fields;
  const { extension, padding = 0 } = fields;
  const header = Buffer.alloc(12 + 4 * sources);
  header[0] = 0x80 | (padding > 0 ? 0x20 : 0) | (extension === undefined ? 0 : 0x10) | sources;
  header[1] = (marker ? 0x80 : 0) | payloadType;
  header.writeUInt16BE(sequence & 0xffff, 2);
  header.writeUInt32BE(timestamp >>> 0, 4);
  header.writeUInt32BE(ssrc, 8);
  const extended = extension === undefined ? [] : [Buffer.from([0xbe, 0xde, 0, extension.length / 4]), extension];
  const pad = Buffer.alloc(padding, padding);
  return Buffer.concat([header, ...extended, payload, pad]);
}

/** A receiver that keeps the units that it gives. */
export function receiverOf(
  codec: VideoCodec,
  options: Partial<Omit<RtpTrack, 'fmtp' | 'codec'>> & { fmtp?: Record<string, string>; reorder?: boolean } = {},
): { readonly receiver: RtpReceiver; readonly units: AccessUnit[] } {
  const { fmtp = {}, reorder = false, payloadType = codec === 'mjpeg' ? 26 : 96, clockRate = 90_000 } = options;
  const units: AccessUnit[] = [];
  const track = { codec, payloadType, clockRate, fmtp: new Map(Object.entries(fmtp)) };
  return { receiver: new RtpReceiver(track, { reorder, onUnit: (unit) => units.push(unit) }), units };
}
