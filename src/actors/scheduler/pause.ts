import { sleep, type Clock } from '../../runtime/clock.ts';

/** Resolves after `ms`, or as soon as `signal` is aborted. Never rejects. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  await sleep(clock, ms, signal).catch(() => undefined);
}
