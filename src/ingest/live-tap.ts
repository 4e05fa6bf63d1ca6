import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import type { AccessUnit, VideoCodec } from '../video/access-unit.ts';

/** Turns access units into a byte stream, e.g. MPEG-TS. */
export interface Muxer {
  push(unit: AccessUnit): Uint8Array;
}

/** A new stream for one reader. */
export type MakeMuxer = (codec: VideoCodec) => Muxer;

export interface LiveTapOptions {
  readonly clock: Clock;
  /** The units from the newest keyframe on, for a reader that joins. */
  readonly begin: () => readonly AccessUnit[];
  readonly muxer: MakeMuxer;
}

/** The page's reader, an encoder, and their successors. */
const MAX_READERS = 4;
/** Unsent bytes above which a reader skips to the next keyframe, about 5 s of video. */
const MAX_UNREAD = 1024 * 1024;
/** After this long without data readers are disconnected, which tells their viewers. */
const IDLE_MS = 10_000;

interface Reader {
  readonly codec: VideoCodec;
  readonly muxer: Muxer;
  /** False after a break, until a keyframe. */
  isFlowing: boolean;
  /** What it was sent at once when it joined, while that is not read yet. */
  head: number;
}

/**
 * Serves a camera's video at a socket file: H.264 and H.265 in MPEG-TS, MJPEG in parts, a JPEG each. A reader
 * gets the units since the newest keyframe at once. Nothing is muxed without a reader. It outlives the camera's
 * sessions; a reader is disconnected when the codec changes.
 */
export class LiveTap {
  readonly #server: Server;
  readonly #path: string;
  readonly #options: LiveTapOptions;
  /** Null: connected, and waiting for the first unit. */
  readonly #readers = new Map<Socket, Reader | null>();
  #idle: TimerHandle | null = null;

  private constructor(path: string, options: LiveTapOptions) {
    this.#path = path;
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Listens at `path`, in a folder that nobody else may enter. Rejects when it cannot. */
  static async open(path: string, options: LiveTapOptions): Promise<LiveTap> {
    // A process that was killed may have left its socket.
    await rm(path, { force: true });
    const tap = new LiveTap(path, options);
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

  /** The units before and after are of two sessions. */
  restart(): void {
    for (const reader of this.#readers.values()) if (reader !== null) reader.isFlowing = false;
  }

  push(unit: AccessUnit): void {
    if (this.#readers.size === 0) return;
    this.#awaitMore();
    for (const [socket, reader] of this.#readers) {
      if (reader !== null && reader.codec !== unit.codec) socket.destroy();
      else if (reader !== null) send(socket, reader, unit);
      else if (unit.isKey) this.#begin(socket, [unit]);
    }
  }

  async close(): Promise<void> {
    if (this.#idle !== null) this.#options.clock.clearTimeout(this.#idle);
    this.#idle = null;
    for (const socket of this.#readers.keys()) socket.destroy();
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
    this.#readers.set(socket, null);
    socket.on('close', () => this.#readers.delete(socket));
    // Readers send nothing; reading notices when they close.
    socket.resume();
    if (this.#idle === null) this.#awaitMore();
    this.#begin(socket, this.#options.begin());
  }

  #begin(socket: Socket, units: readonly AccessUnit[]): void {
    const [first] = units;
    if (first === undefined) return;
    const reader = { codec: first.codec, muxer: this.#options.muxer(first.codec), isFlowing: true, head: 0 };
    this.#readers.set(socket, reader);
    for (const unit of units) {
      const bytes = reader.muxer.push(unit);
      reader.head += bytes.byteLength;
      socket.write(bytes);
    }
  }

  #awaitMore(): void {
    if (this.#idle !== null) this.#options.clock.clearTimeout(this.#idle);
    this.#idle = this.#options.clock.setTimeout(() => {
      this.#idle = null;
      for (const socket of this.#readers.keys()) socket.destroy();
    }, IDLE_MS);
  }
}

function send(socket: Socket, reader: Reader, unit: AccessUnit): void {
  if (socket.writableLength === 0) reader.head = 0;
  if (socket.writableLength > MAX_UNREAD + reader.head) reader.isFlowing = false;
  else if (unit.isKey) reader.isFlowing = true;
  if (reader.isFlowing) socket.write(reader.muxer.push(unit));
}

/**
 * MJPEG: a part of `multipart/x-mixed-replace` for each JPEG. Readers know it by its first line, where ffmpeg reads a
 * megabyte before it takes bare JPEGs for video.
 */
export const jpegParts: Muxer = {
  push: ({ data }) =>
    Buffer.concat([
      Buffer.from(`--gantry\r\nContent-Type: image/jpeg\r\nContent-Length: ${data.byteLength}\r\n\r\n`, 'latin1'),
      data,
      Buffer.from('\r\n', 'latin1'),
    ]),
};
