/** From a provider's record to figures. Pure. */
import type { BenchKey, Scenario } from './scenarios.ts';

export interface Arrival {
  readonly at: number;
  readonly key: string;
  readonly budget: string;
  readonly status: number;
}

/**
 * Times at which an ideal caller can make its next `count` calls from `start` on, after the calls `before` (ascending).
 * Windows are closed at both ends.
 */
export function idealTimes(
  count: number,
  { qps, rpm }: Pick<BenchKey, 'qps' | 'rpm'>,
  jitterMs: number,
  start = 0,
  before: readonly number[] = [],
): readonly number[] {
  const times = [...before];
  for (let n = before.length; n < before.length + count; n++) {
    const second = times[n - qps];
    const minute = times[n - rpm];
    times.push(
      Math.max(
        start,
        second === undefined ? start : second + 1_000 + jitterMs,
        minute === undefined ? start : minute + 60_000 + jitterMs,
      ),
    );
  }
  return times.slice(before.length);
}

/**
 * Calls made of those the limits allow, in steady state: for each budget the time an ideal caller that starts at
 * the first whole burst after `from` needs for as many calls, divided by the time it took, to its last call, or to the
 * end when it stood idle there although it could have called. Unlike a count in a window, this does not depend on where
 * the window cuts a burst. NaN when no burst after `from` is followed by another.
 */
export function utilisation(
  arrivals: readonly Arrival[],
  scenario: Pick<Scenario, 'keys'>,
  endAt: number,
  jitterMs = 0,
  from = 0,
): number {
  let ideal = 0;
  let actual = 0;
  const budgets = new Map(
    scenario.keys.map(({ name, qps, rpm, group }) => [
      group === undefined ? `key:${name}` : `group:${group}`,
      { qps, rpm },
    ]),
  );
  for (const [budget, { qps, rpm }] of budgets) {
    const all = arrivals
      .filter((arrival) => arrival.budget === budget)
      .map((arrival) => arrival.at)
      .toSorted((a, b) => a - b);
    // A burst cut in two would look like a slow one.
    const begin = all.findIndex(
      (moment, index) => moment >= from && (index === 0 || moment - (all[index - 1] ?? 0) > BURST_GAP_MS),
    );
    const at = begin === -1 ? [] : all.slice(begin);
    const first = at[0];
    const last = at.at(-1);
    if (first === undefined || last === undefined) return Number.NaN;
    const times = idealTimes(at.length + 1, { qps, rpm }, jitterMs, first, all.slice(0, begin));
    const idle = endAt - (times.at(-1) ?? 0) > IDLE_MS + jitterMs;
    ideal += (times.at(-2) ?? first) - first;
    actual += (idle ? endAt : last) - first;
  }
  return actual === 0 ? Number.NaN : Math.min(1, ideal / actual);
}
/**
 * Accepted calls from `from` to `endAt` of those that the limits of a second allow in that time. For callers that make
 * no bursts, where `utilisation` finds nothing to begin at.
 */
export function shareOfSeconds(
  arrivals: readonly Arrival[],
  { keys }: Pick<Scenario, 'keys'>,
  from: number,
  endAt: number,
): number {
  const accepted = arrivals.filter(({ at, status }) => status !== 429 && at >= from && at < endAt).length;
  const perSecond = keys.reduce((sum, { qps }) => sum + qps, 0);
  return accepted / ((perSecond * (endAt - from)) / 1_000);
}

const BURST_GAP_MS = 300;
/** The next burst is overdue by this much: the caller left its budget unused. */
const IDLE_MS = 700;
