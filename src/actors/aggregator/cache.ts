import { InfraError } from '../../infra/infra-error.ts';
import { LIFE_SECONDS, type RedisStore } from '../../infra/redis/store.ts';
import { Sender } from '../../infra/stage-sender.ts';
import { withOffset } from '../../messages/aggregate.ts';
import type { Detection } from '../../messages/detection.ts';
import type { CameraId } from '../../messages/ids.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Pushed } from '../../tracing/frame-spans.ts';
import { Ring } from '../../runtime/ring.ts';

/** `at`: when its time in Redis begins, epoch ms. */
export type Cached =
  | { readonly type: 'detection'; readonly detection: Detection; readonly at: number }
  | {
      readonly type: 'aggregate';
      readonly cameraId: CameraId;
      readonly traceId: string;
      readonly revision: number;
      /** The aggregate as the stream AGGREGATES has it, and its sequence there. */
      readonly json: string;
      readonly offset: number;
      readonly at: number;
      /** When NATS had stored it, by `performance.now()`. */
      readonly stored: number;
    };

export interface CacheOptions {
  readonly redis: Pick<RedisStore, 'saveDetection' | 'pushAggregate'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  /** Seconds from NATS's answer for an aggregate to Redis's. */
  readonly onPushed: (seconds: number, pushed: Pushed) => void;
}

/** Items since the start, by how they ended. */
export interface CacheCounts {
  written: number;
  /** Their time in Redis was over before Redis was up. */
  expired: number;
  /** Redis holds something else under their key. */
  refused: number;
  /** Dropped at the bound, or unwritten at the stop. */
  dropped: number;
}

/** Most items that wait for Redis, besides those under way. */
export const MOST_WAITING = 2_000;
const WINDOW = 32;

/**
 * Writes detections and aggregates to Redis in order, many at once. While Redis is down they wait; at the bound the
 * oldest is dropped. An item whose time in Redis is over by then is skipped.
 */
export class Cache {
  readonly counts: CacheCounts = { written: 0, expired: 0, refused: 0, dropped: 0 };
  readonly #options: CacheOptions;
  readonly #waiting = new Ring<Cached>();
  readonly #sender: Sender<Cached>;

  constructor(options: CacheOptions) {
    const { clock, log } = options;
    this.#options = options;
    this.#sender = new Sender<Cached>({
      clock,
      window: WINDOW,
      waiting: () => this.#waiting.size,
      next: () => this.#waiting.shift() ?? null,
      send: (item) => this.#send(item),
      onDown: (error) => log.warn({ err: error.message }, `detections and aggregates wait for Redis: ${error.message}`),
      onUp: () => log.info({}, 'Redis takes detections and aggregates again'),
    });
  }

  /** Items waiting and under way. */
  get size(): number {
    return this.#sender.size;
  }

  put(item: Cached): void {
    if (this.#sender.ended) return;
    if (this.#waiting.size >= MOST_WAITING) {
      this.#waiting.shift();
      this.counts.dropped += 1;
    }
    this.#waiting.push(item);
    this.#sender.pump();
  }

  /** Writes for at most `flushMs`, while Redis is up; after that it takes no more items. */
  async stop(flushMs: number): Promise<void> {
    await this.#sender.stop(flushMs);
    this.counts.dropped += this.size;
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
        await redis.pushAggregate(item.cameraId, withOffset(item.json, item.offset), seconds);
        onPushed((performance.now() - item.stored) / 1_000, item);
      }
      this.counts.written += 1;
    } catch (thrown) {
      if (!(thrown instanceof InfraError) || thrown.code !== 'REDIS_REFUSED') throw thrown;
      this.counts.refused += 1;
      log.error({ err: thrown.message }, `${thrown.message}; another program uses Gantry's keys in this Redis`);
    }
  }
}
