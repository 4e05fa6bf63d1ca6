/** A reply or request of RTSP (RFC 2326). */
export interface RtspMessage {
  /** `RTSP/1.0 200 OK`, or `OPTIONS rtsp://h/x RTSP/1.0`. One character for each byte. */
  readonly start: string;
  /** In order, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** The camera sent invalid RTSP, RTP or SDP, or exceeded a limit. The connection is unusable. */
export class RtspSyntaxError extends Error {
  override readonly name = 'RtspSyntaxError';
  readonly code = 'BAD_RTSP';
}

export interface WireSink {
  readonly onMessage: (message: RtspMessage) => void;
  /** `payload` may be a view of the chunk. */
  readonly onPacket: (channel: number, payload: Buffer) => void;
}

const MAX_HEAD = 64 * 1024;
const MAX_HEADERS = 200;
const MAX_BODY = 256 * 1024;
/** Bytes in a row that are neither packets nor messages. */
const MAX_JUNK = 256 * 1024;
const MAX_START = 8 * 1024;
const DOLLAR = 0x24;
const LF = 0x0a;
const CR = 0x0d;
const TAB = 0x09;
const PACKET_HEAD = 4;
/** RTP and RTCP begin with the version, 2, in two bits. */
const isVersion2 = (byte: number): boolean => byte >> 6 === 2;
const START = /^(?:RTSP\/\d\.\d \d{3}\b|[A-Z_]{3,20} \S{1,4096} RTSP\/\d\.\d$)/u;

/** What the next byte belongs to. */
type Place = 'between' | 'packet-head' | 'packet' | 'start' | 'headers' | 'body';

/**
 * Parses the bytes of one connection, in chunks of any size: RTSP messages and interleaved packets (RFC 2326, 10.12).
 * Lines may end with CR LF or LF. After bytes that are neither, it goes on at the next start line, or at the next
 * packet of a known channel. Takes linear time and holds at most one message or packet (320 KiB); a packet that lies in
 * one chunk is not copied.
 */
export class WireReader {
  readonly #sink: WireSink;
  #place: Place = 'between';
  /** The last bytes were no RTSP, so `$` alone doesn't begin a packet. */
  #isLost = false;
  #junk = 0;
  readonly #text = new ByteBuffer();
  readonly #packetHead: number[] = [];
  #channel = 0;
  /** The packet or body that is being received. */
  #block = Buffer.alloc(0);
  #filled = 0;
  #start = '';
  #headers: (readonly [string, string])[] = [];
  #headSize = 0;
  #channels: ReadonlySet<number> | null = null;

  constructor(sink: WireSink) {
    this.#sink = sink;
  }

  /** After garbage, only packets of these channels are believed. Before this call: of any. */
  expect(channels: readonly number[]): void {
    this.#channels = new Set(channels);
  }

  /** @throws {RtspSyntaxError} */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.#step(chunk, at);
  }

