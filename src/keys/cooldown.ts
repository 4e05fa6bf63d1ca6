import type { LimitKind } from './outcome.ts';

/** How long a key rests after it failed. All in ms. */
export interface CooldownPolicy {
  readonly adaptive: boolean;
  /** Used when not adaptive. */
  readonly flatMs: number;
  readonly minMs: number;
  readonly maxMs: number;
}

/** Calls lose half of their weight in this time. */
const HALF_LIFE_MS = 120_000;

/**
 * Share of a key's recent calls that failed. Successes and failures are counted with exponential decay, so old ones
 * lose weight; one of each is assumed beforehand (Laplace's rule of succession), so that a single failure of a key
 * without history counts 2/3 and not 1.
 */
export class FailureRate {
  #failed = 0;
  #succeeded = 0;
  #at = 0;

  add(failed: boolean, now: number): void {
    this.#decay(now);
    if (failed) this.#failed++;
    else this.#succeeded++;
  }

  /** Takes one failure back: it was not the key's. */
  forgive(now: number): void {
    this.#decay(now);
    this.#failed = Math.max(0, this.#failed - 1);
  }

  /** From 0 to 1. */
  rate(now: number): number {
    this.#decay(now);
    return (this.#failed + 1) / (this.#failed + this.#succeeded + 2);
  }

  #decay(now: number): void {
    const factor = 0.5 ** (Math.max(0, now - this.#at) / HALF_LIFE_MS);
    this.#failed *= factor;
    this.#succeeded *= factor;
    this.#at = now;
  }
}

/** Rest of a key with this failure rate: `min` at 0, `max` at 1. */
export const cooldownMs = (policy: CooldownPolicy, rate: number): number =>
  policy.adaptive ? Math.round(policy.minMs + (policy.maxMs - policy.minMs) * rate) : policy.flatMs;

/**
 * The longest wait that a provider may ask for, in ms: an hour, so that a bad value does not take a key away for good.
 * A day's limit may last until the day is over, with an hour of summer time.
 */
export const longestWaitMs = (limit: LimitKind): number => (limit === 'day' ? 25 : 1) * 3_600_000;

/** A wait that a provider asks for, in whole ms and within {@link longestWaitMs}. */
export const requestedWaitMs = (waitMs: number, limit: LimitKind = 'rate'): number =>
  Math.min(longestWaitMs(limit), Math.max(0, Math.ceil(waitMs)));

/**
 * Rest after a limit was reached: as long as the provider asks for. Where it asks for nothing: the shortest rest after
 * a ramp or too many open calls (the rate itself was fine), the longest for a spent quota or day, else as after any
 * failure.
 */
export function rateLimitCooldownMs(
  policy: CooldownPolicy,
  rate: number,
  retryAfterMs: number | null,
  limit: LimitKind,
): number {
  if (retryAfterMs !== null) return requestedWaitMs(retryAfterMs, limit);
  if (limit === 'ramp' || limit === 'concurrency') return policy.minMs;
  return limit === 'quota' || limit === 'day' ? policy.maxMs : cooldownMs(policy, rate);
}
