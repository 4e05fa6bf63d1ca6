import type { RecordedCall, Violation } from './types.ts';

const MOST_CALLS = 100_000;

export interface Budget {
  readonly name: string;
  readonly qps: number;
  readonly rpm: number;
}

/** The calls as they arrived, bounded: the oldest go first. */
export class CallRecord {
  readonly #calls: { -readonly [K in keyof RecordedCall]: RecordedCall[K] }[] = [];

  /** Returns what books the end of the call. */
  add(call: Omit<RecordedCall, 'status' | 'bytes' | 'ms'>): (end: { readonly status?: number; readonly bytes?: number; readonly ms?: number }) => void {
    const entry = { ...call, status: 0, bytes: 0, ms: null };
    this.#calls.push(entry);
    if (this.#calls.length > MOST_CALLS) this.#calls.shift();
    return (end) => void Object.assign(entry, end);
  }

  calls(): readonly RecordedCall[] {
    return this.#calls.map((call) => ({ ...call }));
  }

  /** Brute force: for each arrival, every call from it to one span later, both ends included. */
  violations(budgets: readonly Budget[]): readonly Violation[] {
    const found: Violation[] = [];
    for (const { name, qps, rpm } of budgets) {
      const arrivals = this.#calls.filter((call) => call.budget === name).map((call) => call.at).toSorted((a, b) => a - b);
      for (const { spanMs, limit } of [{ spanMs: 1_000, limit: qps }, { spanMs: 60_000, limit: rpm }]) {
        for (const [index, from] of arrivals.entries()) {
          let calls = 0;
          for (let i = index; i < arrivals.length && (arrivals[i] ?? Infinity) <= from + spanMs; i++) calls++;
          if (calls > limit) found.push({ budget: name, spanMs, limit, calls, from });
        }
      }
    }
    return found;
  }
}
