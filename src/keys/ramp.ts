const RAMP_START = 0.1;
/** After a pause this long the rise begins anew. */
const RAMP_PAUSE_MS = 10_000;

/** Lets a rate rise from a tenth to its limit after a pause. */
export class Ramp {
  readonly overMs: number;
  #since = -Infinity;
  #usedAt = -Infinity;

  constructor(overMs: number) {
    this.overMs = overMs;
  }

  used(now: number): void {
    if (now - this.#usedAt > RAMP_PAUSE_MS) this.#since = now;
    this.#usedAt = now;
  }

  /** The limit in force at `now`, and until when (undefined: the full one, for good). */
  step(full: number, now: number): { readonly limit: number; readonly until: number | undefined } {
    const since = now - this.#usedAt > RAMP_PAUSE_MS ? now : this.#since;
    const share = RAMP_START + ((1 - RAMP_START) * (now - since)) / this.overMs;
    const limit = Math.min(full, Math.max(1, Math.floor(full * share)));
    if (limit === full) return { limit, until: undefined };
    return {
      limit,
      until: Math.max(now + 1, Math.ceil(since + (((limit + 1) / full - RAMP_START) / (1 - RAMP_START)) * this.overMs)),
    };
  }
}
