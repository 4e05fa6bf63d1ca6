const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

const LEAST_SILENCE_MS = 5_000;
const MOST_SILENCE_MS = 120_000;
/** While too little of a stream was seen to know how often its pictures come. */
const FIRST_SILENCE_MS = 15_000;

/** Pause before the next attempt after `failures` failed ones in a row: 0.5 s, doubling, at most 30 s. */
export const reconnectPauseMs = (failures: number, atLeastMs: number | null): number =>
  Math.max(atLeastMs ?? 0, Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10)));

/**
 * How long no packet may come before the session counts as dead: three times the longest distance of pictures seen
 * lately, 5 to 120 s, and at least 15 s in the first 15 s of a session. A camera may send one picture in seven seconds.
 *
 * @param ageMs of the session, since it plays
 */
export function silenceLimitMs(longestDistanceMs: number, ageMs: number): number {
  const least = ageMs < FIRST_SILENCE_MS ? FIRST_SILENCE_MS : LEAST_SILENCE_MS;
  return Math.min(MOST_SILENCE_MS, Math.max(least, 3 * longestDistanceMs));
}
