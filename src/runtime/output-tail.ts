import type { Readable } from 'node:stream';
import { printable } from './printable.ts';

/** Bytes that are kept of a line: its beginning. */
const MAX_LINE = 1_200;
/** Characters of it that are shown: fewer, so that `clean` sees secrets whole. */
const MAX_SHOWN = 300;
/** Most bytes read in a second; then the pipe is paused for the rest of it. */
const BYTES_PER_SECOND = 256 * 1024;
/** Bytes of a chunk that are searched for lines: its last. */
const MAX_LOOKED_AT = 8 * 1024;
const LF = 0x0a;
const CR = 0x0d;

/**
 * The last lines that a program printed, made printable and bounded. Time is linear in the bytes pushed,
 * memory is a few lines of 300 characters.
 */
export class OutputTail {
  readonly #keep: number;
  readonly #clean: (line: string) => string;
  readonly #lines: string[] = [];
  /** The beginning of the unfinished line. */
  readonly #open = Buffer.alloc(MAX_LINE);
  #filled = 0;

  /**
   * @param keep how many lines are kept
   * @param clean removes secrets from a line
   */
  constructor(keep = 5, clean: (line: string) => string = (line) => line) {
    this.#keep = keep;
    this.#clean = clean;
  }

  push(chunk: Uint8Array): void {
    // Only the end of a long chunk can hold the last lines.
    let at = Math.max(0, chunk.length - MAX_LOOKED_AT);
    if (at > 0) this.#filled = 0;
    while (at < chunk.length) {
      const end = nextBreak(chunk, at);
      const take = Math.min(end - at, MAX_LINE - this.#filled);
      this.#open.set(chunk.subarray(at, at + take), this.#filled);
      this.#filled += take;
      if (end < chunk.length) this.#closeLine();
      at = end + 1;
    }
  }

  note(line: string): void {
    const shown = printable(this.#clean(line.slice(0, MAX_LINE).trim())).slice(0, MAX_SHOWN);
    if (shown === '') return;
    this.#lines.push(shown);
    if (this.#lines.length > this.#keep) this.#lines.shift();
  }

  /** Oldest first, with the unfinished line. */
  lines(): readonly string[] {
    this.#closeLine();
    return [...this.#lines];
  }

  last(): string | null {
    return this.lines().at(-1) ?? null;
  }

  /**
   * Reads a pipe to its end, at most `bytesPerSecond`: a program that floods its output is slowed down. Once the
   * program has ended, the returned function reads the rest at once.
   *
   * @param bytesPerSecond default 256 KiB; `Infinity` for a program that must never wait
   */
  follow(pipe: Readable, bytesPerSecond = BYTES_PER_SECOND): () => void {
    let budget = bytesPerSecond;
    let timer: NodeJS.Timeout | null = null;
    const refill = (): void => {
      timer = null;
      budget = bytesPerSecond;
      pipe.resume();
    };
    pipe.on('data', (chunk: Buffer) => {
      budget -= chunk.length;
      if (budget < Infinity) timer ??= setTimeout(refill, 1_000).unref();
      if (budget <= 0) pipe.pause();
      this.push(chunk);
    });
    pipe.on('close', () => {
      if (timer !== null) clearTimeout(timer);
    });
    pipe.on('error', () => undefined);
    return () => {
      budget = Infinity;
      pipe.resume();
    };
  }

  #closeLine(): void {
    if (this.#filled === 0) return;
    const line = this.#open.toString('utf8', 0, this.#filled);
    this.#filled = 0;
    this.note(line);
  }
}

/** Where the line ends: at LF, or at CR, by which progress lines end. */
function nextBreak(chunk: Uint8Array, from: number): number {
  let at = from;
  while (at < chunk.length && chunk[at] !== LF && chunk[at] !== CR) at += 1;
  return at;
}
