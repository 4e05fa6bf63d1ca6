import { printable } from '../runtime/printable.ts';
import type { Frame } from '../vision/frame.ts';

const LF = 0x0a;
const MAX_HEADER = 64;
/** 16 MB. ffmpeg's arguments limit pictures to 1280 x 4096. */
const MAX_PICTURE_PIXELS = 1_280 * 4_096;

/** The bytes are not a PPM stream: ffmpeg had other arguments, or its output was cut. */
export class PpmError extends Error {
  override readonly name = 'PpmError';
  readonly code = 'BAD_PPM';
}

/**
 * Assembles the frames of `ffmpeg -f image2pipe -c:v ppm` from the chunks of a pipe. PPM (P6, one byte a channel)
 * states the size of each picture, so nothing has to be probed and a camera may change its resolution. Every frame has
 * its own buffer, which may be transferred to another thread.
 */
export class PpmReader {
  readonly #onFrame: (frame: Frame) => void;
  #header: number[] = [];
  #frame: Frame | null = null;
  #filled = 0;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Throws {@link PpmError}. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      at = this.#frame === null ? this.#readHeader(chunk, at) : this.#readPixels(this.#frame, chunk, at);
    }
  }

  #readHeader(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at += 1) {
      const byte = chunk[at] ?? 0;
      this.#header.push(byte);
      if (this.#header.length > MAX_HEADER)
        throw new PpmError(`no PPM header in the first ${MAX_HEADER} bytes of a picture`);
      if (byte === LF && this.#header.filter((each) => each === LF).length === 3) {
        this.#begin(String.fromCharCode(...this.#header));
        return at + 1;
      }
    }
    return chunk.length;
  }

  #begin(header: string): void {
    const match = /^P6\n(\d{1,5}) (\d{1,5})\n255\n$/.exec(header);
    const width = Number(match?.[1] ?? 0);
    const height = Number(match?.[2] ?? 0);
    if (width < 1 || height < 1) throw new PpmError(`not a PPM header: ${printable(header)}`);
    // Checked before the memory is allocated.
    if (width * height > MAX_PICTURE_PIXELS)
      throw new PpmError(`a picture of ${width}x${height} is larger than ffmpeg was asked to make`);
    this.#header = [];
    this.#filled = 0;
    this.#frame = { data: new Uint8Array(width * height * 3), width, height };
  }

  #readPixels(frame: Frame, chunk: Uint8Array, from: number): number {
    const take = Math.min(chunk.length - from, frame.data.length - this.#filled);
    frame.data.set(chunk.subarray(from, from + take), this.#filled);
    this.#filled += take;
    if (this.#filled === frame.data.length) {
      this.#frame = null;
      this.#onFrame(frame);
    }
    return from + take;
  }
}
