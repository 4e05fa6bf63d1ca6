import { InfraError } from '../../infra/infra-error.ts';
import { Pipeline } from '../../infra/pipeline.ts';
import { LIFE_SECONDS, type RedisStore } from '../../infra/redis/store.ts';
import type { PushedAggregate } from '../../messages/aggregate.ts';
import type { Detection } from '../../messages/detection.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';
import { Ring } from '../../runtime/ring.ts';

/** `at`: from when on its life counts, epoch ms. `stored`: when NATS had it, by `performance.now()`. */
export type Cached =
  | { readonly type: 'detection'; readonly detection: Detection; readonly at: number }
  | { readonly type: 'aggregate'; readonly aggregate: PushedAggregate; readonly at: number; readonly stored: number };

export interface CacheOptions {
  readonly redis: Pick<RedisStore, 'saveDetection' | 'pushAggregate'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  /** Seconds from NATS's answer for an aggregate to Redis's. */
  readonly onPushed: (seconds: number) => void;
}

/** What became of what was handed in, since the start. */
export interface CacheCounts {
  written: number;
  /** Outlived its time in Redis before Redis was there. */
  expired: number;
  /** Redis holds something else under its name. */
  refused: number;
  /** The oldest, when too much waited; and what still did at the end. */
  dropped: number;
}

/** What waits for Redis, beside what is on its way. */
export const MOST_WAITING = 2_000;
const WINDOW = 32;
const RETRY_MS = 250;

/**
 * Writes detections and aggregates to Redis in order, many at once. While Redis is away they wait, and at the bound the
 * oldest is dropped; what has outlived its time in Redis by then is skipped.
 */
export class Cache {
  readonly counts: CacheCounts = { written: 0, expired: 0, refused: 0, dropped: 0 };
  readonly #options: CacheOptions;
  readonly #waiting = new Ring<Cached>();
  readonly #pipeline: Pipeline<Cached>;
  readonly #end = new AbortController();

  constructor(options: CacheOptions) {
    const { clock, log } = options;
    this.#options = options;
    this.#pipeline = new Pipeline<Cached>({
      window: WINDOW,
      retryMs: RETRY_MS,
      clock,
      signal: this.#end.signal,
      next: () => this.#waiting.shift() ?? null,
      send: (item) => this.#send(item),
      onAway: (error) => log.warn({ err: error.message }, `what is to be cached waits for Redis: ${error.message}`),
      onBack: () => log.info({}, 'Redis takes what is to be cached again'),
    });
  }

  /** Waiting, and on their way. */
  get size(): number {
    return this.#waiting.size + this.#pipeline.size;
  }

  put(item: Cached): void {
    if (this.#end.signal.aborted) return;
    if (this.#waiting.size >= MOST_WAITING) {
      this.#waiting.shift();
      this.counts.dropped += 1;
    }
    this.#waiting.push(item);
    this.#pipeline.pump();
  }

  /** Writes what waits, for `mostMs` at most and only while Redis takes it; then it takes no more. */
  async finish(mostMs: number): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#end;
    const timer = clock.setTimeout(() => this.#end.abort(), mostMs);
    while (this.size > 0 && !this.#pipeline.away && !signal.aborted) await this.#pipeline.change();
    clock.clearTimeout(timer);
    this.counts.dropped += this.size;
    this.#end.abort();
  }

  async #send(item: Cached): Promise<void> {
    const { redis, clock, log, onPushed } = this.#options;
    const seconds = LIFE_SECONDS - Math.floor(Math.max(0, clock.now() - item.at) / 1_000);
    if (seconds <= 0) {
      this.counts.expired += 1;
      return;
    }
    try {
      if (item.type === 'detection') await redis.saveDetection(item.detection, seconds);
      else {
        await redis.pushAggregate(item.aggregate, seconds);
        onPushed((performance.now() - item.stored) / 1_000);
      }
      this.counts.written += 1;
    } catch (thrown) {
      if (!(thrown instanceof InfraError) || thrown.code !== 'REDIS_REFUSED') throw thrown;
      this.counts.refused += 1;
      log.error({ err: thrown.message }, `${thrown.message}; another program uses Gantry's keys in this Redis`);
    }
  }
}
