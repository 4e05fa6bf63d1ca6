import type { DecodeMode } from './ffmpeg-args.ts';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** Pause before the next attempt after `failures` failed ones in a row: 0.5 s, doubling, at most 15 s. */
export const reconnectDelayMs = (failures: number): number =>
  Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));

/** A stream without a picture for this long is stalled: three intervals, at least 4 s, at most 30 s. */
export const stallLimitMs = (intervalMs: number): number => Math.min(30_000, Math.max(4_000, 3 * intervalMs));

/**
 * Keyframes are enough while they come about as often as pictures are wanted. From the third on, `all` for good when
 * their mean distance is over 1.25 intervals. `spanMs`: from the first of `frames` to the newest.
 */
export function chooseMode(mode: DecodeMode, frames: number, spanMs: number, intervalMs: number): DecodeMode {
  if (mode === 'all' || frames < 3) return mode;
  return spanMs / (frames - 1) > 1.25 * intervalMs ? 'all' : 'keyframes';
}
