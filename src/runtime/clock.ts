/** A pending timer of a {@link Clock}; opaque to its holder. */
export type TimerHandle = object;

/** Source of time. Injected everywhere a decision depends on time, so that tests can control it. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Calls `fn` once after `ms` milliseconds: negative counts as 0, and more than 24.8 days as 24.8. */
  setTimeout(fn: () => void, ms: number): TimerHandle;
  /** Cancels a timer. Does nothing when it has fired or was cleared already. */
  clearTimeout(handle: TimerHandle): void;
}

/** Node fires a longer timer at once, so a distant time in a message would make a repeating timer spin. */
const MOST_TIMER_MS = 2_147_483_647;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => setTimeout(fn, ms < 0 ? 0 : Math.min(ms, MOST_TIMER_MS)),
  // Callers pass only handles that this clock returned.
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

/** As {@link sleep}, but resolves as soon as `signal` is aborted. Never rejects. */
export const pause = (clock: Clock, ms: number, signal: AbortSignal): Promise<void> =>
  sleep(clock, ms, signal).catch(() => undefined);

const toError = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));

/**
 * Milliseconds of the machine's monotonic clock. It is the same in all threads and processes, where `performance.now()`
 * counts from the start of each.
 */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;
