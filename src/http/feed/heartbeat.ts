import type { Clock, TimerHandle } from '../../runtime/clock.ts';

/** What a heartbeat needs of a socket. */
export interface Beating {
  ping(): void;
  terminate(): void;
}

/** Pings every socket at an interval and drops those that did not answer the ping before. */
export class Heartbeat {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #answered = new Map<Beating, boolean>();
  #timer: TimerHandle | null = null;

  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
  }

  add(socket: Beating): void {
    this.#answered.set(socket, true);
    this.#timer ??= this.#schedule();
  }

  /** The socket showed that it lives. */
  alive(socket: Beating): void {
    if (this.#answered.has(socket)) this.#answered.set(socket, true);
  }

  remove(socket: Beating): void {
    this.#answered.delete(socket);
    if (this.#answered.size === 0) this.stop();
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(): TimerHandle {
    return this.#clock.setTimeout(() => {
      this.#timer = null;
      for (const [socket, answered] of this.#answered) {
        if (answered) {
          this.#answered.set(socket, false);
          socket.ping();
        } else socket.terminate();
      }
      if (this.#answered.size > 0) this.#timer = this.#schedule();
    }, this.#intervalMs);
  }
}
