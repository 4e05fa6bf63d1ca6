/** Limits a frequent log message to one line per interval. */
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