  /** Reads on from `at`, by one byte at least. Returns the position after what was read. */
  #step(chunk: Buffer, at: number): number {
    switch (this.#place) {
      case 'between':
        return this.#between(chunk, at);
      case 'packet-head':
        return this.#readPacketHead(chunk, at);
      case 'packet':
      case 'body':
        return this.#readBlock(chunk, at);
      case 'start':
        return this.#readStart(chunk, at);
      case 'headers':
        return this.#readHeaders(chunk, at);
    }
  }

  #between(chunk: Buffer, at: number): number {
    const byte = chunk[at] ?? 0;
    if (byte === DOLLAR) {
      // By far the most frequent case: a whole packet of a stream in order.
      const end = at + PACKET_HEAD + (chunk[at + 2] ?? 0) * 256 + (chunk[at + 3] ?? 0);
      if (!this.#isLost && at + PACKET_HEAD <= chunk.length && end <= chunk.length) {
        this.#sink.onPacket(chunk[at + 1] ?? 0, chunk.subarray(at + PACKET_HEAD, end));
        this.#junk = 0;
        return end;
      }
      this.#place = 'packet-head';
      return at;
    }
    // Empty lines are common after a body.
    if (byte === CR || byte === LF) return at + 1;
    if (isText(byte)) {
      this.#place = 'start';
      return at;
    }
    this.#skip(1);
    return at + 1;
  }

  #readPacketHead(chunk: Buffer, from: number): number {
    const head = this.#packetHead;
    // In doubt, the first byte of the payload is looked at too.
    const needed = this.#isLost ? PACKET_HEAD + 1 : PACKET_HEAD;
    let at = from;
    while (head.length < needed && at < chunk.length) {
      head.push(chunk[at] ?? 0);
      at += 1;
    }
    if (head.length < needed) return at;
    const bytes = Buffer.from(head);
    head.length = 0;
    const size = bytes.readUInt16BE(2);
    if (this.#isLost && !this.#isCredible(bytes, size)) {
      this.#place = 'between';
      this.#skip(1);
      this.push(bytes.subarray(1));
      return at;
    }
    this.#isLost = false;
    this.#channel = bytes.readUInt8(1);
    this.#open('packet', size);
    // At most one byte of the payload.
    if (bytes.length > PACKET_HEAD) this.#readBlock(bytes, PACKET_HEAD);
    return at;
  }

  #isCredible(head: Buffer, size: number): boolean {
    const isKnown = this.#channels?.has(head.readUInt8(1)) ?? true;
    return isKnown && size > PACKET_HEAD && isVersion2(head.readUInt8(PACKET_HEAD));
  }

  #open(place: 'packet' | 'body', size: number): void {
    this.#place = place;
    this.#block = Buffer.allocUnsafe(size);
    this.#filled = 0;
    if (size === 0) this.#closeBlock();
  }

  #readBlock(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#block.length - this.#filled);
    chunk.copy(this.#block, this.#filled, at, end);
    this.#filled += end - at;
    if (this.#filled === this.#block.length) this.#closeBlock();
    return end;
  }

  #closeBlock(): void {
    const block = this.#block;
    const isBody = this.#place === 'body';
    this.#block = NOTHING;
    this.#place = 'between';
    this.#junk = 0;
    this.#isLost = false;
    if (!isBody) {
      this.#sink.onPacket(this.#channel, block);
      return;
    }
    const message = { start: this.#start, headers: this.#headers, body: block };
    this.#headers = [];
    this.#headSize = 0;
    this.#sink.onMessage(message);
  }

  /** A start line holds nothing but text, so other bytes show at once that it is none. */
  #readStart(chunk: Buffer, from: number): number {
    let at = endOfText(chunk, from, false);
    this.#text.add(chunk, from, at);
    if (this.#text.startsWith(REPLY)) {
      // The reason may be in the camera's language, and may hold anything.
      const end = endOfText(chunk, at, true);
      this.#text.add(chunk, at, end);
      at = end;
    }
    if (this.#text.length > MAX_START) {
      this.#leaveStart();
      return at;
    }
    if (at === chunk.length) return at;
    if (chunk[at] !== LF) {
      // `$` and a channel: the garbage ended before them.
      const isPacket = this.#text.last === DOLLAR;
      this.#leaveStart();
      if (isPacket) {
        this.#packetHead.push(DOLLAR);
        this.#place = 'packet-head';
      }
      return at;
    }
    const line = this.#text.line();
    // The end of garbage and the reply after it may share a line.
    const reply = Math.max(0, line.search(/RTSP\/\d\.\d \d{3}\b/u));
    const start = line.slice(reply);
    if (START.test(start)) {
      this.#text.clear();
      this.#start = start;
      this.#headSize = start.length;
      this.#place = 'headers';
    } else this.#leaveStart();
    return at + 1;
  }

  /** The text collected for a start line was garbage. */
  #leaveStart(): void {
    this.#skip(this.#text.length);
    this.#text.clear();
    this.#place = 'between';
  }

  #readHeaders(chunk: Buffer, from: number): number {
    const lf = chunk.indexOf(LF, from);
    const end = lf === -1 ? chunk.length : lf;
    this.#headSize += end - from + 1;
    if (this.#headSize > MAX_HEAD) throw new RtspSyntaxError(`a message with more than ${MAX_HEAD} bytes of headers`);
    this.#text.add(chunk, from, end);
    if (lf === -1) return end;
    const line = this.#text.line();
    this.#text.clear();
    if (line === '') this.#open('body', this.#bodySize());
    else this.#addHeader(line);
    return lf + 1;
  }

  #addHeader(line: string): void {
    const last = this.#headers.at(-1);
    const colon = line.indexOf(':');
    if (/^[ \t]/u.test(line) && last !== undefined)
      this.#headers[this.#headers.length - 1] = [last[0], `${last[1]} ${line.trim()}`];
    else if (colon > 0) this.#headers.push([line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]);
    if (this.#headers.length > MAX_HEADERS)
      throw new RtspSyntaxError(`a message with more than ${MAX_HEADERS} headers`);
  }

  #bodySize(): number {
    const length = this.#headers.find(([name]) => name === 'content-length')?.[1] ?? '0';
    if (!/^\d{1,8}$/u.test(length) || Number(length) > MAX_BODY)
      throw new RtspSyntaxError(`a message with a body of more than ${MAX_BODY} bytes`);
    return Number(length);
  }

  #skip(bytes: number): void {
    this.#isLost = true;
    this.#junk += bytes;
    if (this.#junk > MAX_JUNK) throw new RtspSyntaxError(`more than ${MAX_JUNK} bytes in a row that are not RTSP`);
  }
}

const NOTHING = Buffer.alloc(0);
const REPLY = Buffer.from('RTSP/');

function endOfText(chunk: Buffer, from: number, isReason: boolean): number {
  let at = from;
  for (; at < chunk.length; at += 1) {
    const byte = chunk[at] ?? 0;
    if (isReason ? byte === LF : !isText(byte)) break;
  }
  return at;
}

const isText = (byte: number): boolean => (byte >= 0x20 && byte < 0x7f) || byte === CR || byte === TAB;

/** Collects bytes over chunks in a buffer that doubles, so that single bytes cost no more than large chunks. */
class ByteBuffer {
  #buffer = NOTHING;
  length = 0;

  get last(): number | undefined {
    return this.length === 0 ? undefined : this.#buffer[this.length - 1];
  }

  add(chunk: Buffer, from: number, to: number): void {
    const needed = this.length + to - from;
    if (needed > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(needed, 2 * this.#buffer.length, 256));
      this.#buffer.copy(larger, 0, 0, this.length);
      this.#buffer = larger;
    }
    chunk.copy(this.#buffer, this.length, from, to);
    this.length = needed;
  }

  /** The bytes as Latin-1, without a CR at their end. */
  line(): string {
    return this.#buffer.toString('latin1', 0, this.last === CR ? this.length - 1 : this.length);
  }

  startsWith(bytes: Buffer): boolean {
    return this.length >= bytes.length && bytes.equals(this.#buffer.subarray(0, bytes.length));
  }

  clear(): void {
    this.length = 0;
  }
}

/** The first header of this name (lower case); undefined when there is none. */
export const headerOf = (message: RtspMessage, name: string): string | undefined =>
  message.headers.find(([each]) => each === name)?.[1];
