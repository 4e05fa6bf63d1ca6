import type { VideoCodec } from '../../src/video/access-unit.ts';
import { nalUnits } from './film.ts';

/** Bytes of a payload, as cameras choose it for Ethernet. */
const MOST = 1_300;
const SSRC = 0x1234_5678;

/** Makes the RTP packets of one stream. */
export class RtpPackets {
  sequence: number;
  packets = 0;
  octets = 0;
  readonly #codec: VideoCodec;
  readonly #payloadType: number;

  constructor(codec: VideoCodec, sequence: number) {
    this.#codec = codec;
    this.#payloadType = codec === 'mjpeg' ? 26 : 96;
    this.sequence = sequence;
  }

  /** The packets of one access unit, in order. `timestamp` is in ticks of 90 kHz, without the wrap. */
  of(unit: Buffer, timestamp: number): readonly Buffer[] {
    const payloads = this.#codec === 'mjpeg' ? jpegPayloads(unit) : nalPayloads(unit, this.#codec);
    return payloads.map((payload, index) => this.#packet(payload, timestamp, index === payloads.length - 1));
  }

  /** A sender report (RFC 3550, 6.4.1) that says: `timestamp` was sampled at `epochMs`. */
  senderReport(timestamp: number, epochMs: number): Buffer {
    const report = Buffer.alloc(28);
    report.writeUInt8(0x80, 0);
    report.writeUInt8(200, 1);
    report.writeUInt16BE(6, 2);
    report.writeUInt32BE(SSRC, 4);
    report.writeUInt32BE((Math.floor(epochMs / 1000) + 2_208_988_800) >>> 0, 8);
    report.writeUInt32BE(Math.floor(((epochMs % 1000) / 1000) * 2 ** 32) >>> 0, 12);
    report.writeUInt32BE(wrapped(timestamp), 16);
    report.writeUInt32BE(this.packets >>> 0, 20);
    report.writeUInt32BE(this.octets >>> 0, 24);
    return report;
  }

  #packet(payload: Buffer, timestamp: number, isLast: boolean): Buffer {
    const header = Buffer.alloc(12);
    header.writeUInt8(0x80, 0);
    header.writeUInt8(this.#payloadType | (isLast ? 0x80 : 0), 1);
    header.writeUInt16BE(this.sequence & 0xffff, 2);
    header.writeUInt32BE(wrapped(timestamp), 4);
    header.writeUInt32BE(SSRC, 8);
    this.sequence += 1;
    this.packets += 1;
    this.octets += payload.length;
    return Buffer.concat([header, payload]);
  }
}

/** Modulo 2^32, also of a negative time. */
const wrapped = (ticks: number): number => Number(BigInt.asUintN(32, BigInt(Math.round(ticks))));

function slices(bytes: Buffer, size: number): readonly Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );
}

/** Single NAL units and fragments: RFC 6184 (H.264), RFC 7798 (H.265). */
function nalPayloads(unit: Buffer, codec: 'h264' | 'h265'): readonly Buffer[] {
  return nalUnits(unit).flatMap((nal) => {
    if (nal.length <= MOST) return [nal];
    const size = codec === 'h264' ? 1 : 2;
    const parts = slices(nal.subarray(size), MOST);
    return parts.map((part, index) => {
      const edges = (index === 0 ? 0x80 : 0) | (index === parts.length - 1 ? 0x40 : 0);
      const first = nal[0]!;
      const header =
        codec === 'h264'
          ? [(first & 0xe0) | 28, edges | (first & 31)]
          : [(first & 0x81) | (49 << 1), nal[1]!, edges | ((first >> 1) & 63)];
      return Buffer.concat([Buffer.from(header), part]);
    });
  });
}

/** Fragments of a baseline JPEG with its quantisation tables in the first: RFC 2435. */
function jpegPayloads(jpeg: Buffer): readonly Buffer[] {
  const tables: Buffer[] = [];
  let [width, height, type, scan] = [0, 0, 1, jpeg.length];
  for (let at = 2; at + 4 <= jpeg.length;) {
    const [marker, length] = [jpeg[at + 1]!, jpeg.readUInt16BE(at + 2)];
    const body = jpeg.subarray(at + 4, at + 2 + length);
    if (marker === 0xdb)
      for (let table = 0; table + 65 <= body.length; table += 65) tables.push(body.subarray(table + 1, table + 65));
    if (marker === 0xc0) {
      [height, width] = [body.readUInt16BE(1), body.readUInt16BE(3)];
      type = body[7] === 0x21 ? 0 : 1;
    }
    at += 2 + length;
    if (marker === 0xda) {
      scan = at;
      break;
    }
  }
  const data = jpeg.subarray(scan, jpeg.length - 2);
  // Both tables, also where the file has one for all components.
  const [luma = Buffer.alloc(64), chroma = luma] = tables;
  return slices(data, MOST).map((part, index) => {
    const header = Buffer.from([0, 0, 0, 0, type, 255, Math.ceil(width / 8), Math.ceil(height / 8)]);
    header.writeUIntBE(index * MOST, 1, 3);
    return Buffer.concat(index === 0 ? [header, Buffer.from([0, 0, 0, 128]), luma, chroma, part] : [header, part]);
  });
}
