import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import { connectRedis, shownRedis } from '../../servers/redis-url.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { LineLimit } from '../line-limit.ts';

/** Tries of one user from one address in a window of this many seconds, over all replicas. */
export const MOST_TRIES = 10;
export const TRIES_SECONDS = 60;
const LOG_EVERY_MS = 60_000;

export interface SharedTriesOptions {
  /** As `src/servers/redis-url.ts` reads it; null: there is no Redis, so each process counts for itself. */
  readonly url: string | null;
  readonly log: ActorLog;
}

/**
 * Counts the tries to sign in, in Redis for all replicas together. While Redis is away each process counts for itself,
 * and says so.
 */
export class SharedTries {
  readonly #options: SharedTriesOptions;
  readonly #redis: Redis | null;
  readonly #limiter: RateLimiterRedis | RateLimiterMemory;
  readonly #lines = new LineLimit(LOG_EVERY_MS);
  /** When Redis last did not count a try. */
  #missedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SharedTriesOptions) {
    this.#options = options;
    const limits = { keyPrefix: 'gantry:login', points: MOST_TRIES, duration: TRIES_SECONDS };
    const memory = new CountedHere(limits, () => (this.#missedAt = performance.now()));
    if (options.url === null) {
      this.#redis = null;
      this.#limiter = memory;
      return;
    }
    this.#redis = connectRedis(options.url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: 2_000,
      commandTimeout: 1_000,
      retryStrategy: (attempt) => Math.min(100 * attempt, 1_000),
    });
    // Whether it is reached is looked at when somebody signs in.
    this.#redis.on('error', () => undefined);
    this.#limiter = new RateLimiterRedis({
      ...limits,
      storeClient: this.#redis,
      rejectIfRedisNotReady: true,
      insuranceLimiter: memory,
    });
  }

  /** Counts a try. Resolves to 0 when it is allowed, else to the ms until the next one is. Never rejects. */
  async take(user: string, address: string): Promise<number> {
    try {
      await this.#limiter.consume(keyOf(user, address));
      return 0;
    } catch (thrown) {
      if (thrown instanceof RateLimiterRes) return Math.max(1, thrown.msBeforeNext);
      this.#options.log.error({ err: asError(thrown).message }, 'a try to sign in could not be counted: refused');
      return 1_000;
    } finally {
      const notice = this.notice();
      if (notice !== null && this.#lines.mayLog())
        this.#options.log.warn({ redis: shownRedis(this.#options.url ?? '') }, notice);
    }
  }

  /** Forgets the tries after one that succeeded. Never rejects. */
  async forget(user: string, address: string): Promise<void> {
    try {
      await this.#limiter.delete(keyOf(user, address));
    } catch (thrown) {
      this.#options.log.debug({ err: asError(thrown).message }, 'tries to sign in could not be forgotten');
    }
  }

  /** A sentence for operators; null while all replicas count together. */
  notice(): string | null {
    if (this.#redis === null) return null;
    const counts = this.#redis.status === 'ready' && performance.now() - this.#missedAt > TRIES_SECONDS * 1_000;
    if (counts) return null;
    return 'Redis is away: each process counts tries to sign in for itself until it is back';
  }

  close(): void {
    this.#redis?.disconnect();
  }
}

/** Hashed, so that the keys in Redis reveal no names. */
const keyOf = (user: string, address: string): string =>
  createHash('sha256').update(`${user} ${address}`).digest('base64url');

/** Counts in this process, and tells that it had to. */
class CountedHere extends RateLimiterMemory {
  readonly #onUse: () => void;

  constructor(limits: ConstructorParameters<typeof RateLimiterMemory>[0], onUse: () => void) {
    super(limits);
    this.#onUse = onUse;
  }

  override consume(...args: Parameters<RateLimiterMemory['consume']>): Promise<RateLimiterRes> {
    this.#onUse();
    return super.consume(...args);
  }
}
