/**
 * What an answered call tells about its way to the provider.
 * - `arrival`: when the provider says the request arrived, epoch ms by the provider's clock; with it, when known, the
 *   ms from sending to answer, within which it must have arrived, and how many of those the provider says it worked.
 * - `round-trip`: ms from sending to answer without the provider's own time.
 *
 * `writeMs`: the call was reported as sent when all of it was written; it may have left up to this much earlier.
 * Default 0.
 */
export type TransitSample = { readonly writeMs?: number } & (
  | { readonly kind: 'arrival'; readonly at: number; readonly roundTripMs?: number; readonly workMs?: number }
  | { readonly kind: 'round-trip'; readonly ms: number }
);

/** The fastest way possible, in ms from the zero of its samples; `sure`: enough was seen to trust it. */
export interface Fastest {
  readonly value: number;
  readonly sure: boolean;
}

interface Bucket {
  readonly from: number;
  readonly since: number;
  min: number;
  /** Of calls that were written at once. */
  promptMin: number;
  prompts: number;
  max: number;
  floor: number;
  count: number;
  until: number;
}

const BUCKET_MS = 60_000;
const BUCKETS = 10;
const ENOUGH = 20;
/** Calls of a process that just started are all slow: only calls some time apart tell how fast the way is. */
const APART_MS = 1_000;
/**
 * How far below the fastest way seen a faster one is reckoned with, where answers do not show that there can be none. A
 * process that just started is slow in all it does; later calls may be faster than all of its first ones.
 */
const FASTER_MS = 20;
const ROUNDING_MS = 2;
/** Writing takes less, unless the thread loses its core meanwhile. */
const PROMPT_MS = 2;
const LONGEST_EXCESS_MS = 4_000;

/**
 * How long calls take to an endpoint, as far as one side can know.
 *
 * The delay itself cannot be measured by one side (the clocks differ by an unknown offset), and need not be: a delay
 * that all calls share moves all arrivals alike and breaks no window. So with `x = arrival by the provider's clock -
 * departure by ours`, a call arrived `x - min(x)` after it left, `min` over the last ten minutes, and the offset
 * cancels out. 2 ms more are for the rounding of both clocks.
 *
 * A later call may be faster than all of those, but not without limit: an answer takes time as well, so `x` without the
 * rest of the round trip (all but the provider's own time) is below the offset of the clocks, and `x` of any call above
 * it. That is how NTP bounds an offset (RFC 5905, section 8). What is between the fastest call and that bound, 20 ms at
 * most, is taken as possible. Where the provider gives no arrival but its processing time, `x` is the rest of the round
 * trip: it holds the way back as well, so it errs to the safe side.
 *
 * A thread that loses its core while it writes a request reports it as sent too late, by which the way seems too fast,
 * for ten minutes. So once enough calls are known that were written at once, only those tell the fastest way.
 */
export class TransitTimes {
  #buckets: Bucket[] = [];

  /**
   * `value` in ms, from any zero that stays the same; no call's can be below `floor`, as far as this one tells. Writing
   * the call took `writeMs`.
   */
  add(value: number, now: number, floor: number, writeMs = 0): void {
    if (!Number.isFinite(value)) return;
    const from = Math.floor(now / BUCKET_MS) * BUCKET_MS;
    let newest = this.#buckets.at(-1);
    if (newest === undefined || newest.from < from) {
      newest = {
        from,
        since: now,
        until: now,
        floor,
        min: value,
        max: value,
        count: 0,
        promptMin: Infinity,
        prompts: 0,
      };
      this.#buckets = [...this.#buckets.slice(1 - BUCKETS), newest];
    }
    newest.min = Math.min(newest.min, value);
    newest.max = Math.max(newest.max, value);
    newest.floor = Math.max(newest.floor, floor);
    newest.count++;
    newest.until = Math.max(newest.until, now);
    if (writeMs > PROMPT_MS) return;
    newest.promptMin = Math.min(newest.promptMin, value);
    newest.prompts++;
  }

  /** Spread of the last ten minutes in ms, from the fastest possible on; null while too little was seen. */
  spreadMs(now: number): number | null {
    const recent = this.#recent(now);
    return isEnough(recent) ? Math.max(...recent.map((bucket) => bucket.max)) - fastestOf(recent) : null;
  }

  /** The fastest possible, after the last ten minutes; null when there were none. */
  fastest(now: number): Fastest | null {
    const recent = this.#recent(now);
    return recent.length === 0 ? null : { value: fastestOf(recent), sure: isEnough(recent) };
  }

