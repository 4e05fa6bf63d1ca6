import type { Assembled, Depacketizer, PayloadFault } from './depacketizer.ts';
import { JPEG_END, jpegHeader, type JpegShape, quantTableBytes, quantTables, type QuantTables } from './jpeg-header.ts';

const HEADER = 8;
const RESTART_HEADER = 4;
const TABLES_HEADER = 4;
/** From here on a factor names tables that are sent along. */
const FIRST_SENT_Q = 128;
/** Counted for each part beside its bytes, so that many small ones are bounded too. */
const PART_OVERHEAD = 64;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** JPEG over RTP: RFC 2435. Each picture becomes a whole JPEG with its tables. */
export class JpegDepacketizer implements Depacketizer {
  /** The size of pictures that are too large for the packets' header; null when the description does not tell it. */
  readonly #described: Size | null;
  /** Tables that were sent before, by factor: at most 127. */
  readonly #tables = new Map<number, QuantTables>();
  #shape: JpegShape | null = null;
  #parts: Buffer[] = [];
  /** Bytes of the picture so far, as the packets' offsets count them. */
  #length = 0;
  #cached: { readonly shape: JpegShape; readonly header: Buffer } | null = null;

  constructor(fmtp: ReadonlyMap<string, string>) {
    this.#described = describedSize(fmtp);
  }

  get held(): number {
    return this.#length + this.#parts.length * PART_OVERHEAD;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  push(payload: Buffer): PayloadFault | null {
    if (payload.length === 0) return null; // some cameras send empty packets to keep a path open
    if (payload.length < HEADER) return 'malformed';
    const offset = payload.readUIntBE(1, 3);
    const type = payload.readUInt8(4);
    const hasRestart = type >= 64 && type < 128;
    if ((type & 0x3f) > 1 || type >= 128) return 'unsupported';
    const body = HEADER + (hasRestart ? RESTART_HEADER : 0);
    if (payload.length < body) return 'malformed';
    if (offset !== this.#length) return offset === 0 ? 'malformed' : 'orphan';
    if (offset > 0) return this.#append(payload.subarray(body));
    return this.#begin(payload, body, hasRestart ? payload.readUInt16BE(HEADER) : 0);
  }

  gap(): void {
    // A fragment that follows a missing one does not have the expected offset.
  }

  /** Every picture is a keyframe. */
  finish(): Assembled | null {
    const shape = this.#shape;
    const parts = this.#parts;
    this.discard();
    if (shape === null) return null;
    if (parts.at(-1)?.subarray(-2).equals(JPEG_END) !== true) parts.push(JPEG_END);
    return { data: Buffer.concat([this.#headerOf(shape), ...parts]), isKey: true, isClosed: true, hasStart: true };
  }

  discard(): void {
    this.#shape = null;
    this.#parts = [];
    this.#length = 0;
  }

  #append(scan: Buffer): null {
    this.#parts.push(scan);
    this.#length += scan.length;
    return null;
  }

  #begin(payload: Buffer, body: number, restartInterval: number): PayloadFault | null {
    const q = payload.readUInt8(5);
    const found = q < FIRST_SENT_Q ? { tables: knownTables(q), bytes: 0 } : this.#sentTables(payload, body, q);
    const size = this.#sizeOf(payload);
    if (found?.tables === null || found === null || size === null) return 'malformed';
    const sampling = (payload.readUInt8(4) & 0x3f) === 0 ? '4:2:2' : '4:2:0';
    this.#shape = { ...size, sampling, restartInterval, tables: found.tables };
    return this.#append(payload.subarray(body + found.bytes));
  }

  #sizeOf(payload: Buffer): Size | null {
    const width = payload.readUInt8(6) * 8;
    const height = payload.readUInt8(7) * 8;
    if (width > 0 && height > 0) return { width, height };
    return this.#described;
  }

  /** RFC 2435 3.1.8. */
  #sentTables(payload: Buffer, at: number, q: number): { tables: QuantTables; bytes: number } | null {
    if (payload.length < at + TABLES_HEADER) return null;
    const precision = payload.readUInt8(at + 1) & 3;
    const length = payload.readUInt16BE(at + 2);
    const known = this.#tables.get(q);
    if (length === 0) return known === undefined ? null : { tables: known, bytes: TABLES_HEADER };
    const from = at + TABLES_HEADER;
    if (from + length > payload.length) return null;
    const data = bothTables(payload.subarray(from, from + length), precision);
    if (data === null) return null;
    const tables = known?.precision === precision && known.data.equals(data) ? known : { data, precision };
    this.#tables.set(q, tables);
    return { tables, bytes: TABLES_HEADER + length };
  }

  /** A camera's pictures have one shape for a long time, so the last header is kept. */
  #headerOf(shape: JpegShape): Buffer {
    const cached = this.#cached;
    if (cached !== null && isSameShape(cached.shape, shape)) return cached.header;
    const header = jpegHeader(shape);
    this.#cached = { shape, header };
    return header;
  }
}

/** A copy of the two tables that were sent; some encoders send one for brightness and colours. */
function bothTables(sent: Buffer, precision: number): Buffer | null {
  if (sent.length === quantTableBytes(precision)) return Buffer.from(sent);
  return sent.length === 64 && precision === 0 ? Buffer.concat([sent, sent]) : null;
}

const isSameShape = (a: JpegShape, b: JpegShape): boolean =>
  a.width === b.width &&
  a.height === b.height &&
  a.sampling === b.sampling &&
  a.restartInterval === b.restartInterval &&
  a.tables === b.tables;

const COMPUTED: (QuantTables | undefined)[] = [];

/** Factors from 1 to 99; the others below 128 are reserved. */
function knownTables(q: number): QuantTables | null {
  if (q < 1 || q > 99) return null;
  COMPUTED[q] ??= quantTables(q);
  return COMPUTED[q];
}

function describedSize(fmtp: ReadonlyMap<string, string>): Size | null {
  const found =
    /^\s*(\d{1,5})\s*,\s*(\d{1,5})\s*$/u.exec(fmtp.get('x-dimensions') ?? '') ??
    /(?:^|\s)(\d{1,5})-(\d{1,5})\s*$/u.exec(fmtp.get('framesize') ?? '');
  const size = { width: Number(found?.[1] ?? 0), height: Number(found?.[2] ?? 0) };
  return size.width > 0 && size.height > 0 ? size : null;
}
