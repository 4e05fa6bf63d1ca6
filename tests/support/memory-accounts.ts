import type { Clock } from '../../src/runtime/clock.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Accounts, type AccountStores, type PreferenceStore } from '../../src/users/accounts.ts';
import type { LoginLimit } from '../../src/users/login-limit.ts';
import type { SharedRecords } from '../../src/users/shared-records.ts';
import { memoryLog } from './log.ts';

/** {@link SharedRecords} of one process. */
export class MemoryRecords<T> implements SharedRecords<T> {
  readonly entries = new Map<string, T>();
  readonly #listeners = new Set<() => void>();
  /** Set: the store is away, and every write fails with this. */
  failing: Error | null = null;
  writes = 0;

  async fetch(key: string): Promise<T | null> {
    if (this.failing !== null) throw this.failing;
    return this.entries.get(key) ?? null;
  }

  async change(key: string, change: (known: T | null) => T | null): Promise<T | null> {
    if (this.failing !== null) throw this.failing;
    const known = this.entries.get(key) ?? null;
    const next = change(known);
    if (next === known) return next;
    this.writes += 1;
    if (next === null) this.entries.delete(key);
    else this.entries.set(key, next);
    for (const listener of this.#listeners) listener();
    return next;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** A limit in memory: ten tries for a user and address, until one succeeds. */
export class MemoryLimit implements LoginLimit {
  readonly tries = new Map<string, number>();

  async take(user: string, address: string): Promise<number> {
    const key = `${user} ${address}`;
    const tries = (this.tries.get(key) ?? 0) + 1;
    this.tries.set(key, tries);
    return tries > 10 ? 60_000 : 0;
  }

  async forget(user: string, address: string): Promise<void> {
    this.tries.delete(`${user} ${address}`);
  }

  notice(): string | null {
    return null;
  }
}

class MemoryPreferences implements PreferenceStore {
  readonly #kept = new Map<string, string>();
  read = async (owner: string): Promise<string | null> => this.#kept.get(owner) ?? null;
  write = async (owner: string, json: string): Promise<void> => void this.#kept.set(owner, json);
  remove = async (owner: string): Promise<void> => void this.#kept.delete(owner);
}

export const memoryStores = () =>
  ({
    users: new MemoryRecords(),
    sessions: new MemoryRecords(),
    tokens: new MemoryRecords(),
    links: new MemoryRecords(),
    secrets: new MemoryRecords(),
  }) satisfies AccountStores;

/** Users of one process, none at first. */
export const memoryAccounts = (
  clock: Pick<Clock, 'now'> = systemClock,
  stores: AccountStores = memoryStores(),
  limit: LoginLimit = new MemoryLimit(),
): Accounts => new Accounts({ stores, preferences: new MemoryPreferences(), limit, clock, log: memoryLog() });
