import { Ramp } from './ramp.ts';

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

/** A minute's limit enforced evenly: RPM/60 calls in each second, or one call in 60/RPM seconds for slow keys. */
export const evenPacing = (rpm: number): WindowLimit =>
  rpm >= 60 ? { limit: Math.floor(rpm / 60), spanMs: SECOND_MS } : { limit: 1, spanMs: Math.ceil(MINUTE_MS / rpm) };

/** `retryAt` is null when only a report (`sent`, `refund`) can bring a permit, not time. */
export type Permit = { readonly granted: true } | { readonly granted: false; readonly retryAt: number | null };

/**
 * Exact sliding windows over the calls of one budget (a key, or a quota group), as the *provider* sees them.
 *
 * A permit allows one call from now on. Until the call is reported as sent it may arrive at any moment, so it counts in
 * every window. One that left at clock reading `s` (whole ms, so the real moment lies in `[s, s+1)`) arrives at the
 * provider before `s + 1 + guard`, up to a delay that is the same for all calls and therefore cancels out.
 *
 * A permit is given at `t` when fewer than `limit` earlier calls could arrive later than `t - span`, counting each by
 * its latest possible arrival. So of any `limit + 1` calls the one allowed last finds at least one of the others more
 * than `span` before its own earliest arrival, and they never share a window. The rule is also necessary: were a permit
 * given earlier, some arrivals within the guard would break the window.
 *
 * Windows are taken as **closed at both ends**: two calls exactly one span apart count as being in the same window.
 * Providers that leave one end open are held all the more.
 *
 * Memory: one ring of the newest `max(limit)` calls, in order of time; constant time for a decision.
 */
export class SlidingWindows {
  #windows: readonly WindowLimit[];
  /** When calls left, ascending from the oldest kept. */
  #ring: Float64Array;
  #guardMs: number;
  #ramp: Ramp | null = null;
  /** Calls ever sent; the newest is at `(#count - 1) % ring.length`. */
  #count = 0;
  /** Permits whose call was not reported yet. */
  #pending = 0;

  /** `limit` of a window: a whole number from 1; `spanMs` above 0; `guardMs` from 0. */
  constructor(windows: readonly WindowLimit[], guardMs: number) {
    this.#windows = checkedWindows(windows);
    this.#ring = new Float64Array(mostCalls(windows));
    this.#guardMs = checkedGuard(guardMs);
  }

