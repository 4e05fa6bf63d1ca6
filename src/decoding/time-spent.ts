const PARTS = 20;

/**
 * The sum of the values added in the last `spanMs`, to a twentieth of that. Constant time and memory. Times are in ms
 * of any clock that does not go back.
 */
export class TimeSpent {
  readonly #partMs: number;
  readonly #sums = new Float64Array(PARTS);
  readonly #part = new Float64Array(PARTS).fill(-Infinity);

  constructor(spanMs: number) {
    this.#partMs = spanMs / PARTS;
  }

  get spanMs(): number {
    return this.#partMs * PARTS;
  }

  add(ms: number, now: number): void {
    const part = Math.floor(now / this.#partMs);
    const slot = part % PARTS;
    this.#sums[slot] = (this.#part[slot] === part ? (this.#sums[slot] ?? 0) : 0) + ms;
    this.#part[slot] = part;
  }

  sum(now: number): number {
    const newest = Math.floor(now / this.#partMs);
    let sum = 0;
    for (let slot = 0; slot < PARTS; slot += 1)
      if ((this.#part[slot] ?? -Infinity) > newest - PARTS) sum += this.#sums[slot] ?? 0;
    return sum;
  }
}

/** Holds bursts to a part of the decoders' time. */
export class BurstBudget {
  readonly #share: number;
  readonly #spent = new TimeSpent(2_000);

  /** `share` of the time of all decoders, 0 to 1. */
  constructor(share: number) {
    this.#share = share;
  }

  add(ms: number, now: number): void {
    this.#spent.add(ms, now);
  }

  /** True while bursts of the last 2 s took less than their share of `decoders` decoders. */
  allows(decoders: number, now: number): boolean {
    return this.#spent.sum(now) < this.#share * decoders * this.#spent.spanMs;
  }
}
