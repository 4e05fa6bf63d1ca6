import type { Clock } from './clock.ts';
import { asError } from './errors.ts';

export type Settled<T> =
  | { readonly timedOut: false; readonly value: T; readonly error: null }
  | { readonly timedOut: false; readonly value: null; readonly error: Error }
  | { readonly timedOut: true; readonly value: null; readonly error: null };

/** Waits for `work` at most `ms` on `clock`. Never rejects; a rejection of `work` after that is ignored. */
export function settlesWithin<T>(clock: Clock, work: Promise<T>, ms: number): Promise<Settled<T>> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => resolve({ timedOut: true, value: null, error: null }), ms);
    work.then(
      (value) => {
        clock.clearTimeout(timer);
        resolve({ timedOut: false, value, error: null });
      },
      (thrown: unknown) => {
        clock.clearTimeout(timer);
        resolve({ timedOut: false, value: null, error: asError(thrown) });
      },
    );
  });
}

/** As `work`, but rejects when it takes longer than `ms`. */
export async function within<T>(clock: Clock, work: Promise<T>, ms: number): Promise<T> {
  const outcome = await settlesWithin(clock, work, ms);
  if (outcome.timedOut) throw new Error(`no answer within ${ms} ms`);
  if (outcome.error !== null) throw outcome.error;
  return outcome.value;
}

/** The outcome of `work` as a value. Never rejects. */
export function settled<T extends object>(
  work: Promise<T>,
): Promise<{ readonly value: T; readonly error: null } | { readonly value: null; readonly error: Error }> {
  return work.then(
    (value) => ({ value, error: null }),
    (thrown: unknown) => ({ value: null, error: asError(thrown) }),
  );
}
