import type { Deferred } from './message.ts';

/** The {@link Deferred} that `ctx.defer()` makes. The runtime knows it when a handler returns it. */
export class DeferredReply<R> implements Deferred<R> {
  readonly promise: Promise<R>;
  readonly #resolve: (reply: R) => void;
  readonly #reject: (error: Error) => void;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    // The asker may have timed out: a rejection that nobody awaits must not count as unhandled.
    promise.catch(() => undefined);
    this.promise = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  resolve(reply: R): void {
    this.#resolve(reply);
  }

  reject(error: Error): void {
    this.#reject(error);
  }
}

/** The replies that one incarnation deferred and has not given yet. */
export class PendingReplies {
  readonly #pending = new Set<Pick<Deferred<unknown>, 'reject'>>();

  open<R>(): DeferredReply<R> {
    const deferred = new DeferredReply<R>();
    this.#pending.add(deferred);
    const forget = (): void => void this.#pending.delete(deferred);
    deferred.promise.then(forget, forget);
    return deferred;
  }

  rejectAll(error: Error): void {
    for (const deferred of this.#pending) deferred.reject(error);
    this.#pending.clear();
  }
}
