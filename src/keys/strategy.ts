import type { KeyStrategy } from './config.schema.ts';
import type { PooledKey } from './key.ts';
import { MINUTE_MS } from './limits.ts';

/** What a strategy may know besides the candidates. */
export interface ChoiceState {
  /** All keys, in the order of the configuration. */
  readonly keys: readonly PooledKey[];
  /** Position of the key that was leased last; -1 before the first. */
  readonly lastIndex: number;
  readonly now: number;
}

type Choose = (candidates: readonly PooledKey[], state: ChoiceState) => PooledKey | undefined;

/** The best by `compare`; the earlier one when equal. */
const best = (candidates: readonly PooledKey[], compare: (a: PooledKey, b: PooledKey) => number): PooledKey | undefined =>
  candidates.reduce<PooledKey | undefined>((found, key) => (found === undefined || compare(key, found) < 0 ? key : found), undefined);

const shareOfMinute = (key: PooledKey, now: number): number => key.windows.used(now, MINUTE_MS) / key.spec.rpmLimit;

/** The next one after the key leased last, in the order of the configuration. */
const roundRobin: Choose = (candidates, { keys, lastIndex }) => {
  const distance = (key: PooledKey): number => (keys.indexOf(key) - lastIndex - 1 + keys.length) % keys.length;
  return best(candidates, (a, b) => distance(a) - distance(b));
};

/** Fewest calls in flight; then least of its minute spent; then longest unused. */
const leastLoaded: Choose = (candidates, { now }) =>
  best(candidates, (a, b) => a.inFlight - b.inFlight || shareOfMinute(a, now) - shareOfMinute(b, now) || a.lastUsedAt - b.lastUsedAt);

/** Largest `priority`; then longest unused. The others serve when the preferred ones have no permit. */
const byPriority: Choose = (candidates) => best(candidates, (a, b) => b.spec.priority - a.spec.priority || a.lastUsedAt - b.lastUsedAt);

const STRATEGY: Readonly<Record<KeyStrategy, Choose>> = { round_robin: roundRobin, least_loaded: leastLoaded, priority: byPriority };

/** Which of the candidates (keys with a permit now) to lease; undefined when there is none. */
export const chooseKey = (strategy: KeyStrategy, candidates: readonly PooledKey[], state: ChoiceState): PooledKey | undefined =>
  STRATEGY[strategy](candidates, state);
