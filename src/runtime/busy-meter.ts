const WINDOW_MS = 5_000;

/** Share of the last five to ten seconds that was spent handling messages. */
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
