/** A pending timer of a {@link Clock}; opaque to its holder. */
export type TimerHandle = object;

/** Source of time. Injected everywhere a decision depends on time, so that tests can move it by hand. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `fn` once after `ms` milliseconds (negative counts as 0, more than 24 days as these). */
  setTimeout(fn: () => void, ms: number): TimerHandle;
  /** Forgets a timer; one that fired or was cleared already is ignored. */
  clearTimeout(handle: TimerHandle): void;
}

/** Node fires a longer timer at once, so a far-off time in a message would make one that fires again and again. */
const MOST_TIMER_MS = 2_147_483_647;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms < 0 ? 0 : Math.min(ms, MOST_TIMER_MS)),
  // Only handles of this clock come back to it.
  clearTimeout: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

/** Resolves after `ms` on `clock`; rejects with the signal's reason when it is aborted first. */
export function sleep(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(toError(signal.reason));
      return;
    }
    const onAbort = (): void => {
      clock.clearTimeout(timer);
      reject(toError(signal?.reason));
    };
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));

/**
 * Milliseconds of the machine's monotonic clock. It is the same in all threads and processes, where `performance.now()`
 * counts from the start of each.
 */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
