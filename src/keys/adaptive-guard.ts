import { RecentMost } from '../runtime/recent-most.ts';

/** A delay is expected again for this long: on a full machine, or after a disturbance of the network. */
const OWN_MS = 10_000;
const WAY_MS = 30_000;
/** The next delay may be longer than all of those by this factor. */
const MARGIN = 2;
/** However long the delays, the guard grows to this at most; the operator may set a wider one. */
const MOST_MS = 4_000;
/** In steps, so that calls under way are counted anew only a few times. */
const STEP_MS = 25;

/**
 * How long a call under way may be held up, by the delays seen lately: by our own (this process waits for a core, so
 * whatever is between it and the provider on this machine waits as well) and by those on the way to the provider. It
 * grows at once and shrinks back when the delays are forgotten.
 *
 * Delays below half of the least guard change nothing. A wider guard costs nothing for calls that are answered within a
 * window, and never more than the time until the answer.
 */
export class AdaptiveGuard {
  #leastMs: number;
  #widened = false;
  readonly #own = new RecentMost(OWN_MS);
  /** By endpoint. */
  readonly #ways = new Map<string, RecentMost>();

  /** `leastMs`: the guard without delays, as the operator set it. */
  constructor(leastMs: number) {
    this.#leastMs = leastMs;
  }

  set leastMs(leastMs: number) {
    this.#leastMs = leastMs;
  }

  /** True when a delay came, since this was last asked, that is above the guard of the calls under way. */
  widened(): boolean {
    const widened = this.#widened;
    this.#widened = false;
    return widened;
  }

  /** This process was late by `ms`. */
  ownDelay(ms: number, now: number): void {
    this.#widened ||= ms * MARGIN > this.#leastMs && ms > this.#own.most(now);
    this.#own.add(ms, now);
  }

  /** A call to this endpoint arrived `ms` later than the fastest possible. */
  wayDelay(endpoint: string, ms: number, now: number): void {
    let way = this.#ways.get(endpoint);
    if (way === undefined) this.#ways.set(endpoint, (way = new RecentMost(WAY_MS)));
    this.#widened ||= ms * MARGIN > this.#leastMs && ms > way.most(now);
    way.add(ms, now);
  }

  /** Milliseconds for which a call to this endpoint may be under way, beyond the fastest possible. */
  msFor(endpoint: string, now: number): number {
    const delay = Math.max(this.#own.most(now), this.#ways.get(endpoint)?.most(now) ?? 0);
    return Math.max(this.#leastMs, Math.min(MOST_MS, Math.ceil((delay * MARGIN) / STEP_MS) * STEP_MS));
  }

  keep(endpoints: ReadonlySet<string>): void {
    for (const endpoint of this.#ways.keys()) if (!endpoints.has(endpoint)) this.#ways.delete(endpoint);
  }
}
