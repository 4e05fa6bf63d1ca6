import { type CooldownPolicy, cooldownMs, FailureRate, rateLimitCooldownMs } from './cooldown.ts';
import type { CallOutcome } from './outcome.ts';

export interface RestPolicy {
  readonly cooldown: CooldownPolicy;
  /** Failures in a row after which a key cools. */
  readonly failuresToCool: number;
}

/** How long one key rests after failures and 429s. Pure. */
export class KeyRest {
  readonly #rate = new FailureRate();
  #until = 0;
  /** End of the rests that the provider asked for. The others are for failures that may be the provider's own. */
  #limitedUntil = 0;
  #consecutiveFailures = 0;

  /** End of the rest, epoch ms; in the past when the key does not rest. */
  get until(): number {
    return this.#until;
  }

  /** End of the rests that the provider asked for. */
  get limitedUntil(): number {
    return this.#limitedUntil;
  }

  get consecutiveFailures(): number {
    return this.#consecutiveFailures;
  }

  /** True while it rests longer than the provider asked for, because of failures. */
  forFailures(now: number): boolean {
    return this.#until > Math.max(now, this.#limitedUntil);
  }

  /** A call was answered. */
  answered(now: number): void {
    this.#consecutiveFailures = 0;
    this.#rate.add(false, now);
  }

  /** A call failed, perhaps because of the key. True when a rest begins. */
  failed({ cooldown, failuresToCool }: RestPolicy, now: number): boolean {
    this.#rate.add(true, now);
    this.#consecutiveFailures++;
    if (this.#consecutiveFailures < failuresToCool) return false;
    this.#extend(now + cooldownMs(cooldown, this.#rate.rate(now)));
    return true;
  }

  /** A limit was reached. Returns the end of the rest that calls for. */
  limitReached(
    { retryAfterMs, limit = 'rate' }: Extract<CallOutcome, { kind: 'rate-limited' }>,
    { cooldown }: RestPolicy,
    now: number,
  ): number {
    this.#rate.add(true, now);
    return now + rateLimitCooldownMs(cooldown, this.#rate.rate(now), retryAfterMs, limit);
  }

  /** Rests until then at least; never shortens a rest. */
  limitUntil(until: number): void {
    this.#limitedUntil = Math.max(this.#limitedUntil, until);
    this.#extend(until);
  }

  /** Takes one failure back: the request was to blame. */
  forgive(now: number): void {
    this.#rate.forgive(now);
    this.#consecutiveFailures = Math.max(0, this.#consecutiveFailures - 1);
  }

  /** Failures were the provider's: only the rests it asked for stay. */
  excuse(): void {
    this.#consecutiveFailures = 0;
    this.#until = this.#limitedUntil;
  }

  /** Another secret or endpoint: nothing is held against it. The failure rate stays. */
  reset(): void {
    this.#until = 0;
    this.#limitedUntil = 0;
    this.#consecutiveFailures = 0;
  }

  #extend(until: number): void {
    this.#until = Math.max(this.#until, until);
    this.#consecutiveFailures = 0;
  }
}
