import type { RecordedCall, Violation } from './simulator.types.ts';

const MOST_CALLS = 100_000;

export interface Budget {
  readonly name: string;
  readonly qps: number;
  readonly rpm: number;
  /** Tokens a minute; null for no limit. */
  readonly tpm: number | null;
}

/** The part of a record that is not known at the arrival. */
type Learnt = Pick<RecordedCall, 'status' | 'bytes' | 'ms' | 'tokens' | 'promptTokens' | 'pictures' | 'model'>;

/** The newest 100,000 calls, in the order of their arrival. */
export class CallRecord {
  readonly #calls: { -readonly [K in keyof RecordedCall]: RecordedCall[K] }[] = [];

  /** Records an arrival. Returns a function that adds the facts learnt later. */
  add(call: Omit<RecordedCall, keyof Learnt>): (learnt: Partial<Learnt>) => void {
    const entry = { ...call, status: 0, bytes: 0, ms: null, tokens: 0, promptTokens: 0, pictures: 0, model: '' };
    this.#calls.push(entry);
    if (this.#calls.length > MOST_CALLS) this.#calls.shift();
    return (learnt) => void Object.assign(entry, learnt);
  }

  calls(): readonly RecordedCall[] {
    return this.#calls.map((call) => ({ ...call }));
  }

  /**
   * Windows that hold more than a limit allows. Brute force: for each arrival, every call from it to one span later,
   * both ends included. Tokens are counted at the arrival of their call, and once more at its answer.
   */
  violations(budgets: readonly Budget[]): readonly Violation[] {
    const found: Violation[] = [];
    for (const { name, qps, rpm, tpm } of budgets) {
      const calls = this.#calls.filter((call) => call.budget === name);
      const arrivals = calls.map((call) => ({ at: call.at, counts: 1 }));
      found.push(...overfull(arrivals, qps, 1_000).map((over) => ({ budget: name, unit: 'calls' as const, ...over })));
      found.push(...overfull(arrivals, rpm, 60_000).map((over) => ({ budget: name, unit: 'calls' as const, ...over })));
      if (tpm === null) continue;
      for (const counted of [
        calls.map(({ at, tokens }) => ({ at, counts: tokens })),
        calls.map(({ at, ms, tokens }) => ({ at: at + (ms ?? 0), counts: tokens })),
      ]) {
        found.push(
          ...overfull(counted, tpm, 60_000).map((over) => ({ budget: name, unit: 'tokens' as const, ...over })),
        );
      }
    }
    return found;
  }
}

function overfull(
  entries: readonly { readonly at: number; readonly counts: number }[],
  limit: number,
  spanMs: number,
): Pick<Violation, 'spanMs' | 'limit' | 'calls' | 'from'>[] {
  const sorted = entries.toSorted((a, b) => a.at - b.at);
  return sorted.flatMap(({ at: from }, index) => {
    let calls = 0;
    for (let i = index; i < sorted.length && (sorted[i]?.at ?? Infinity) <= from + spanMs; i++)
      calls += sorted[i]?.counts ?? 0;
    return calls > limit ? [{ spanMs, limit, calls, from }] : [];
  });
}
