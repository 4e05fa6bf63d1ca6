import type { Circuit } from './circuit.ts';
import type { KeyStrategy } from './key-config.schema.ts';
import { chooseKey } from './key-strategy.ts';
import type { PooledKey } from './key.ts';
import type { PoolState } from './pool.types.ts';

/** The keys of the configuration, in its order, and the choice among them. */
export class KeyRoster {
  strategy: KeyStrategy;
  #keys: readonly PooledKey[] = [];
  #byName: ReadonlyMap<string, PooledKey> = new Map();
  /** Position of the key that was leased last; -1 before the first. */
  #lastIndex = -1;

  constructor(strategy: KeyStrategy) {
    this.strategy = strategy;
  }

  get keys(): readonly PooledKey[] {
    return this.#keys;
  }

  /** Replaces the keys. Those that stay keep their turn. */
  set(keys: readonly PooledKey[]): void {
    const last = this.#keys[this.#lastIndex]?.spec.name;
    this.#keys = keys;
    for (const [position, key] of keys.entries()) key.position = position;
    this.#byName = new Map(keys.map((key) => [key.spec.name, key]));
    this.#lastIndex = keys.findIndex((key) => key.spec.name === last);
  }

  find(name: string): PooledKey | undefined {
    return this.#byName.get(name);
  }

  /** The key and those that share its quota group. */
  groupOf(key: PooledKey): readonly PooledKey[] {
    const { quotaGroup } = key.spec;
    return quotaGroup === null ? [key] : this.#keys.filter((other) => other.spec.quotaGroup === quotaGroup);
  }

  get state(): PoolState {
    if (!this.#keys.some((key) => key.wanted)) return 'no-keys';
    const usable = this.#keys.filter((key) => !key.disabled);
    return usable.length > 0 && usable.every((key) => !key.circuit.closed) ? 'provider-down' : 'serving';
  }

  /** Does `work`, which may open or close this circuit, and tells its keys when it did. */
  followCircuit<T>(circuit: Circuit, now: number, work: () => T): T {
    const before = circuit.closed;
    const result = work();
    const keys = this.#keys.filter((key) => key.circuit === circuit);
    const usable = keys.filter((key) => !key.disabled);
    // Its last key fails: whether the keys or the provider are to blame, only a trial can tell.
    if (before && usable.length > 0 && usable.every((key) => key.fails(now))) circuit.open(now);
    if (before !== circuit.closed) for (const key of keys) key.circuitChanged(now);
    return result;
  }

  /** The key to lease next among those that are free; undefined when none is. */
  choose(isFree: (key: PooledKey) => boolean, now: number): PooledKey | undefined {
    // A refused key would never be tried again by a strategy that prefers others, so a due trial goes first.
    const probe = this.#keys.find((key) => key.probeDue(now) && isFree(key));
    return probe ?? chooseKey(this.strategy, isFree, { keys: this.#keys, lastIndex: this.#lastIndex, now });
  }

  /** This key was leased: the next in turn comes after it. */
  leased(key: PooledKey): void {
    this.#lastIndex = key.position;
  }

  /** Free keys in the order in which the strategy would lease them. */
  *inTurn(isFree: (key: PooledKey) => boolean, now: number): Generator<PooledKey, void, void> {
    const had = new Set<PooledKey>();
    let lastIndex = this.#lastIndex;
    for (;;) {
      const next = chooseKey(this.strategy, (key) => !had.has(key) && isFree(key), {
        keys: this.#keys,
        lastIndex,
        now,
      });
      if (next === undefined) return;
      yield next;
      lastIndex = next.position;
      had.add(next);
    }
  }
}
