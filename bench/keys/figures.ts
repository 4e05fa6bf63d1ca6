/** From a provider's record to figures. Pure. */
import type { Scenario } from './scenarios.ts';

export interface Arrival {
  readonly at: number;
  readonly key: string;
  readonly budget: string;
  readonly status: number;
}

/** Moment (ms after the first) at which a caller that wastes nothing can make its `n`-th call, windows closed at both ends. */
export function idealTimes(count: number, qps: number, rpm: number, jitterMs: number): readonly number[] {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const second = times[n - qps];
    const minute = times[n - rpm];
    times.push(Math.max(0, second === undefined ? 0 : second + 1_000 + jitterMs, minute === undefined ? 0 : minute + 60_000 + jitterMs));
  }
  return times;
}

/**
 * Calls made of those the limits allow, in steady state: for each budget the time an ideal caller needs for as many
 * calls, divided by the time it took, from its first call to its last, or to the end when it stood idle there although
 * it could have called. Unlike a count in a window, this does not depend on where the window cuts a burst.
 */
export function utilisation(arrivals: readonly Arrival[], scenario: Pick<Scenario, 'keys'>, endAt: number, jitterMs = 0, from = 0): number {
  let ideal = 0;
  let actual = 0;
  const budgets = new Map(scenario.keys.map(({ name, qps, rpm, group }) => [group === undefined ? `key:${name}` : `group:${group}`, { qps, rpm }]));
  for (const [budget, { qps, rpm }] of budgets) {
    const at = sinceBurst(arrivals.filter((arrival) => arrival.budget === budget).map((arrival) => arrival.at).toSorted((a, b) => a - b), from);
    const first = at[0];
    const last = at.at(-1);
    if (first === undefined || last === undefined) return 0;
    const times = idealTimes(at.length + 1, qps, rpm, jitterMs);
    const idle = endAt - first - (times.at(-1) ?? 0) > IDLE_MS + jitterMs;
    ideal += times.at(-2) ?? 0;
    actual += idle ? endAt - first : last - first;
  }
  return actual === 0 ? 1 : Math.min(1, ideal / actual);
}
/** Arrivals from the first burst on that begins after `from`: a burst cut in two would look like a slow one. */
function sinceBurst(at: readonly number[], from: number): readonly number[] {
  const begin = at.findIndex((moment, index) => moment >= from && (index === 0 || moment - (at[index - 1] ?? 0) > BURST_GAP_MS));
  return begin === -1 ? [] : at.slice(begin);
}
const BURST_GAP_MS = 300;
/** The next burst is overdue by this much: the caller left its budget unused. */
const IDLE_MS = 700;
