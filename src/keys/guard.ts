/**
 * What a call tells about its way to the provider, once it is answered.
 * - `arrival`: when the provider says the request arrived, epoch ms by the provider's clock; with it, when known, the ms
 *   from sending to answer, within which it must have arrived, and how many of those the provider says it worked.
 * - `round-trip`: ms from sending to answer without the provider's own time.
 */
export type TransitSample = { readonly kind: 'arrival'; readonly at: number; readonly roundTripMs?: number; readonly workMs?: number } | { readonly kind: 'round-trip'; readonly ms: number };

export interface GuardBounds {
  /** Never below: timers, rounding, and what was not seen yet. */
  readonly minMs: number;
  /** Never above, and used until enough was seen. */
  readonly maxMs: number;
}

interface Bucket {
  readonly from: number;
  readonly since: number;
  min: number;
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
/** The spread of what is to come may be somewhat wider than that of what was seen. */
const MARGIN = 1.25;
/**
 * How far below the fastest way seen a faster one is reckoned with, where answers do not show that there can be none. A
 * process that just started is slow in all it does; later calls may be faster than all of its first ones.
 */
const FASTER_MS = 20;
const ROUNDING_MS = 2;
const LONGEST_EXCESS_MS = 4_000;

/**
 * How much later one call may arrive than another that left at the same moment, estimated from the calls made.
 *
 * The delay itself cannot be measured by one side (the clocks differ by an unknown offset), and need not be: a delay
 * that all calls share moves all arrivals alike and breaks no window. Only its spread matters, and in a difference of
 * two delays the offset cancels out. So with `x = arrival by the provider's clock - departure by ours`, the guard is
 * `max(x) - min(x)` over the last ten minutes, a quarter more, and 2 ms for the rounding of both clocks.
 *
 * A later call may be faster than all of those, but not without limit: an answer takes time as well, so `x` without the
 * rest of the round trip (all but the provider's own time) is below the offset of the clocks, and `x` of any call above
 * it. That is how NTP bounds an offset (RFC 5905, section 8). What is between the fastest call and that bound, 20 ms at
 * most, is taken as possible. Where the provider gives no arrival but its processing time, `x` is the rest of the round trip: its spread holds that of the way
 * there and of the way back, so it errs to the safe side. A provider that says neither gets the configured guard.
 *
 * The guard is for calls still on their way. Once a provider has said when a call arrived, that is known up to the delay
 * all calls share ({@link TransitGuards.arrivedAt}), and the call counts from then: a late one counts late, and the others
 * need no guard but the least.
 */
export class TransitGuard {
  #bounds: GuardBounds;
  #buckets: Bucket[] = [];

  constructor(bounds: GuardBounds) {
    this.#bounds = { minMs: Math.min(bounds.minMs, bounds.maxMs), maxMs: bounds.maxMs };
  }

  set bounds(bounds: GuardBounds) {
    this.#bounds = { minMs: Math.min(bounds.minMs, bounds.maxMs), maxMs: bounds.maxMs };
  }

  /** `value` in ms, from any zero that stays the same; no call's can be below `floor`, as far as this one tells. */
  add(value: number, now: number, floor: number): void {
    if (!Number.isFinite(value)) return;
    const from = Math.floor(now / BUCKET_MS) * BUCKET_MS;
    const newest = this.#buckets.at(-1);
    if (newest === undefined || newest.from < from) {
      this.#buckets = [...this.#buckets.slice(1 - BUCKETS), { from, since: now, until: now, min: value, max: value, floor, count: 1 }];
      return;
    }
    newest.min = Math.min(newest.min, value);
    newest.max = Math.max(newest.max, value);
    newest.floor = Math.max(newest.floor, floor);
    newest.count++;
    newest.until = Math.max(newest.until, now);
  }

  /** Spread of the last ten minutes in ms, from the fastest possible on; null while too little was seen. */
  spreadMs(now: number): number | null {
    const recent = this.#recent(now);
    if (recent.reduce((sum, bucket) => sum + bucket.count, 0) < ENOUGH) return null;
    if ((recent.at(-1)?.until ?? 0) - (recent[0]?.since ?? 0) < APART_MS) return null;
    return Math.max(...recent.map((bucket) => bucket.max)) - fastestOf(recent);
  }

