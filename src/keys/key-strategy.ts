import type { KeyStrategy } from './key-config.schema.ts';
import type { PooledKey } from './key.ts';
import { MINUTE_MS } from './sliding-windows.ts';

/** A strategy's knowledge besides the set of free keys. */
export interface ChoiceState {
  /** All keys, in the order of the configuration: each stands at its `position`. */
  readonly keys: readonly PooledKey[];
  /** Position of the key that was leased last; -1 before the first. */
  readonly lastIndex: number;
  readonly now: number;
}

type Choose = (isFree: (key: PooledKey) => boolean, state: ChoiceState) => PooledKey | undefined;

/** The best of the free ones by `compare`; the earlier one when equal. */
const best = (
  keys: readonly PooledKey[],
  isFree: (key: PooledKey) => boolean,
  compare: (a: PooledKey, b: PooledKey) => number,
): PooledKey | undefined =>
  keys.reduce<PooledKey | undefined>(
    (found, key) => ((found === undefined || compare(key, found) < 0) && isFree(key) ? key : found),
    undefined,
  );

const shareOfMinute = (key: PooledKey, now: number): number => key.windows.used(now, MINUTE_MS) / key.spec.rpmLimit;

/** The next one after the key leased last, in the order of the configuration. */
const roundRobin: Choose = (isFree, { keys, lastIndex }) => {
  for (let step = 1; step <= keys.length; step++) {
    const key = keys[(lastIndex + step) % keys.length];
    if (key !== undefined && isFree(key)) return key;
  }
  return undefined;
};

/** Fewest calls in flight; then least of its minute spent; then longest unused. */
const leastLoaded: Choose = (isFree, { keys, now }) =>
  best(
    keys,
    isFree,
    (a, b) => a.inFlight - b.inFlight || shareOfMinute(a, now) - shareOfMinute(b, now) || a.lastUsedAt - b.lastUsedAt,
  );

/** Largest `priority`; then longest unused. The others serve when the preferred ones have no permit. */
const byPriority: Choose = (isFree, { keys }) =>
  best(keys, isFree, (a, b) => b.spec.priority - a.spec.priority || a.lastUsedAt - b.lastUsedAt);

const STRATEGY: Readonly<Record<KeyStrategy, Choose>> = {
  round_robin: roundRobin,
  least_loaded: leastLoaded,
  priority: byPriority,
};

/** The key to lease now, among those that are free; undefined when none is. Asks `isFree` of as few as it can. */
export const chooseKey = (
  strategy: KeyStrategy,
  isFree: (key: PooledKey) => boolean,
  state: ChoiceState,
): PooledKey | undefined => STRATEGY[strategy](isFree, state);
