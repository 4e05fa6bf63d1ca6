import type { KeyRoster } from './key-roster.ts';
import type { PooledKey } from './key.ts';
import { limitsOf } from './live.ts';
import type { Demand, PermitGate } from './shared/gate.ts';
import type { CallTokens } from './tokens.ts';
import { mayUse, takesAny, type Waiter, type Waiters } from './waiters.ts';

/** Whether a call may use the key of this name. */
export type KeyTest = (keyName: string) => boolean;

export interface DemandOptions {
  /** Calls that wait for a lease. */
  readonly waiting: number;
  readonly roster: KeyRoster;
  readonly gate: PermitGate | null;
  /** Tokens to reserve for one call with this key. */
  readonly tokensWith: (key: PooledKey) => number;
  /** The least that the windows keep from every call. */
  readonly guardMs: number;
  /** Whether the calls may use the key of this name; default any. */
  readonly usable?: KeyTest | undefined;
  readonly now: number;
}

/** Leases that could be given now if the gate permitted them: for each budget how many of `waiting` would take one. */
export function demandOf(options: DemandOptions): readonly Demand[] {
  const { waiting, roster, gate, tokensWith, guardMs, usable = () => true, now } = options;
  const wanted = new Map<string, Demand>();
  if (waiting <= 0) return [];
  const isFree = (key: PooledKey): boolean => {
    const tokens = tokensWith(key);
    return (
      usable(key.spec.name) &&
      (key.availableHereAt(now, tokens) ?? Infinity) <= now &&
      (gate?.nextAt(key.budget, now, tokens) ?? now) <= now
    );
  };
  let left = waiting;
  for (const key of roster.inTurn(isFree, now)) {
    if (!wanted.has(key.budget)) {
      const { qpsLimit, tpmLimit } = key.spec;
      const count = key.oneAtATime ? 1 : Math.min(left, qpsLimit);
      const tokens =
        tpmLimit === null ? {} : { tokens: { limit: tpmLimit, perCall: Math.min(tpmLimit, tokensWith(key)) } };
      wanted.set(key.budget, { budget: key.budget, limits: limitsOf(key.spec), guardMs, count, ...tokens });
      left -= count;
    }
    if (left <= 0) break;
  }
  return [...wanted.values()];
}

/** Waiting requests that not any key can serve, foreseen at once. */
const MOST_CHOOSY = 16;

/**
 * The demand of all requests that wait: of those that any key can serve together, of the others each by itself, as it
 * would not take the permits of another's keys.
 */
export function waitingDemand(
  waiters: Waiters,
  mayBeServed: (waiter: Waiter) => boolean,
  demand: (calls: number, tokens: CallTokens, usable?: KeyTest) => readonly Demand[],
): readonly Demand[] {
  const { choosy, size } = waiters;
  const lists = [...choosy]
    .slice(0, MOST_CHOOSY)
    .filter(mayBeServed)
    .map((waiter) => demand(1, waiter.tokens, (keyName) => mayUse(waiter, keyName)));
  for (const waiter of waiters.inOrder()) {
    if (!takesAny(waiter)) continue;
    lists.unshift(demand(size - choosy.size, waiter.tokens));
    break;
  }
  const sums = new Map<string, Demand>();
  for (const one of lists.flat())
    sums.set(one.budget, { ...one, count: one.count + (sums.get(one.budget)?.count ?? 0) });
  return [...sums.values()];
}
