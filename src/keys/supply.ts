import type { PooledKey } from './key.ts';
import { limitsOf } from './live.ts';
import { MINUTE_MS } from './sliding-windows.ts';

/** The calls that the keys allow. */
export interface KeySupply {
  /** Calls a second, all usable keys together; null while no key is meant to be used. */
  readonly perSecond: number | null;
  /** Names of the keys that can be used now. */
  readonly keys: readonly string[];
}

export interface SupplyOptions {
  /** The least time that a window keeps every call longer than its span. */
  readonly guardMs: number;
  /** How long a call is in flight. */
  readonly answerMs: number;
  /** Names of the keys that may serve; default all. */
  readonly only?: readonly string[] | undefined;
  readonly now: number;
}

/**
 * The calls a second that the budgets of the usable keys allow in the long run: those of keys that are wanted, not
 * refused, not resting and whose provider answers. A key that rests gives nothing until its rest is over. Pure.
 */
export function supplyOf(allKeys: readonly PooledKey[], { guardMs, answerMs, only, now }: SupplyOptions): KeySupply {
  const keys = only === undefined ? allKeys : allKeys.filter(({ spec }) => only.includes(spec.name));
  if (!keys.some((key) => key.wanted)) return { perSecond: null, keys: [] };
  const usable = keys.filter((key) => !key.disabled && key.circuit.closed && key.rest.until <= now);
  const budgets = new Map<string, number>();
  for (const key of usable) {
    const { maxInFlight } = key.spec;
    const inFlight = maxInFlight === null ? Infinity : (maxInFlight * 1_000) / answerMs;
    const most = Math.min(inFlight, perSecond(key, guardMs, now));
    budgets.set(key.budget, Math.max(budgets.get(key.budget) ?? 0, most));
  }
  return {
    perSecond: [...budgets.values()].reduce((sum, one) => sum + one, 0),
    keys: usable.map((key) => key.spec.name),
  };
}

/** By the narrowest of its limits. */
function perSecond({ spec, windows, spending }: PooledKey, guardMs: number, now: number): number {
  const byCalls = limitsOf(spec).map(({ limit, spanMs }) => (limit * 1_000) / (spanMs + guardMs));
  const calls = windows.used(now, MINUTE_MS);
  const tokens = spending.tokens.used(now);
  const byTokens =
    spec.tpmLimit === null || calls === 0 || tokens === 0
      ? Infinity
      : (spec.tpmLimit * 1_000) / (MINUTE_MS * (tokens / calls));
  return Math.min(...byCalls, byTokens);
}
