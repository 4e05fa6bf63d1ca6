/**
 * A provider's limiter: a strict sliding log of arrivals, with windows closed at both ends. It shares no code with the
 * key pool's limits on purpose, so that neither inherits the other's mistakes.
 */
export class ArrivalLimiter {
  readonly #rules: readonly { readonly spanMs: number; readonly limit: number }[];
  /** Arrivals of the last minute, in order. */
  readonly #counted: number[] = [];

  constructor(qps: number, rpm: number) {
    this.#rules = [
      { spanMs: 1_000, limit: qps },
      { spanMs: 60_000, limit: rpm },
    ];
  }

  /** Milliseconds until a call that arrives at `at` (epoch ms) would be accepted; 0 for now. */
  waitMs(at: number): number {
    this.#prune(at);
    let wait = 0;
    for (const { spanMs, limit } of this.#rules) {
      // With this call the window would hold one too many until that arrival leaves it.
      const leaves = this.#counted.at(-limit);
      if (leaves !== undefined && leaves >= at - spanMs) wait = Math.max(wait, leaves + spanMs - at + 0.001);
    }
    return wait;
  }

  count(at: number): void {
    this.#counted.push(at);
  }

  /** The headers by which providers report the minute's limit with every answer. */
  headers(at: number): Readonly<Record<string, string>> {
    this.#prune(at);
    const { spanMs, limit } = this.#rules[1] ?? { spanMs: 0, limit: 0 };
    const [oldest] = this.#counted;
    const resetMs = oldest === undefined ? 0 : oldest + spanMs - at;
    return {
      'x-ratelimit-limit-requests': String(limit),
      'x-ratelimit-remaining-requests': String(Math.max(0, limit - this.#counted.length)),
      'x-ratelimit-reset-requests': `${(resetMs / 1_000).toFixed(3)}s`,
    };
  }

  #prune(at: number): void {
    while (this.#counted[0] !== undefined && this.#counted[0] < at - 60_000) this.#counted.shift();
  }
}

/**
 * As {@link ArrivalLimiter}, for the tokens of a minute. A call counts from its arrival, with all tokens it will use.
 */
export class TokenLimiter {
  readonly #limit: number;
  readonly #counted: { readonly at: number; readonly tokens: number }[] = [];

  constructor(tpm: number) {
    this.#limit = tpm;
  }

  /**
   * Milliseconds until a call of so many tokens that arrives at `at` would be accepted; 0 for now, Infinity for never.
   */
  waitMs(at: number, tokens: number): number {
    if (tokens > this.#limit) return Infinity;
    const within = this.#counted.filter((one) => one.at >= at - 60_000).toSorted((a, b) => a.at - b.at);
    let sum = within.reduce((total, one) => total + one.tokens, tokens);
    let wait = 0;
    for (const one of within) {
      if (sum <= this.#limit) break;
      sum -= one.tokens;
      wait = Math.max(wait, one.at + 60_000 - at + 0.001);
    }
    return wait;
  }

  count(at: number, tokens: number): void {
    while (this.#counted[0] !== undefined && this.#counted[0].at < at - 120_000) this.#counted.shift();
    this.#counted.push({ at, tokens });
  }
}
