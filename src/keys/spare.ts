import type { PooledKey } from './key.ts';
import { limitsOf } from './live.ts';
import { MINUTE_MS } from './sliding-windows.ts';
import { mayUse, type Waiter } from './waiters.ts';

/**
 * Of each kind of limit this share stays free for calls that somebody waits for, and one call at least: more of a
 * second's calls and of those in flight, as several questions may come at once.
 */
const KEPT_OF_BURST = 0.5;
const KEPT_OF_MINUTE = 0.25;

interface Room {
  readonly free: number;
  /** Calls that must stay free. */
  readonly kept: number;
}

/**
 * Whether a call with a key can be spared: besides it, half of a second's calls and of those in flight and a quarter of
 * a minute's are still free, all usable keys together, and one call at least. Keys that rest, are on trial or whose
 * provider does not answer give nothing. Pure.
 *
 * @param sharers schedulers that share the limits, each of which is taken to use as much as this one, from 1
 * @param guardMs the least time that a window keeps every call longer than its span
 */
export function hasSpare(
  keys: readonly PooledKey[],
  { sharers, guardMs, now }: { readonly sharers: number; readonly guardMs: number; readonly now: number },
): boolean {
  const rooms = new Map<string, Room>();
  const add = (kind: string, limit: number, used: number, share: number): void => {
    const { free, kept } = rooms.get(kind) ?? { free: 0, kept: 0 };
    rooms.set(kind, { free: free + Math.max(0, limit - used * sharers), kept: kept + limit * share });
  };
  const budgets = new Set<string>();
  for (const key of keys) {
    if (!isReady(key, now)) continue;
    const { maxInFlight } = key.spec;
    if (maxInFlight !== null) add('in flight', maxInFlight, key.inFlight, KEPT_OF_BURST);
    if (budgets.has(key.budget)) continue;
    budgets.add(key.budget);
    for (const { limit, spanMs } of limitsOf(key.spec)) {
      const share = spanMs < MINUTE_MS ? KEPT_OF_BURST : KEPT_OF_MINUTE;
      add(`${spanMs} ms`, limit, key.windows.used(now, spanMs + guardMs + 1), share);
    }
  }
  return rooms.size > 0 && [...rooms.values()].every(({ free, kept }) => free - 1 >= Math.max(1, kept));
}

/** Whether a request can be served with this key now by a call of so many tokens, as far as the key decides. */
export const servesNow = (key: PooledKey, waiter: Waiter, tokens: number, now: number): boolean =>
  mayUse(waiter, key.spec.name) &&
  (waiter.spareOf === null || isReady(key, now)) &&
  (key.availableAt(now, tokens) ?? Infinity) <= now;

/** It serves without having to prove itself. */
const isReady = (key: PooledKey, now: number): boolean => !key.disabled && !key.oneAtATime && key.rest.until <= now;
