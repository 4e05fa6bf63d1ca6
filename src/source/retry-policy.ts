import type { DecodeMode } from './ffmpeg-args.ts';

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15_000;

/** Pause before the next attempt: 0.5 s, doubling, at most 15 s; `failures` attempts in a row came to nothing. */
export const reconnectDelayMs = (failures: number): number =>
  Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));

/** So long without a picture, and the stream counts as stalled: three intervals, at least 4 s, at most 30 s. */
export const stallLimitMs = (intervalMs: number): number => Math.min(30_000, Math.max(4_000, 3 * intervalMs));

/**
 * Keyframes are enough while they come about as often as pictures are wanted. Judged after three of them, when the
 * mean distance is over 1.25 intervals everything is decoded from then on.
 */
export function chooseMode(mode: DecodeMode, frames: number, spanMs: number, intervalMs: number): DecodeMode {
  if (mode === 'all' || frames < 3) return mode;
  return spanMs / (frames - 1) > 1.25 * intervalMs ? 'all' : 'keyframes';
}
