/**
 * A bound for every policy, in hindsight: the most dangers that calls within the limits can show in time. It knows all
 * dangers, the fastest answers and spends no call on anything else; the danger that can wait least is asked first,
 * which is best for jobs of equal length (Jackson 1955).
 */
import { type Danger, IN_TIME_MS } from './figures.ts';
import { type KeyLimits, SlidingKeys } from './limits.ts';
import { DETECTED_MS, FASTEST_ANSWER_MS, SHOWN_MS, STEP_MS } from './simulate.ts';

/** Returns the dangers that it shows in time. */
export function inHindsight(dangers: readonly Danger[], limits: KeyLimits): readonly Danger[] {
  const keys = new SlidingKeys(limits);
  const coming = dangers.toSorted((a, b) => b.firstAt - a.firstAt);
  const shown: Danger[] = [];
  let open: Danger[] = [];
  for (let now = coming.at(-1)?.firstAt ?? 0; coming.length > 0 || open.length > 0; now += STEP_MS) {
    for (let next = coming.at(-1); next !== undefined && next.firstAt + DETECTED_MS <= now; next = coming.at(-1)) {
      open.push(next);
      coming.pop();
    }
    open = open.filter(({ firstAt }) => now + FASTEST_ANSWER_MS + SHOWN_MS <= firstAt + IN_TIME_MS);
    // They came in order, so the first can wait least.
    for (let next = open[0]; next !== undefined && keys.take(now); next = open[0]) {
      shown.push(next);
      open.shift();
    }
    // Nothing happens until the next one begins.
    if (open.length === 0) now = Math.max(now, (coming.at(-1)?.firstAt ?? now) - STEP_MS);
  }
  return shown;
}
