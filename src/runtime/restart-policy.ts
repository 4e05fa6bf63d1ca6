import type { Backoff, RestartIntensity } from './supervision.ts';

/**
 * Erlang/OTP's restart intensity: with more than `maxRestarts` restarts within `withinMs` the supervisor gives up.
 * Returns the restarts inside the period, the new one included, and whether they are too many. Source: `add_restart/1`
 * as documented in the OTP Design Principles, "Maximum Restart Intensity".
 */
export function recordRestart(
  history: readonly number[],
  now: number,
  intensity: RestartIntensity,
): { readonly history: readonly number[]; readonly exceeded: boolean } {
  const recent = [...history.filter((at) => now - at <= intensity.withinMs), now];
  return { history: recent, exceeded: recent.length > intensity.maxRestarts };
}

/**
 * Wait before the next restart of one child. `streak` is the number of restarts in a row so far; `random` is in [0, 1)
 * and takes up to a quarter off, so that children that failed together do not return together.
 */
export function restartDelay(streak: number, backoff: Backoff, random: number): number {
  const full = Math.min(backoff.maxMs, backoff.minMs * backoff.factor ** streak);
  return Math.round(full * (1 - random / 4));
}

/** The streak after a failure: it starts again when the incarnation had run long enough. */
export const nextStreak = (streak: number, ranMs: number, backoff: Backoff): number =>
  ranMs >= backoff.resetAfterMs ? 0 : streak;
