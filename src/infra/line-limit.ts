/** Keeps what comes by the thousand from filling the log: one line per interval, each with the count so far. */
export class LineLimit {
  readonly #everyMs: number;
  #lastAt = -Infinity;

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** True when a line may be written now. */
  mayLog(now: number = performance.now()): boolean {
    if (now - this.#lastAt < this.#everyMs) return false;
    this.#lastAt = now;
    return true;
  }
}