  /**
   * Replaces the limits. They hold from the next decision on, for the calls already made as well. The ring only grows:
   * a limit that is lowered and raised again must still know the calls that the raised one counts.
   */
  setWindows(windows: readonly WindowLimit[]): void {
    this.#windows = checkedWindows(windows);
    const most = mostCalls(windows);
    if (most > this.#ring.length) this.#keep(this.#times(), most);
  }

  /**
   * Counts the calls of `other` as well, for a key that takes its spending to another budget. Open permits are for
   * `adopt`.
   */
  inherit(other: SlidingWindows): void {
    const times = [...this.#times(), ...other.#times()].toSorted((a, b) => a - b);
    this.#keep(times, Math.max(this.#ring.length, times.length));
  }

  /** Counts a permit that another budget gave; to be ended like one taken here. */
  adopt(): void {
    this.#pending++;
  }

  /** True when no call counts in any window and no permit is out: the budget can be forgotten. */
  idle(now: number): boolean {
    const longest = Math.max(...this.#windows.map((window) => window.spanMs));
    return (
      this.#pending === 0 && (this.#count === 0 || this.#read(this.#count - 1) + longest + this.#guardMs + 1 <= now)
    );
  }

  /** Replaces the guard; it holds from the next decision on, for the calls already made as well. */
  setGuard(guardMs: number): void {
    this.#guardMs = checkedGuard(guardMs);
  }

  /** Lets the rate per second rise to its limit over `overMs` of use; 0: at once. */
  setRamp(overMs: number): void {
    if (overMs === 0) this.#ramp = null;
    else if (this.#ramp?.overMs !== overMs) this.#ramp = new Ramp(overMs);
  }

  /** Earliest time of a permit, in whole ms and not before `now`; null when calls must be reported first. */
  nextAt(now: number): number | null {
    const at = this.#at(now, this.#pending);
    return at === Infinity ? null : at;
  }

  /** As `nextAt`, if every call not yet reported were given back: no permit can come before this. */
  possibleAt(now: number): number {
    return this.#at(now, 0);
  }

  /** Takes a permit at `now` (whole ms), or says when there is one. Each permit must be ended by `sent` or `refund`. */
  take(now: number): Permit {
    const retryAt = this.nextAt(now);
    if (retryAt === null || retryAt > now) return { granted: false, retryAt };
    this.#ramp?.used(now);
    this.#pending++;
    return { granted: true };
  }

  /** The call of a permit left at `at`, or at the latest then. */
  sent(at: number): void {
    if (!this.#unpend()) return;
    this.#followClock(at);
    const kept = Math.min(this.#count, this.#ring.length);
    // Older than all of a full ring: it is the one to be forgotten.
    if (kept === this.#ring.length && at <= this.#read(this.#count - kept)) return;
    // Reports come nearly in order of time: few steps back.
    let slot = this.#count++;
    const movable = Math.min(kept, this.#ring.length - 1);
    for (; this.#count - slot <= movable && this.#read(slot - 1) > at; slot--) this.#write(slot, this.#read(slot - 1));
    this.#write(slot, at);
  }

  /** The call reported as leaving at `from` counts at `to` instead; nothing when it is forgotten already. */
  move(from: number, to: number): void {
    const kept = Math.min(this.#count, this.#ring.length);
    for (let slot = this.#count - 1; slot >= this.#count - kept; slot--) {
      const at = this.#read(slot);
      if (at < from) return;
      if (at !== from) continue;
      let hole = slot;
      for (; hole + 1 < this.#count && this.#read(hole + 1) < to; hole++) this.#write(hole, this.#read(hole + 1));
      for (; hole - 1 >= this.#count - kept && this.#read(hole - 1) > to; hole--)
        this.#write(hole, this.#read(hole - 1));
      this.#write(hole, to);
      return;
    }
  }

  /** Nobody will report the open permits: their calls are assumed to leave by `at`. */
  orphaned(at: number): void {
    while (this.#pending > 0) this.sent(at);
  }

  /** The call of a permit was not made, and will not be. */
  refund(): void {
    this.#unpend();
  }

  /** Calls of the last `spanMs`, those not yet reported among them, as far as the ring reaches. */
  used(now: number, spanMs: number): number {
    this.#followClock(now);
    // Halving keeps it O(log n).
    let low = 0;
    let high = Math.min(this.#count, this.#ring.length);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#read(this.#count - middle) > now - spanMs) low = middle;
      else high = middle - 1;
    }
    return low + this.#pending;
  }

  #at(now: number, pending: number): number {
    this.#followClock(now);
    let at = now;
    for (const { limit, spanMs } of this.#windows) {
      const step = spanMs === SECOND_MS ? this.#ramp?.step(limit, now) : undefined;
      const free = this.#freeAt((step?.limit ?? limit) - pending, spanMs);
      // While the rate rises, a place may come by its rise as well as by a call that leaves the window.
      const placeAt = step?.until === undefined ? free : Math.min(free, free > now ? step.until : free);
      if (placeAt === Infinity) return Infinity;
      at = Math.max(at, placeAt);
    }
    return Math.ceil(at);
  }

  #freeAt(places: number, spanMs: number): number {
    if (places <= 0) return Infinity;
    return this.#count >= places ? this.#read(this.#count - places) + spanMs + this.#guardMs + 1 : -Infinity;
  }

  /** Calls kept, oldest first. */
  #times(): readonly number[] {
    const kept = Math.min(this.#count, this.#ring.length);
    return Array.from({ length: kept }, (_, index) => this.#read(this.#count - kept + index));
  }

  #keep(times: readonly number[], capacity: number): void {
    this.#ring = new Float64Array(capacity);
    this.#ring.set(times.slice(-capacity));
    this.#count = Math.min(times.length, capacity);
  }

  #read(slot: number): number {
    return this.#ring[slot % this.#ring.length] ?? 0;
  }

  #write(slot: number, at: number): void {
    this.#ring[slot % this.#ring.length] = at;
  }

  #unpend(): boolean {
    if (this.#pending === 0) return false;
    this.#pending--;
    return true;
  }

  /**
   * A clock set back would make old calls lie in the future and block the key for that long. They are moved back as
   * well, as if no time had passed since the newest. A report that is a few ms late is no such step.
   */
  #followClock(now: number): void {
    if (this.#count === 0) return;
    const ahead = this.#read(this.#count - 1) - now;
    if (ahead <= SET_BACK_MS) return;
    for (let i = 0; i < this.#ring.length; i++) this.#ring[i] = (this.#ring[i] ?? 0) - ahead;
  }
}

/** A clock set back by less than this is left to catch up. */
const SET_BACK_MS = 5_000;

function checkedWindows(windows: readonly WindowLimit[]): readonly WindowLimit[] {
  for (const { limit, spanMs } of windows) {
    if (!Number.isSafeInteger(limit) || limit < 1)
      throw new RangeError(`limit must be a whole number from 1, not ${limit}`);
    if (!(spanMs > 0)) throw new RangeError(`spanMs must be above 0, not ${spanMs}`);
  }
  if (windows.length === 0) throw new RangeError('at least one window is needed');
  return windows;
}

const mostCalls = (windows: readonly WindowLimit[]): number => Math.max(...windows.map((window) => window.limit));

function checkedGuard(guardMs: number): number {
  if (!(guardMs >= 0) || !Number.isFinite(guardMs)) throw new RangeError(`guardMs must be 0 or more, not ${guardMs}`);
  return guardMs;
}
