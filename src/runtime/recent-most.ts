const PARTS = 10;

/**
 * The largest value of the last `spanMs`, to a tenth of that: a value is forgotten between 0.9 and 1 span after it was
 * added. Constant time and memory.
 */
export class RecentMost {
  readonly #partMs: number;
  /** The most of each tenth of the span, and the tenth it belongs to. */
  readonly #most = new Float64Array(PARTS);
  readonly #part = new Float64Array(PARTS).fill(-Infinity);

  constructor(spanMs: number) {
    if (!(spanMs > 0)) throw new RangeError(`spanMs must be above 0, not ${spanMs}`);
    this.#partMs = spanMs / PARTS;
  }

  /** `value` from 0; anything that is no number from 0 is left out. `now` in ms of any clock. */
  add(value: number, now: number): void {
    if (!(value >= 0)) return;
    const part = Math.floor(now / this.#partMs);
    const slot = ((part % PARTS) + PARTS) % PARTS;
    this.#most[slot] = this.#part[slot] === part ? Math.max(this.#most[slot] ?? 0, value) : value;
    this.#part[slot] = part;
  }

  /** 0 when nothing was added lately. */
  most(now: number): number {
    const newest = Math.floor(now / this.#partMs);
    let most = 0;
    for (let slot = 0; slot < PARTS; slot++) {
      const part = this.#part[slot] ?? -Infinity;
      if (part > newest - PARTS && part <= newest) most = Math.max(most, this.#most[slot] ?? 0);
    }
    return most;
  }
}