  /** The fastest possible, after the last ten minutes; null when there were none. `sure`: enough was seen to trust it. */
  fastest(now: number): { readonly value: number; readonly sure: boolean } | null {
    const recent = this.#recent(now);
    return recent.length === 0 ? null : { value: fastestOf(recent), sure: this.spreadMs(now) !== null };
  }

  #recent(now: number): readonly Bucket[] {
    return this.#buckets.filter((bucket) => bucket.from > now - BUCKETS * BUCKET_MS);
  }

  guardMs(now: number): number {
    const spread = this.spreadMs(now);
    if (spread === null) return this.#bounds.maxMs;
    return Math.min(this.#bounds.maxMs, Math.max(this.#bounds.minMs, Math.ceil(spread * MARGIN) + ROUNDING_MS));
  }
}

function fastestOf(buckets: readonly Bucket[]): number {
  const seen = Math.min(...buckets.map((bucket) => bucket.min));
  const floor = Math.max(...buckets.map((bucket) => bucket.floor));
  // Above the fastest seen when a clock was set meanwhile: then it tells nothing.
  return Math.min(seen, Math.max(floor, seen - FASTER_MS));
}

/** One guard for each endpoint, bounded by the number of endpoints in the key file. */
export class TransitGuards {
  #bounds: GuardBounds;
  readonly #guards = new Map<string, { readonly kind: TransitSample['kind']; readonly guard: TransitGuard }>();

  constructor(bounds: GuardBounds) {
    this.#bounds = bounds;
  }

  set bounds(bounds: GuardBounds) {
    this.#bounds = bounds;
    for (const { guard } of this.#guards.values()) guard.bounds = bounds;
  }

  /** Below this nothing can be told apart; kept from every call, known or not. */
  get leastMs(): number {
    return Math.min(this.#bounds.minMs, this.#bounds.maxMs);
  }

  /**
   * When a call that was sent at `sentAt` arrived, on our clock and without the delay all calls share; null when it cannot
   * be told. Not `sure`: a faster call may still show that it was later, so it counts as arrived when it was answered.
   */
  arrivedAt(endpoint: string, sample: TransitSample, sentAt: number, now: number): { readonly at: number; readonly sure: boolean } | null {
    const known = this.#guards.get(endpoint);
    const fastest = known?.kind === 'arrival' && sample.kind === 'arrival' ? known.guard.fastest(now) : null;
    if (fastest === null || sample.kind !== 'arrival') return null;
    const excess = Math.max(0, sample.at - sentAt - fastest.value) + ROUNDING_MS;
    // A provider whose clock was set: no call is on its way for so long.
    if (excess > LONGEST_EXCESS_MS) return null;
    return fastest.sure ? { at: sentAt + excess, sure: true } : { at: sentAt + Math.max(excess, Math.ceil(sample.roundTripMs ?? 0)), sure: false };
  }

  /** The fastest way possible to this endpoint; changes when calls known before have to be looked at again. */
  fastestMs(endpoint: string, now: number): number | null {
    return this.#guards.get(endpoint)?.guard.fastest(now)?.value ?? null;
  }

  /** `sentAt` by our own clock. */
  add(endpoint: string, sample: TransitSample, sentAt: number, now: number): void {
    const known = this.#guards.get(endpoint);
    // Values of the two kinds have different zeros; arrivals are the better ones.
    if (known !== undefined && known.kind !== sample.kind && known.kind === 'arrival') return;
    const entry = known?.kind === sample.kind ? known : { kind: sample.kind, guard: new TransitGuard(this.#bounds) };
    this.#guards.set(endpoint, entry);
    // A round trip holds the way back as well: it needs no allowance for faster ones.
    if (sample.kind === 'round-trip') entry.guard.add(sample.ms, now, sample.ms);
    else entry.guard.add(sample.at - sentAt, now, sample.at - sentAt - ((sample.roundTripMs ?? Infinity) - (sample.workMs ?? 0)));
  }

  guardMs(endpoint: string, now: number): number {
    return this.#guards.get(endpoint)?.guard.guardMs(now) ?? this.#bounds.maxMs;
  }

  spreadMs(endpoint: string, now: number): number | null {
    return this.#guards.get(endpoint)?.guard.spreadMs(now) ?? null;
  }

  keep(endpoints: ReadonlySet<string>): void {
    for (const endpoint of this.#guards.keys()) if (!endpoints.has(endpoint)) this.#guards.delete(endpoint);
  }
}
