import type { Deferred } from './message.ts';

/** A {@link Deferred} the runtime recognises when a handler returns it. */
export class DeferredReply<R> implements Deferred<R> {
  readonly promise: Promise<R>;
  readonly #resolve: (reply: R) => void;
  readonly #reject: (error: Error) => void;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    // A reply nobody waits for any more (the asker timed out) must not count as an unhandled rejection.
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
