import type { ActorLog } from '../runtime/actor.ts';
import type { Clock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { AccessUnit } from '../video/access-unit.ts';
import { LiveTap, type MakeMuxer } from './live-tap.ts';

interface TapSocketOptions {
  readonly cameraId: string;
  readonly clock: Clock;
  readonly log: Pick<ActorLog, 'warn'>;
  readonly muxer: MakeMuxer;
}

/** A camera's live tap at the path that is wanted now. Without one, or where it cannot listen, pushes do nothing. */
export class TapSocket {
  readonly #options: TapSocketOptions;
  readonly #begin: () => readonly AccessUnit[];
  #path: string | null = null;
  #tap: LiveTap | null = null;
  /** Opening and closing, one after the other. Never rejects. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: TapSocketOptions, begin: () => readonly AccessUnit[]) {
    this.#options = options;
    this.#begin = begin;
  }

  listenAt(path: string | null): void {
    if (path === this.#path) return;
    this.#path = path;
    this.#work = this.#work.then(() => this.#move(path));
  }

  push(unit: AccessUnit): void {
    this.#tap?.push(unit);
  }

  restart(): void {
    this.#tap?.restart();
  }

  close(): Promise<void> {
    this.listenAt(null);
    return this.#work;
  }

  async #move(path: string | null): Promise<void> {
    const old = this.#tap;
    this.#tap = null;
    await old?.close();
    if (path === null || path !== this.#path) return;
    const { cameraId, clock, log, muxer } = this.#options;
    try {
      this.#tap = await LiveTap.open(path, { clock, muxer, begin: this.#begin });
    } catch (thrown) {
      const { message } = asError(thrown);
      log.warn({ cameraId, err: message }, `camera ${cameraId} runs without live video: ${message}`);
    }
  }
}
