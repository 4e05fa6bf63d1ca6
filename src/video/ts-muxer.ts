import type { AccessUnit } from './access-unit.ts';
import { H264_NAL, H265_NAL, type NalCodec } from './nal-units.ts';
import { Timeline, type UnitTimes } from './timeline.ts';
import { crc32Mpeg } from './ts-crc.ts';
import { VideoError } from './video-error.ts';

/** Bytes of a transport packet: ISO/IEC 13818-1 2.4.3.2. */
export const TS_PACKET = 188;
const SYNC = 0x47;
const PAT_PID = 0;
const PMT_PID = 0x1000;
const VIDEO_PID = 0x100;
/** Table 2-34. */
const STREAM_TYPES: Readonly<Record<NalCodec, number>> = { h264: 0x1b, h265: 0x24 };
/** Start code, stream id, length, flags, and both times. */
const PES_HEADER = 19;
/** Sync, PID and counter. */
const PACKET_HEADER = 4;
/** Length, flags and clock of an adaptation field with a clock. */
const CLOCK_FIELD = 8;
/** The program clock runs this much before the decoding time: a player's time to receive a picture. 100 ms. */
const LEAD = 9_000;

/** An access unit delimiter for pictures of all types, with its start code. */
const DELIMITERS: Readonly<Record<NalCodec, Buffer>> = {
  h264: Buffer.from([0, 0, 0, 1, H264_NAL.delimiter, 0xf0]),
  h265: Buffer.from([0, 0, 0, 1, H265_NAL.delimiter << 1, 1, 0x50]),
};

/**
 * Packs the access units of one stream into an MPEG transport stream with a clock of its own, one unit at a time
 * without a delay: ISO/IEC 13818-1. A reader may begin at any keyframe.
 *
 * Our own code: the library that writes our MP4 files holds a transport stream's pictures back until the next keyframe,
 * and writes its tables only once.
 */
export class TsMuxer {
  readonly #codec: NalCodec;
  readonly #timeline: Timeline;
  readonly #tables: { readonly pat: Buffer; readonly pmt: Buffer };
  #counters = { tables: 0, video: 0 };
  /** The presentation time of a first keyframe whose leading pictures cannot be decoded; null when they are passed. */
  #begun: { readonly pts: number; leading: boolean } | null = null;

  constructor(codec: NalCodec) {
    this.#codec = codec;
    this.#timeline = new Timeline(codec);
    this.#tables = { pat: patSection(), pmt: pmtSection(STREAM_TYPES[codec]) };
  }

