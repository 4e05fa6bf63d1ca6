/** A reply or request of RTSP (RFC 2326). */
export interface RtspMessage {
  readonly kind: 'message';
  /** `RTSP/1.0 200 OK`, or `OPTIONS rtsp://h/x RTSP/1.0`. */
  readonly start: string;
  /** In order, names as received. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
}

/** Whole or partial interleaved packets (RFC 2326, 10.12), headers included, as received. */
export interface RtspData {
  readonly kind: 'data';
  readonly bytes: Buffer;
}

/** The peer sent invalid RTSP, or exceeded a limit. The connection is unusable. */
export class RtspSyntaxError extends Error {
  override readonly name = 'RtspSyntaxError';
  readonly code = 'BAD_RTSP';
}

const MAX_HEAD = 16 * 1024;
const MAX_HEADERS = 100;
/** Descriptions of cameras have 1 to 4 KiB; ffmpeg reads 16 KiB at most. */
const MAX_BODY = 64 * 1024;
/** Bytes between messages, over a whole connection: some cameras pad. */
const MAX_JUNK = 64 * 1024;
const DOLLAR = 0x24;
const LF = 0x0a;
const CR = 0x0d;
const START = /^(?:RTSP\/\d\.\d \d{3}\b|[A-Z_]{3,20} \S{1,4096} RTSP\/\d\.\d$)/u;

/**
 * Parses the bytes of one connection, in chunks of any size. Packets are returned as received, without a copy. Lines
 * may end with CR LF or LF. Takes linear time, and holds at most 80 KiB.
 */
export class RtspReader {
  readonly #line = new ByteBuffer();
  readonly #body = new ByteBuffer();
  #start: string | null = null;
  #headers: (readonly [string, string])[] = [];
  #headSize = 0;
  #bodyLeft = 0;
  /** Bytes of the current packet that are still to come. */
  #packetLeft = 0;
  /** The start of a packet's four-byte header, when a chunk ended within it. */
  #frame: number[] = [];
  #junk = 0;

  /** @throws {RtspSyntaxError} */
  push(chunk: Buffer): readonly (RtspMessage | RtspData)[] {
    const found: (RtspMessage | RtspData)[] = [];
    let at = 0;
    while (at < chunk.length) {
      const end = this.#packets(chunk, at);
      if (end > at) found.push({ kind: 'data', bytes: chunk.subarray(at, end) });
      at = end;
      if (at < chunk.length) at = this.#message(chunk, at, found);
    }
    return found;
  }

  get #isBetween(): boolean {
    return this.#start === null && this.#line.length === 0 && this.#bodyLeft === 0;
  }

  /** The end of the packets that start at `from`, or of the chunk. */
  #packets(chunk: Buffer, from: number): number {
    let at = from;
    while (at < chunk.length) {
      if (this.#packetLeft > 0) {
        const take = Math.min(this.#packetLeft, chunk.length - at);
        this.#packetLeft -= take;
        at += take;
      } else if (this.#frame.length > 0 || (this.#isBetween && chunk[at] === DOLLAR)) {
        this.#frame.push(chunk[at] ?? 0);
        at += 1;
        if (this.#frame.length < 4) continue;
        this.#packetLeft = (this.#frame[2] ?? 0) * 256 + (this.#frame[3] ?? 0);
        this.#frame = [];
      } else return at;
    }
    return at;
  }

  /** Continues a head or body, to its end or the end of the chunk. Returns the position. */
  #message(chunk: Buffer, from: number, found: (RtspMessage | RtspData)[]): number {
    if (this.#bodyLeft > 0) {
      const end = Math.min(chunk.length, from + this.#bodyLeft);
      this.#body.add(chunk, from, end);
      this.#bodyLeft -= end - from;
      if (this.#bodyLeft === 0) this.#finish(found);
      return end;
    }
    const lf = chunk.indexOf(LF, from);
    const end = lf === -1 ? chunk.length : lf;
    this.#headSize += end - from + 1;
    if (this.#headSize > MAX_HEAD) throw new RtspSyntaxError(`a head of more than ${MAX_HEAD} bytes`);
    this.#line.add(chunk, from, end);
    if (lf === -1) return end;
    this.#endLine(this.#line.take(), found);
    return lf + 1;
  }

  #endLine(bytes: Buffer, found: (RtspMessage | RtspData)[]): void {
    const line = bytes.toString('latin1', 0, bytes.at(-1) === CR ? bytes.length - 1 : bytes.length);
    if (this.#start === null) {
      if (START.test(line)) this.#start = line;
      else this.#skip(bytes.length + 1);
      return;
    }
    if (line !== '') {
      this.#header(line);
      return;
    }
    const length = this.#headers.find(([name]) => name.toLowerCase() === 'content-length')?.[1] ?? '0';
    if (!/^\d{1,8}$/u.test(length) || Number(length) > MAX_BODY)
      throw new RtspSyntaxError(`a body of more than ${MAX_BODY} bytes`);
    this.#bodyLeft = Number(length);
    if (this.#bodyLeft === 0) this.#finish(found);
  }

  #header(line: string): void {
    const last = this.#headers.at(-1);
    if (/^[ \t]/u.test(line) && last !== undefined) {
      this.#headers[this.#headers.length - 1] = [last[0], `${last[1]} ${line.trim()}`];
      return;
    }
    const colon = line.indexOf(':');
    if (colon <= 0) return;
    if (this.#headers.length >= MAX_HEADERS) throw new RtspSyntaxError(`more than ${MAX_HEADERS} headers`);
    this.#headers.push([line.slice(0, colon).trim(), line.slice(colon + 1).trim()]);
  }

  #finish(found: (RtspMessage | RtspData)[]): void {
    found.push({ kind: 'message', start: this.#start ?? '', headers: this.#headers, body: this.#body.take() });
    this.#start = null;
    this.#headers = [];
    this.#headSize = 0;
  }

  #skip(bytes: number): void {
    this.#headSize = 0;
    // An empty line after a message is common, and not counted.
    if (bytes > 2) this.#junk += bytes;
    if (this.#junk > MAX_JUNK) throw new RtspSyntaxError(`more than ${MAX_JUNK} bytes that are not RTSP`);
  }
}

/** Collects bytes over chunks in a buffer that doubles, so that single bytes cost no more than large chunks. */
class ByteBuffer {
  #buffer = Buffer.alloc(256);
  length = 0;

  add(chunk: Buffer, from: number, to: number): void {
    const needed = this.length + to - from;
    if (needed > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(needed, 2 * this.#buffer.length));
      this.#buffer.copy(larger, 0, 0, this.length);
      this.#buffer = larger;
    }
    chunk.copy(this.#buffer, this.length, from, to);
    this.length = needed;
  }

  /** A copy of the bytes; empties the buffer. */
  take(): Buffer {
    const taken = Buffer.from(this.#buffer.subarray(0, this.length));
    this.length = 0;
    return taken;
  }
}

/** The first header of this name (lower case); undefined when there is none. */
export const headerOf = (message: RtspMessage, name: string): string | undefined =>
  message.headers.find(([each]) => each.toLowerCase() === name)?.[1];
