const WINDOW_MS = 5_000;

/**
 * An estimate of the time spent handling messages. Reading the clock costs as much as handling one, so every eighth
 * turn is timed.
 */
export class BusyTime {
  #turns = 0;
  #ms = 0;

  /** Milliseconds since the start. */
  get ms(): number {
    return this.#ms;
  }

  /** Begins a turn. Pass the result to `end`. */
  begin(): number {
    this.#turns += 1;
    return (this.#turns & 7) === 0 ? performance.now() : 0;
  }

  end(began: number): void {
    if (began !== 0) this.#ms += 8 * (performance.now() - began);
  }
}

/** Share of the last five to ten seconds that was spent handling messages, 0 to 1. */
export class BusyMeter {
  #since: number;
  #base = 0;
  #earlier: number | null = null;

  constructor(now: number) {
    this.#since = now;
  }

  /** `busyMs` is the total so far, `now` epoch ms. */
  read(busyMs: number, now: number): number {
    const span = now - this.#since;
    const share = span <= 0 ? 0 : Math.min(1, Math.max(0, (busyMs - this.#base) / span));
    const shown = this.#earlier === null ? share : (share + this.#earlier) / 2;
    if (span >= WINDOW_MS) {
      this.#earlier = share;
      this.#since = now;
      this.#base = busyMs;
    }
    return Math.round(shown * 1000) / 1000;
  }
}
