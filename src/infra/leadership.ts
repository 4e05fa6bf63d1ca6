import type { ActorLog } from '../runtime/actor.ts';
import { type Clock, sleep, type TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';

/**
 * Keeps one lock per name. A lock expires {@link LOCK_LIFE_MS} after it was last written. Every method rejects
 * `BUS_DOWN`.
 */
export interface LockStore {
  read(name: string): Promise<{ readonly holder: string; readonly revision: number } | null>;
  /**
   * Writes the lock if its revision is still `over` (null: if there is no lock). The new revision; null when another
   * node was faster.
   */
  write(name: string, holder: string, over: number | null): Promise<number | null>;
  /** Frees the lock if its revision is still this one. */
  clear(name: string, revision: number): Promise<void>;
}

/** A lock that this process holds. */
export interface Term {
  /** Aborted when the lock is lost; from then on another process may hold it. */
  readonly lost: AbortSignal;
  /** Frees the lock, so that another process can have it at once. */
  release(): Promise<void>;
}

export interface LeadershipFigures {
  readonly leading: boolean;
  readonly taken: number;
  readonly lost: number;
}

export interface LeadershipOptions {
  readonly store: LockStore;
  readonly name: string;
  /** This process's name, the same after a restart: a lock that it held before the restart is its own at once. */
  readonly holder: string;
  readonly clock: Clock;
  readonly log: ActorLog;
  /** `lockWait` gets the time waited for the lock; `lockFailed` is called when it is lost. */
  readonly metrics: { lockWait(seconds: number): void; lockFailed(): void };
}

/** A lock that is not renewed expires after this long. */
export const LOCK_LIFE_MS = 10_000;
const RENEW_MS = 3_000;
const RENEW_AGAIN_MS = 500;
const LOOK_MS = 500;
/** Our lock counts as lost this long before others may take it. */
const MARGIN_MS = 1_000;

/** A lock that one process at a time holds, by renewing it; the others wait. */
export class Leadership {
  readonly #options: LeadershipOptions;
  /** Ends our term without freeing the lock; null while we have none. */
  #end: (() => void) | null = null;
  #taken = 0;
  #lost = 0;

  constructor(options: LeadershipOptions) {
    this.#options = options;
  }

  figures(): LeadershipFigures {
    return { leading: this.#end !== null, taken: this.#taken, lost: this.#lost };
  }

  /** Resolves when the lock is ours; waits as long as it takes. Rejects with the signal's reason. */
  async acquire(signal: AbortSignal): Promise<Term> {
    const { name, clock, log, metrics } = this.#options;
    const began = clock.now();
    // The term of a holder that failed; the new term continues with the same lock.
    this.#end?.();
    for (let said = ''; ;) {
      signal.throwIfAborted();
      // Our time starts before the request, the store's when it arrives.
      const expiry = this.#expiry();
      const outcome = await this.#take();
      if (outcome.revision !== null) {
        this.#taken += 1;
        metrics.lockWait(Math.max(0, clock.now() - began) / 1_000);
        log.info({ lock: name }, `the lock ${name} is ours`);
        return this.#hold(outcome.revision, expiry);
      }
      expiry.cancel();
      if (outcome.why !== said) log.info({ lock: name }, `waiting for the lock ${name}: ${outcome.why}`);
      said = outcome.why;
      await sleep(clock, LOOK_MS, signal);
    }
  }

  async #take(): Promise<{ readonly revision: number } | { readonly revision: null; readonly why: string }> {
    const { store, name, holder } = this.#options;
    try {
      const found = await store.read(name);
      if (found !== null && found.holder !== holder) return { revision: null, why: `${found.holder} has it` };
      const revision = await store.write(name, holder, found?.revision ?? null);
      return revision === null ? { revision, why: 'another one was faster' } : { revision };
    } catch (thrown) {
      return { revision: null, why: asError(thrown).message };
    }
  }

  #hold(first: number, firstExpiry: Expiry): Term {
    const { store, name, holder, clock, log, metrics } = this.#options;
    const term = new AbortController();
    let revision = first;
    let expiry = firstExpiry;
    const ended = new AbortController();

    const end = (): void => {
      ended.abort();
      expiry.cancel();
      if (this.#end === end) this.#end = null;
    };
    this.#end = end;
    const lose = (why: string): void => {
      if (ended.signal.aborted) return;
      end();
      this.#lost += 1;
      metrics.lockFailed();
      log.warn({ lock: name }, `the lock ${name} is lost: ${why}`);
      term.abort(new Error(`the lock ${name} is lost: ${why}`));
    };
    const watch = (next: Expiry): void => {
      expiry = next;
      expiry.onEnd(() => lose(`it could not be renewed for ${(LOCK_LIFE_MS - MARGIN_MS) / 1_000} s`));
    };

    const renew = async (): Promise<void> => {
      for (let wait = RENEW_MS; ;) {
        await sleep(clock, wait, ended.signal);
        const next = this.#expiry();
        try {
          const renewed = await store.write(name, holder, revision);
          if (ended.signal.aborted) return next.cancel();
          if (renewed === null) {
            next.cancel();
            // It may be ours under another revision: the answer to a renewal was lost. When that one arrived is
            // unknown.
            const now = await store.read(name);
            if (now?.holder !== holder) return lose(now === null ? 'it ran out' : `${now.holder} has it`);
            revision = now.revision;
            wait = 0;
            continue;
          }
          revision = renewed;
          expiry.cancel();
          watch(next);
          wait = RENEW_MS;
        } catch (thrown) {
          next.cancel();
          log.debug({ lock: name, err: asError(thrown).message }, 'the lock could not be renewed, trying again');
          wait = RENEW_AGAIN_MS;
        }
      }
    };
    watch(firstExpiry);
    // Ends with the term.
    renew().catch((thrown: unknown) => lose(asError(thrown).message));

    return {
      lost: term.signal,
      release: async () => {
        if (ended.signal.aborted) return;
        end();
        await store
          .clear(name, revision)
          .catch((thrown: unknown) =>
            log.debug({ lock: name, err: asError(thrown).message }, 'the lock could not be given back; it runs out'),
          );
      },
    };
  }

  #expiry(): Expiry {
    return new Expiry(this.#options.clock, LOCK_LIFE_MS - MARGIN_MS);
  }
}

/**
 * A timer started before it is known whether it is needed. Unlike a time of day it is not moved when the clock is set.
 */
class Expiry {
  readonly #clock: Clock;
  readonly #timer: TimerHandle;
  #fired = false;
  #then: (() => void) | null = null;

  constructor(clock: Clock, ms: number) {
    this.#clock = clock;
    this.#timer = clock.setTimeout(() => {
      this.#fired = true;
      this.#then?.();
    }, ms);
  }

  onEnd(listener: () => void): void {
    this.#then = listener;
    if (this.#fired) listener();
  }

  cancel(): void {
    this.#then = null;
    this.#clock.clearTimeout(this.#timer);
  }
}
