import type { Release } from '../../src/messages/release.ts';
import { ReleaseBook, type ReleaseRecords, type RunningSlot } from '../../src/releases/release-book.ts';

/** Records in memory. `gate` holds every change up, as a slow NATS would. */
export function memoryRecords<T>(): ReleaseRecords<T> & { readonly entries: Map<string, T>; gate: Promise<void> } {
  const entries = new Map<string, T>();
  const listeners = new Set<() => void>();
  const records = {
    entries,
    gate: Promise.resolve(),
    fetch: async (key: string) => (await records.gate, entries.get(key) ?? null),
    change: async (key: string, change: (known: T | null) => T | null) => {
      await records.gate;
      const next = change(entries.get(key) ?? null);
      if (next === null) entries.delete(key);
      else entries.set(key, next);
      for (const listener of listeners) listener();
      return next;
    },
    onChange: (listener: () => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  return records;
}

/** A book over records in memory. */
export const memoryReleases = (): ReleaseBook =>
  new ReleaseBook(memoryRecords<Release>(), memoryRecords<RunningSlot>());
