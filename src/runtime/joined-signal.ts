/** A signal that is aborted by hand, or with any of those it was made of. */
export interface JoinedSignal {
  readonly signal: AbortSignal;
  abort(): void;
  /** To be called at the end: those it was made of forget it. */
  release(): void;
}

/**
 * As `AbortSignal.any`, for work that knows its end: a few listeners, where the platform's keeps weak references and
 * registers each signal for finalisation, which costs more than all else of a call.
 */
export function joinSignals(signals: readonly (AbortSignal | undefined)[]): JoinedSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  for (const signal of signals) {
    if (signal?.aborted === true) controller.abort(signal.reason);
    else signal?.addEventListener('abort', abort, { once: true });
  }
  return {
    signal: controller.signal,
    abort,
    release: () => {
      for (const signal of signals) signal?.removeEventListener('abort', abort);
    },
  };
}
