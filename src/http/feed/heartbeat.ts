import type { Clock } from '../../runtime/clock.ts';
import { Ticker } from '../ticker.ts';

export interface PingableSocket {
  ping(): void;
  terminate(): void;
}

/** Pings every socket at an interval and drops those that did not answer the previous ping. */
export class Heartbeat {
  readonly #answered = new Map<PingableSocket, boolean>();
  readonly #ticker: Ticker;

  constructor(clock: Clock, intervalMs: number) {
    this.#ticker = new Ticker(clock, intervalMs, () => this.#ping());
  }

  add(socket: PingableSocket): void {
    this.#answered.set(socket, true);
    this.#ticker.start();
  }

  /** The socket answered. */
  alive(socket: PingableSocket): void {
    if (this.#answered.has(socket)) this.#answered.set(socket, true);
  }

  remove(socket: PingableSocket): void {
    this.#answered.delete(socket);
    if (this.#answered.size === 0) this.stop();
  }

  stop(): void {
    this.#ticker.stop();
  }

  #ping(): boolean {
    for (const [socket, answered] of this.#answered) {
      if (answered) {
        this.#answered.set(socket, false);
        socket.ping();
      } else socket.terminate();
    }
    return this.#answered.size > 0;
  }
}
