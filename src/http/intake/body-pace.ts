import type { Clock } from '../../runtime/clock.ts';
import { Ticker } from '../ticker.ts';

export interface PaceLimits {
  /** A body must be whole, or bring at least `paceBytes`, in each of these periods, in ms. */
  readonly paceMs: number;
  readonly paceBytes: number;
}

interface WatchedBody {
  /** Bytes received so far, on the whole connection. */
  readonly received: () => number;
  readonly tooSlow: () => void;
  since: number;
  bytes: number;
}

const CHECKS_PER_PERIOD = 5;

/**
 * Cuts off bodies that arrive too slowly, long before the request times out: a stalled one occupies a place and memory.
 */
export class BodyPace {
  readonly #clock: Clock;
  readonly #limits: PaceLimits;
  readonly #watched = new Set<WatchedBody>();
  readonly #ticker: Ticker;
  #cut = 0;

  constructor(clock: Clock, limits: PaceLimits) {
    this.#clock = clock;
    this.#limits = limits;
    this.#ticker = new Ticker(clock, limits.paceMs / CHECKS_PER_PERIOD, () => this.#check());
  }

  /** Bodies cut off since the start. */
  get cut(): number {
    return this.#cut;
  }

  /** Watches a body until the returned function or `tooSlow` is called. */
  watch(received: () => number, tooSlow: () => void): () => void {
    const body: WatchedBody = { received, tooSlow, since: this.#clock.now(), bytes: received() };
    this.#watched.add(body);
    this.#ticker.start();
    return () => {
      this.#watched.delete(body);
      if (this.#watched.size === 0) this.stop();
    };
  }

  stop(): void {
    this.#ticker.stop();
  }

  #check(): boolean {
    const now = this.#clock.now();
    for (const body of this.#watched) {
      if (now - body.since < this.#limits.paceMs) continue;
      const bytes = body.received();
      if (bytes - body.bytes >= this.#limits.paceBytes) {
        body.since = now;
        body.bytes = bytes;
        continue;
      }
      this.#watched.delete(body);
      this.#cut += 1;
      body.tooSlow();
    }
    return this.#watched.size > 0;
  }
}
