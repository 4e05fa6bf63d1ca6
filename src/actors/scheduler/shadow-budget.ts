const MINUTE_MS = 60_000;
/** Calls of one span that are remembered: more a minute are not made. */
const MOST_CALLS = 10_000;

/** Calls in the shadow, so many in any minute. Pure: every call takes the time (ms). */
export class ShadowBudget {
  /** Times of the calls, oldest first. */
  #calls: number[] = [];

  /** Whether one more fits. `perMinute`: from 0; a fraction means one call in more than a minute. */
  affords(perMinute: number, now: number): boolean {
    if (perMinute <= 0) return false;
    const spanMs = perMinute < 1 ? MINUTE_MS / perMinute : MINUTE_MS;
    const most = Math.min(MOST_CALLS, Math.max(1, Math.floor(perMinute)));
    const first = this.#calls.at(-most);
    // A clock set back must not stop the shadow for longer than a span.
    return first === undefined || Math.abs(now - first) >= spanMs;
  }

  take(now: number): void {
    this.#calls.push(now);
    if (this.#calls.length > MOST_CALLS) this.#calls = this.#calls.slice(-MOST_CALLS);
  }
}
