/**
 * Spends calls evenly, on the best questions: a token bucket filled at the rate that the keys allow, and a price that
 * falls as the bucket fills. Pure: every call takes the time (epoch ms).
 */
export interface CallBudget {
  /** Calls a second that all keys together allow; null while that is not known: then everything may be asked. */
  setRate(perSecond: number | null, now: number): void;
  /** A question of this value arrived, here or at a peer. */
  arrived(value: number, now: number): void;
  /** Calls that were begun, here or at a peer. Below 0: calls that were counted and not made after all. */
  spent(calls: number, now: number): void;
  /** The keys had less than was reckoned: half of the bucket is gone. */
  emptied(now: number): void;
  /**
   * Least value that is worth a call now, 0 to 1; Infinity while there is no call to spend. `ahead`: calls that others
   * are about to begin.
   */
  price(now: number, ahead?: number): number;
  /** When the price can next have fallen enough to matter, epoch ms. */
  nextAt(now: number): number;
}

/** The bucket holds the calls of this time: enough for a few dangers at once, too few to make a minute uneven. */
const RESERVE_SECONDS = 3;
/** A bucket for less than two calls could never be between empty and full. */
const LEAST_RESERVE = 2;
/**
 * Share of the allowed rate that is spent. Keys count by sliding minute: a call is free only when one of a minute ago
 * leaves the window. The rest is slack, so that an uneven minute does not block the next one at the same moments.
 */
const SPENT_SHARE = 0.985;
/** The steeper, the more of the last calls are left for the best questions. */
const STEEPNESS = 2;
/** The price is looked at again when this share of the bucket has flowed in. */
const PRICE_STEP = 1 / 20;
/** A timer for less would only spin. */
const SOONEST_MS = 1;

export const createCallBudget = (): CallBudget => new PricedBudget();

class PricedBudget implements CallBudget {
  readonly #values = new RecentValues();
  /** Calls a second; null when not known. */
  #rate: number | null = null;
  /** Calls in the bucket; below 0 when peers spent the same calls at once. */
  #tokens = 0;
  /** Up to when the bucket was filled. */
  #filledAt = 0;

  setRate(perSecond: number | null, now: number): void {
    this.#fill(now);
    const wasUnknown = this.#rate === null;
    this.#rate = perSecond === null ? null : Math.max(0, perSecond) * SPENT_SHARE;
    const reserve = this.#reserve();
    this.#tokens = wasUnknown ? reserve / 2 : Math.min(this.#tokens, reserve);
  }

  arrived(value: number, now: number): void {
    this.#values.add(value, now);
  }

  spent(calls: number, now: number): void {
    this.#fill(now);
    const reserve = this.#reserve();
    this.#tokens = Math.min(reserve, Math.max(-reserve, this.#tokens - calls));
  }

  /** Not all of it: one key may have refused for a reason of its own. After a few refusals it is empty all the same. */
  emptied(now: number): void {
    this.#fill(now);
    this.#tokens = Math.min(this.#tokens, this.#tokens / 2);
  }

  /**
   * In the long run the share of questions asked is that of the calls to the questions. A half full bucket asks just
   * that share, a fuller one more, a full one everything.
   */
  price(now: number, ahead = 0): number {
    if (this.#rate === null) return 0;
    this.#fill(now);
    const tokens = this.#tokens - ahead;
    if (this.#rate === 0 || tokens < 1) return Infinity;
    const fill = tokens / this.#reserve();
    if (fill >= 1) return 0;
    const callsForEach = this.#rate / this.#values.perSecond(now);
    return this.#values.least(callsForEach * (fill / (1 - fill)) ** STEEPNESS);
  }

  nextAt(now: number): number {
    const price = this.price(now);
    if (this.#rate === null || this.#rate === 0 || price === 0) return Infinity;
    const calls = price === Infinity ? 1 - this.#tokens : this.#reserve() * PRICE_STEP;
    return now + Math.max(SOONEST_MS, (calls / this.#rate) * 1_000);
  }

  #reserve(): number {
    return Math.max(LEAST_RESERVE, (this.#rate ?? 0) * RESERVE_SECONDS);
  }

  #fill(now: number): void {
    const seconds = Math.max(0, now - this.#filledAt) / 1_000;
    this.#filledAt = Math.max(this.#filledAt, now);
    this.#tokens = Math.min(this.#reserve(), this.#tokens + seconds * (this.#rate ?? 0));
  }
}

/** Values, by the root of their size: most are small, and the price is mostly between small ones. */
const BINS = 256;
/** A value counts for about this long: long enough for a stable share, short enough to follow the traffic. */
const MEMORY_MS = 20_000;
/** Weights grow until then, and are scaled down at once: adding is a single step. */
const MOST_GROWTH = 30;

/** How the values of the last half minute are distributed, in a fixed number of bins that fade. */
class RecentValues {
  readonly #bins = new Float64Array(BINS);
  #total = 0;
  /** Time at which a value weighs 1. */
  #origin: number | null = null;
  #firstAt = 0;

  add(value: number, now: number): void {
    if (this.#origin === null) this.#origin = this.#firstAt = now;
    this.#rescale(now);
    const weight = Math.exp((now - this.#origin) / MEMORY_MS);
    const bin = binOf(value);
    this.#bins[bin] = (this.#bins[bin] ?? 0) + weight;
    this.#total += weight;
  }

  /** Values that arrive in a second; 0 before the first. */
  perSecond(now: number): number {
    if (this.#origin === null) return 0;
    this.#rescale(now);
    const seen = (this.#total * Math.exp((this.#origin - now) / MEMORY_MS) * 1_000) / MEMORY_MS;
    // So soon after the first, less than the whole memory can be filled. A second at least: two values are no rate.
    const filled = 1 - Math.exp(-Math.max(1_000, now - this.#firstAt) / MEMORY_MS);
    return seen / filled;
  }

  /** The least of the largest values that are this share of all; 0 from a share of 1 on. */
  least(share: number): number {
    if (!(share < 1)) return 0;
    let left = share * this.#total;
    for (let bin = BINS - 1; bin > 0; bin -= 1) {
      left -= this.#bins[bin] ?? 0;
      if (left <= 0) return (bin / BINS) ** 2;
    }
    return 0;
  }

  #rescale(now: number): void {
    const growth = (now - (this.#origin ?? now)) / MEMORY_MS;
    if (growth < MOST_GROWTH) return;
    const factor = Math.exp(-growth);
    for (const [bin, weight] of this.#bins.entries()) this.#bins[bin] = weight * factor;
    this.#total *= factor;
    this.#origin = now;
  }
}

const binOf = (value: number): number =>
  Math.min(BINS - 1, Math.max(0, Math.floor(Math.sqrt(Math.max(0, value)) * BINS) || 0));
