import type { Clock, TimerHandle } from '../../runtime/clock.ts';

export interface PaceLimits {
  /** A body must be whole, or bring at least `paceBytes`, in each of these, in ms. */
  readonly paceMs: number;
  readonly paceBytes: number;
}

interface Watched {
  /** Bytes that have come so far, on the whole connection. */
  readonly received: () => number;
  readonly tooSlow: () => void;
  since: number;
  bytes: number;
}

const LOOKS_PER_PERIOD = 5;

/** Cuts bodies that come too slowly, long before their time is over: whoever stalls holds a place and memory. */
export class BodyPace {
  readonly #clock: Clock;
  readonly #limits: PaceLimits;
  readonly #watched = new Set<Watched>();
  #timer: TimerHandle | null = null;
  #cut = 0;

  constructor(clock: Clock, limits: PaceLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  /** Bodies that were cut since the start. */
  get cut(): number {
    return this.#cut;
  }

  /** Watches a body until the returned function is called, or `tooSlow` was. */
  watch(received: () => number, tooSlow: () => void): () => void {
    const watched: Watched = { received, tooSlow, since: this.#clock.now(), bytes: received() };
    this.#watched.add(watched);
    this.#timer ??= this.#schedule();
    return () => {
      this.#watched.delete(watched);
      if (this.#watched.size === 0) this.stop();
    };
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }

  #schedule(): TimerHandle {
    return this.#clock.setTimeout(() => {
      this.#timer = null;
      this.#look();
      if (this.#watched.size > 0) this.#timer = this.#schedule();
    }, this.#limits.paceMs / LOOKS_PER_PERIOD);
  }

  #look(): void {
    const now = this.#clock.now();
    for (const watched of this.#watched) {
      if (now - watched.since < this.#limits.paceMs) continue;
      const bytes = watched.received();
      if (bytes - watched.bytes >= this.#limits.paceBytes) {
        watched.since = now;
        watched.bytes = bytes;
        continue;
      }
      this.#watched.delete(watched);
      this.#cut += 1;
      watched.tooSlow();
    }
  }
}
