/** At most `limit` calls in any window of `spanMs`. */
export interface WindowLimit {
  readonly limit: number;
  readonly spanMs: number;
}

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;

/** The two windows every key has; either may be wider than the other allows. */
export const qpsAndRpm = (qps: number, rpm: number): readonly WindowLimit[] => [
  { limit: qps, spanMs: SECOND_MS },
  { limit: rpm, spanMs: MINUTE_MS },
];

export type Permit = { readonly granted: true } | { readonly granted: false; readonly retryAt: number };

/**
 * Exact sliding windows over the permits of one budget (a key, or a quota group), as the *provider* sees them.
 *
 * A permit given at clock reading `t` (whole ms, so the real moment lies in `[t, t+1)`) leads to a call that arrives
 * at the provider within `[t, t+1+guard)`, up to a delay that is the same for all calls and therefore cancels out.
 * Let `p` be the permit `limit` places back. Counting `p` by its latest arrival and the new one by its earliest, the
 * two cannot share a window of `span` when `t - (p + 1 + guard) >= span`. Any `limit + 1` calls contain two permits
 * that are at least `limit` places apart, so when this holds for every permit no window holds more than `limit`.
 * It is also necessary: were it broken, some arrivals within the guard would break the window.
 *
 * Windows are taken as **closed at both ends**: two calls exactly one span apart count as being in the same window.
 * Providers that leave one end open are held all the more.
 *
 * Memory: one ring of the newest `max(limit)` permits; constant time for a decision.
 */
export class SlidingWindows {
  readonly #windows: readonly WindowLimit[];
  readonly #ring: Float64Array;
  #guardMs: number;
  /** Permits ever given; the newest is at `(#count - 1) % ring.length`. */
  #count = 0;

  /** `limit` of a window: a whole number from 1; `spanMs` above 0; `guardMs` from 0. */
  constructor(windows: readonly WindowLimit[], guardMs: number) {
    for (const { limit, spanMs } of windows) {
      if (!Number.isSafeInteger(limit) || limit < 1) throw new RangeError(`limit must be a whole number from 1, not ${limit}`);
      if (!(spanMs > 0)) throw new RangeError(`spanMs must be above 0, not ${spanMs}`);
    }
    if (windows.length === 0) throw new RangeError('at least one window is needed');
    this.#windows = windows;
    this.#ring = new Float64Array(Math.max(...windows.map((window) => window.limit)));
    this.#guardMs = checkedGuard(guardMs);
  }

  /** Replaces the guard; it holds from the next decision on, for the permits already given as well. */
  setGuard(guardMs: number): void {
    this.#guardMs = checkedGuard(guardMs);
  }

  /** The earliest clock reading, in whole ms and not before `now`, at which a permit can be had. */
  nextAt(now: number): number {
    this.#followClock(now);
    let at = now;
    for (const { limit, spanMs } of this.#windows) {
      if (this.#count < limit) continue;
      at = Math.max(at, this.#back(limit) + spanMs + this.#guardMs + 1);
    }
    return Math.ceil(at);
  }

  /** Takes a permit at `now` (whole ms), or says when one can be had. */
  take(now: number): Permit {
    const retryAt = this.nextAt(now);
    if (retryAt > now) return { granted: false, retryAt };
    this.#ring[this.#count % this.#ring.length] = now;
    this.#count++;
    return { granted: true };
  }

  /** Permits of the last `spanMs`, as far as the ring reaches: at most the greatest limit. */
  used(now: number, spanMs: number): number {
    this.#followClock(now);
    const kept = Math.min(this.#count, this.#ring.length);
    // Permits are in order of time: the first old one, going back, ends the count. Halving keeps it O(log n).
    let low = 0;
    let high = kept;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#back(middle) > now - spanMs) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** The moment of the permit `places` back; 1 is the newest. */
  #back(places: number): number {
    return this.#ring[(this.#count - places) % this.#ring.length] ?? 0;
  }

  /**
   * A clock set back would make old permits lie in the future and block the key for as long. They are moved back by
   * the same step, as if no time had passed since the newest: at least that much did not.
   */
  #followClock(now: number): void {
    if (this.#count === 0) return;
    const ahead = this.#back(1) - now;
    if (ahead <= 0) return;
    for (let i = 0; i < this.#ring.length; i++) this.#ring[i] = (this.#ring[i] ?? 0) - ahead;
  }
}

function checkedGuard(guardMs: number): number {
  if (!(guardMs >= 0) || !Number.isFinite(guardMs)) throw new RangeError(`guardMs must be 0 or more, not ${guardMs}`);
  return guardMs;
}

/**
 * The windows of every budget, by its name. Kept outside the pool so that a pool that is made anew (its actor was
 * restarted) goes on with what was already spent instead of spending it twice.
 */
export class LimitMemory {
  readonly #budgets = new Map<string, SlidingWindows>();

  /** The windows of this budget; made at the first call, so later limits of the same name do not change it. */
  windows(budget: string, limits: readonly WindowLimit[], guardMs: number): SlidingWindows {
    const known = this.#budgets.get(budget);
    if (known !== undefined) {
      known.setGuard(guardMs);
      return known;
    }
    const made = new SlidingWindows(limits, guardMs);
    this.#budgets.set(budget, made);
    return made;
  }
}
