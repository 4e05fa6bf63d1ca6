import type { KeyStrategy } from './key-config.schema.ts';
import type { PooledKey } from './key.ts';
import { limitsOf } from './live.ts';
import type { Demand, PermitGate } from './shared/gate.ts';
import { chooseKey, type ChoiceState } from './key-strategy.ts';

/** What could be leased now if the gate permitted it: for each budget the number of `waiting` that would take it. */
export function demandOf(
  waiting: number,
  strategy: KeyStrategy,
  state: ChoiceState,
  gate: PermitGate | null,
  guardMs: number,
): readonly Demand[] {
  const wanted = new Map<string, Demand>();
  let open = waiting;
  for (const key of open > 0 ? inTurn(strategy, state, gate) : []) {
    if (open <= 0) break;
    if (wanted.has(key.budget)) continue;
    const { qpsLimit, tpmLimit } = key.spec;
    const count = key.oneAtATime ? 1 : Math.min(open, qpsLimit);
    const tokens =
      tpmLimit === null ? {} : { tokens: { limit: tpmLimit, perCall: Math.min(tpmLimit, key.callTokens) } };
    wanted.set(key.budget, { budget: key.budget, limits: limitsOf(key.spec), guardMs, count, ...tokens });
    open -= count;
  }
  return [...wanted.values()];
}

/** Keys that could be leased but for the gate, in the order of the strategy; few are asked for of many. */
function* inTurn(
  strategy: KeyStrategy,
  { keys, lastIndex: from, now }: ChoiceState,
  gate: PermitGate | null,
): Generator<PooledKey, void, void> {
  const had = new Set<PooledKey>();
  const isFree = (key: PooledKey): boolean =>
    !had.has(key) &&
    (key.availableHereAt(now) ?? Infinity) <= now &&
    (gate?.nextAt(key.budget, now, key.callTokens) ?? now) <= now;
  let lastIndex = from;
  for (;;) {
    const next = chooseKey(strategy, isFree, { keys, lastIndex, now });
    if (next === undefined) return;
    yield next;
    lastIndex = next.position;
    had.add(next);
  }
}