  #recent(now: number): readonly Bucket[] {
    return this.#buckets.filter((bucket) => bucket.from > now - BUCKETS * BUCKET_MS);
  }
}

const isEnough = (buckets: readonly Bucket[]): boolean =>
  buckets.reduce((sum, bucket) => sum + bucket.count, 0) >= ENOUGH &&
  (buckets.at(-1)?.until ?? 0) - (buckets[0]?.since ?? 0) >= APART_MS;

function fastestOf(buckets: readonly Bucket[]): number {
  const prompts = buckets.reduce((sum, bucket) => sum + bucket.prompts, 0);
  const seen = Math.min(...buckets.map((bucket) => (prompts < ENOUGH ? bucket.min : bucket.promptMin)));
  const floor = Math.max(...buckets.map((bucket) => bucket.floor));
  // Above the fastest seen when a clock was set meanwhile: then it tells nothing.
  return Math.min(seen, Math.max(floor, seen - FASTER_MS));
}

/** Shorter times cannot be told apart from the jitter of timers and threads. */
const LEAST_GUARD_MS = 5;

/** The guard kept from every call, also an answered one; `guardMs` is the one for a call under way. */
export const leastGuardMs = (guardMs: number): number => Math.min(LEAST_GUARD_MS, guardMs);

/**
 * How much later one answered call arrived than another that left at the same moment ({@link TransitWays.arrivedAt}):
 * answered calls need only the least guard. A call under way may be held up longer than any before it, so it counts as
 * arriving a whole guard after it left until its answer is there ({@link AdaptiveGuard}). That costs nothing for calls
 * that take less than a window.
 *
 * Kept for each endpoint, bounded by the number of endpoints in the key file.
 */
export class TransitWays {
  readonly #ways = new Map<string, { readonly kind: TransitSample['kind']; readonly times: TransitTimes }>();

  /**
   * When a call that was sent at `sentAt` arrived, on our clock and without the delay all calls share; null when it
   * cannot be told. Not `sure`: a faster call may still show that it was later, so it counts as arrived when it was
   * answered.
   */
  arrivedAt(
    endpoint: string,
    sample: TransitSample,
    sentAt: number,
    now: number,
  ): { readonly at: number; readonly sure: boolean } | null {
    const known = this.#ways.get(endpoint);
    const fastest = known?.kind === sample.kind ? known.times.fastest(now) : null;
    if (fastest === null) return null;
    const { writeMs = 0 } = sample;
    const excess = Math.max(-writeMs, valueOf(sample, sentAt) - fastest.value) + ROUNDING_MS;
    // A provider whose clock was set: no call is on its way for so long.
    if (excess > LONGEST_EXCESS_MS) return null;
    if (fastest.sure) return { at: sentAt + excess, sure: true };
    return sample.kind === 'arrival'
      ? { at: sentAt + Math.max(excess, Math.ceil(sample.roundTripMs ?? 0)), sure: false }
      : null;
  }

  /** The fastest way possible to this endpoint; changes when calls known before have to be looked at again. */
  fastest(endpoint: string, now: number): Fastest | null {
    return this.#ways.get(endpoint)?.times.fastest(now) ?? null;
  }

  /** `sentAt` by our own clock. */
  add(endpoint: string, sample: TransitSample, sentAt: number, now: number): void {
    const known = this.#ways.get(endpoint);
    // Values of the two kinds have different zeros; arrivals are the better ones.
    if (known !== undefined && known.kind !== sample.kind && known.kind === 'arrival') return;
    const way = known?.kind === sample.kind ? known : { kind: sample.kind, times: new TransitTimes() };
    this.#ways.set(endpoint, way);
    const value = valueOf(sample, sentAt);
    const rest = sample.kind === 'arrival' ? (sample.roundTripMs ?? Infinity) - (sample.workMs ?? 0) : value;
    way.times.add(value, now, value - rest, sample.writeMs);
  }

  /** By how many ms the slowest call of the last ten minutes exceeded the fastest way; null while too few are known. */
  spreadMs(endpoint: string, now: number): number | null {
    return this.#ways.get(endpoint)?.times.spreadMs(now) ?? null;
  }

  keep(endpoints: ReadonlySet<string>): void {
    for (const endpoint of this.#ways.keys()) if (!endpoints.has(endpoint)) this.#ways.delete(endpoint);
  }
}

const valueOf = (sample: TransitSample, sentAt: number): number =>
  sample.kind === 'arrival' ? sample.at - sentAt : sample.ms;
