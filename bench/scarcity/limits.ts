/** Keys whose calls count in sliding windows of a second and a minute, as the strict provider's do. */

export interface KeyLimits {
  readonly keys: number;
  /** Of each key. */
  readonly qps: number;
  readonly rpm: number;
}

const KEYS = 4;
const MINUTE_MS = 60_000;
/** A second may hold three times its share of the minute. */
const BURST = 3;

/** Keys that together allow `perSecond` calls, bound by their minute. */
export function limitsFor(perSecond: number): KeyLimits {
  const rpm = Math.max(1, Math.round((perSecond * 60) / KEYS));
  return { keys: KEYS, qps: Math.max(1, Math.ceil((BURST * rpm) / 60)), rpm };
}

export const allowedPerSecond = ({ keys, rpm }: KeyLimits): number => (keys * rpm) / 60;

export class SlidingKeys {
  readonly #limits: KeyLimits;
  /** Times of the last minute's calls of each key, oldest first. */
  readonly #calls: number[][];

  /** The minute before 0 was full of evenly spread calls: without them a short run would have a minute's calls more. */
  constructor(limits: KeyLimits) {
    const { keys, rpm } = limits;
    this.#limits = limits;
    this.#calls = Array.from({ length: keys }, (_, key) =>
      Array.from({ length: rpm }, (_each, index) => ((index + (key + 1) / keys) / rpm - 1) * MINUTE_MS),
    );
  }

  /** Takes a call of the key with most room; false when no key has any. */
  take(now: number): boolean {
    let best: number[] | null = null;
    for (const calls of this.#calls) {
      while ((calls[0] ?? Infinity) <= now - MINUTE_MS) calls.shift();
      const full = calls.length >= this.#limits.rpm || (calls.at(-this.#limits.qps) ?? -Infinity) > now - 1_000;
      if (!full && (best === null || calls.length < best.length)) best = calls;
    }
    best?.push(now);
    return best !== null;
  }
}