  /**
   * The unit as whole packets of 188 bytes, with the program's tables in front of a keyframe. Empty before the first
   * keyframe, and for pictures after it that need those before it.
   *
   * @throws {VideoError} `OTHER_CODEC`
   */
  push(unit: AccessUnit): Buffer {
    if (unit.codec !== this.#codec)
      throw new VideoError('OTHER_CODEC', `the stream is ${this.#codec}, but a picture came as ${unit.codec}`);
    if (!this.#isDecodable(unit)) return Buffer.alloc(0);
    const times = this.#timeline.next(unit);
    const delimiter = DELIMITERS[this.#codec];
    const length = PES_HEADER + delimiter.length + unit.data.length;
    const content = Buffer.allocUnsafe(length);
    writePesHeader(content, times);
    delimiter.copy(content, PES_HEADER);
    content.set(unit.data, PES_HEADER + delimiter.length);
    return this.#packets(content, unit.isKey, times.dts);
  }

  #isDecodable(unit: AccessUnit): boolean {
    if (this.#begun === null) {
      if (!unit.isKey) return false;
      this.#begun = { pts: unit.pts, leading: true };
      return true;
    }
    if (!this.#begun.leading) return true;
    if (!unit.isKey && unit.pts < this.#begun.pts) return false;
    this.#begun.leading = false;
    return true;
  }

  #packets(content: Buffer, isKey: boolean, clock: number): Buffer {
    const room = TS_PACKET - PACKET_HEADER;
    const tables = isKey ? 2 : 0;
    const out = Buffer.allocUnsafe(TS_PACKET * (tables + Math.ceil((content.length + CLOCK_FIELD) / room)));
    let at = 0;
    if (isKey) {
      at = this.#writeTable(out, at, PAT_PID, this.#tables.pat);
      at = this.#writeTable(out, at, PMT_PID, this.#tables.pmt);
      this.#counters.tables = (this.#counters.tables + 1) & 0xf;
    }
    for (let from = 0; from < content.length; at += TS_PACKET) {
      const isFirst = from === 0;
      const field = Math.max(isFirst ? CLOCK_FIELD : 0, room - (content.length - from));
      writeHeader(out, at, VIDEO_PID, isFirst, field > 0, this.#counters.video);
      this.#counters.video = (this.#counters.video + 1) & 0xf;
      if (field > 0) writeField(out, at + PACKET_HEADER, field, isFirst ? { clock, isKey } : null);
      const to = from + room - field;
      content.copy(out, at + PACKET_HEADER + field, from, to);
      from = to;
    }
    return out;
  }

  #writeTable(out: Buffer, at: number, pid: number, section: Buffer): number {
    writeHeader(out, at, pid, true, false, this.#counters.tables);
    out[at + PACKET_HEADER] = 0; // the section follows at once
    section.copy(out, at + PACKET_HEADER + 1);
    out.fill(0xff, at + PACKET_HEADER + 1 + section.length, at + TS_PACKET);
    return at + TS_PACKET;
  }
}

function writeHeader(out: Buffer, at: number, pid: number, isStart: boolean, hasField: boolean, counter: number): void {
  out[at] = SYNC;
  out.writeUInt16BE((isStart ? 0x4000 : 0) | pid, at + 1);
  out[at + 3] = (hasField ? 0x30 : 0x10) | counter;
}

/** Adaptation field: 2.4.3.4. Without a clock it is padding. `length` counts all its bytes. */
function writeField(
  out: Buffer,
  at: number,
  length: number,
  first: { readonly clock: number; readonly isKey: boolean } | null,
): void {
  out[at] = length - 1;
  if (length === 1) return;
  out[at + 1] = first === null ? 0 : 0x10 | (first.isKey ? 0x40 : 0);
  let used = 2;
  if (first !== null) {
    out.writeUInt32BE(Math.floor(first.clock / 2) % 2 ** 32, at + 2);
    out.writeUInt16BE(((first.clock % 2) << 15) | 0x7e00, at + 6);
    used = CLOCK_FIELD;
  }
  out.fill(0xff, at + used, at + length);
}

/**
 * 2.4.3.6, with both times. With the length a player need not wait for the next picture to know the end of this one;
 * longer pictures than the field can say have a length of 0.
 */
function writePesHeader(out: Buffer, times: UnitTimes): void {
  out.set([0, 0, 1, 0xe0, 0, 0, 0x84, 0xc0, 10]);
  const length = out.length - 6;
  if (length <= 0xffff) out.writeUInt16BE(length, 4);
  writeTime(out, 9, 0x3, times.pts + LEAD);
  writeTime(out, 14, 0x1, times.dts + LEAD);
}

function writeTime(out: Buffer, at: number, mark: number, ticks: number): void {
  const high = Math.floor(ticks / 2 ** 30) % 8;
  out[at] = (mark << 4) | (high << 1) | 1;
  out.writeUInt16BE((((ticks / 2 ** 15) & 0x7fff) << 1) | 1, at + 1);
  out.writeUInt16BE(((ticks % 2 ** 15) << 1) | 1, at + 3);
}

/** One program: 2.4.4.3. */
const patSection = (): Buffer =>
  withCrc([0x00, 0xb0, 13, 0, 1, 0xc1, 0, 0, 0, 1, 0xe0 | (PMT_PID >> 8), PMT_PID & 0xff]);

/** One video stream, which has the clock: 2.4.4.8. */
function pmtSection(streamType: number): Buffer {
  const pid = [0xe0 | (VIDEO_PID >> 8), VIDEO_PID & 0xff];
  return withCrc([0x02, 0xb0, 18, 0, 1, 0xc1, 0, 0, ...pid, 0xf0, 0, streamType, ...pid, 0xf0, 0]);
}

function withCrc(bytes: readonly number[]): Buffer {
  const section = Buffer.alloc(bytes.length + 4);
  section.set(bytes);
  section.writeUInt32BE(crc32Mpeg(section.subarray(0, bytes.length)), bytes.length);
  return section;
}
