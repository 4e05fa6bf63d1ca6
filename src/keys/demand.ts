import type { KeyRoster } from './key-roster.ts';
import type { PooledKey } from './key.ts';
import { limitsOf } from './live.ts';
import type { Demand, PermitGate } from './shared/gate.ts';

export interface DemandOptions {
  /** Calls that wait for a lease. */
  readonly waiting: number;
  readonly roster: KeyRoster;
  readonly gate: PermitGate | null;
  /** Tokens to reserve for one call with this key. */
  readonly tokensWith: (key: PooledKey) => number;
  /** The least that the windows keep from every call. */
  readonly guardMs: number;
  readonly now: number;
}

/** Leases that could be given now if the gate permitted them: for each budget how many of `waiting` would take one. */
export function demandOf({ waiting, roster, gate, tokensWith, guardMs, now }: DemandOptions): readonly Demand[] {
  const wanted = new Map<string, Demand>();
  if (waiting <= 0) return [];
  const isFree = (key: PooledKey): boolean => {
    const tokens = tokensWith(key);
    return (
      (key.availableHereAt(now, tokens) ?? Infinity) <= now && (gate?.nextAt(key.budget, now, tokens) ?? now) <= now
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
