import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock, TimerHandle } from '../runtime/clock.ts';

/** Bytes of an MPEG-TS packet (ISO/IEC 13818-1). */
const TS_PACKET = 188;
/** One encoder, its successor, and some room. */
const MAX_READERS = 4;
/** Unsent bytes above which a reader misses data, about 5 s of video: the camera never waits for a reader. */
const MAX_UNREAD = 1024 * 1024;
/** After this long without data readers are disconnected, which tells their viewers. */
const IDLE_MS = 10_000;

/**
 * Serves a camera's stream (MPEG-TS, copied) at a socket file, to the encoder of the live preview. Without a reader the
 * data is dropped. It outlives the camera's ffmpegs.
 */
export class PreviewTap {
  readonly #server: Server;
  readonly #path: string;
  readonly #clock: Clock;
  /** Readers, and whether each has received whole packets so far. */
  readonly #readers = new Map<Socket, boolean>();
  #idle: TimerHandle | null = null;
  /** Bytes since the start of the current packet. */
  #offset = 0;

  private constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens at `path`, in a folder that nobody else may enter. Rejects when it cannot. */
  static async open(path: string, clock: Clock): Promise<PreviewTap> {
    // A camera that was killed may have left its socket.
    await rm(path, { force: true });
    const tap = new PreviewTap(path, clock);
    await new Promise<void>((resolve, reject) => {
      tap.#server.once('error', reject);
      tap.#server.listen(path, () => {
        tap.#server.off('error', reject);
        // Running out of file handles must not end the camera.
        tap.#server.on('error', () => undefined);
        resolve();
      });
    });
    await chmod(path, 0o600);
    return tap;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** A new stream follows, aligned to a packet. */
  restart(): void {
    this.#offset = 0;
    for (const reader of this.#readers.keys()) this.#readers.set(reader, false);
  }

  push(chunk: Uint8Array): void {
    const border = (TS_PACKET - this.#offset) % TS_PACKET;
    this.#offset = (this.#offset + chunk.length) % TS_PACKET;
    if (this.#readers.size === 0) return;
    this.#awaitMore();
    for (const [reader, isAligned] of this.#readers) {
      if (reader.writableLength > MAX_UNREAD) {
        this.#readers.set(reader, false);
        continue;
      }
      if (!isAligned && border >= chunk.length) continue;
      this.#readers.set(reader, true);
      reader.write(isAligned ? chunk : chunk.subarray(border));
    }
  }

  async close(): Promise<void> {
    if (this.#idle !== null) this.#clock.clearTimeout(this.#idle);
    this.#idle = null;
    for (const reader of this.#readers.keys()) reader.destroy();
    // Node removes the file of a listener that it closes.
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    await rm(this.#path, { force: true });
  }

  #accept(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (this.#readers.size >= MAX_READERS) {
      socket.destroy();
      return;
    }
    this.#readers.set(socket, false);
    socket.on('close', () => this.#readers.delete(socket));
    // Readers send nothing; reading notices when they close.
    socket.resume();
    if (this.#idle === null) this.#awaitMore();
  }

  #awaitMore(): void {
    if (this.#idle !== null) this.#clock.clearTimeout(this.#idle);
    this.#idle = this.#clock.setTimeout(() => {
      this.#idle = null;
      for (const reader of this.#readers.keys()) reader.destroy();
    }, IDLE_MS);
  }
}
