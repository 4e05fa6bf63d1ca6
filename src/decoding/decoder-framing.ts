/**
 * Messages between the pool and its decoders: "GDEC", length of the header (u32, little endian), length of all blocks
 * (u32), the header as JSON `[message, lengths of the blocks]`, then the blocks.
 */
const MAGIC = 0x43_45_44_47;
const PREFIX = 12;
export const MAX_HEADER = 256 * 1024;
/** More than one picture of 8192 x 4608 px as rgb24. */
export const MAX_BLOCKS = 128 * 1024 * 1024;

export interface Framed {
  readonly message: unknown;
  /** Each fills a buffer of its own. */
  readonly blocks: readonly Uint8Array<ArrayBuffer>[];
}

/** Prefix and header of a message; the blocks are to be written after it. Throws `RangeError` beyond the bounds. */
export function frameHeader(message: object, blocks: readonly Uint8Array[]): Buffer {
  const header = JSON.stringify([message, blocks.map((block) => block.length)]);
  const length = Buffer.byteLength(header);
  const total = blocks.reduce((sum, block) => sum + block.length, 0);
  checkLengths(length, total);
  const framed = Buffer.alloc(PREFIX + length);
  framed.writeUInt32LE(MAGIC, 0);
  framed.writeUInt32LE(length, 4);
  framed.writeUInt32LE(total, 8);
  framed.write(header, PREFIX);
  return framed;
}

function checkLengths(header: number, blocks: number): void {
  if (header > MAX_HEADER) throw new RangeError(`a header of ${header} bytes, more than ${MAX_HEADER}`);
  if (blocks > MAX_BLOCKS) throw new RangeError(`blocks of ${blocks} bytes, more than ${MAX_BLOCKS}`);
}

/**
 * Takes messages apart. The caller reads bytes into `target` and tells their number to `filled`, so each byte is copied
 * once. Both throw `RangeError` on bytes that are no message; nothing can be read after that.
 */
export class FrameReader {
  #state: 'prefix' | 'header' | 'blocks' = 'prefix';
  #target: Uint8Array<ArrayBuffer> = new Uint8Array(PREFIX);
  #at = 0;
  #blockBytes = 0;
  #message: unknown = null;
  #lengths: readonly number[] = [];
  #blocks: Uint8Array<ArrayBuffer>[] = [];

  /** The place for the next bytes: at least one. */
  target(): Uint8Array<ArrayBuffer> {
    return this.#target.subarray(this.#at);
  }

  /** The message that these bytes completed, or null. */
  filled(bytes: number): Framed | null {
    this.#at += bytes;
    if (this.#at < this.#target.length) return null;
    if (this.#state === 'prefix') return this.#onPrefix();
    if (this.#state === 'header') this.#onHeader();
    else this.#blocks.push(this.#target);
    return this.#nextBlock();
  }

  /** Copies `chunk` in and calls `onMessage` for each message in it. */
  push(chunk: Uint8Array, onMessage: (framed: Framed) => void): void {
    for (let at = 0; at < chunk.length;) {
      const target = this.target();
      const part = chunk.subarray(at, at + target.length);
      target.set(part);
      at += part.length;
      const framed = this.filled(part.length);
      if (framed !== null) onMessage(framed);
    }
  }

  #onPrefix(): null {
    const prefix = Buffer.from(this.#target.buffer);
    if (prefix.readUInt32LE(0) !== MAGIC) throw new RangeError('bytes that are no message of a decoder');
    const header = prefix.readUInt32LE(4);
    this.#blockBytes = prefix.readUInt32LE(8);
    checkLengths(header, this.#blockBytes);
    if (header === 0) throw new RangeError('a message without a header');
    this.#expect('header', header);
    return null;
  }

  #onHeader(): void {
    const header: unknown = JSON.parse(Buffer.from(this.#target.buffer).toString());
    if (!Array.isArray(header) || !isLengths(header[1])) throw new RangeError('a header of another form');
    this.#message = header[0];
    this.#lengths = header[1];
    this.#blocks = [];
    if (this.#lengths.reduce((sum, length) => sum + length, 0) !== this.#blockBytes)
      throw new RangeError('blocks whose lengths do not add up');
  }

  /** Prepares for the next block; empty ones need no bytes. */
  #nextBlock(): Framed | null {
    for (;;) {
      const length = this.#lengths[this.#blocks.length];
      if (length === undefined) break;
      this.#expect('blocks', length);
      if (length > 0) return null;
      this.#blocks.push(this.#target);
    }
    const framed = { message: this.#message, blocks: this.#blocks };
    this.#blocks = [];
    this.#expect('prefix', PREFIX);
    return framed;
  }

  #expect(state: 'prefix' | 'header' | 'blocks', length: number): void {
    this.#state = state;
    this.#target = new Uint8Array(length);
    this.#at = 0;
  }
}

const isLengths = (value: unknown): value is readonly number[] =>
  Array.isArray(value) && value.every((length) => Number.isInteger(length) && length >= 0);
