import { InfraError } from '../infra/errors.ts';
import { Pipeline } from '../infra/pipeline.ts';
import { LIFE_SECONDS, type RedisStore } from '../infra/redis/store.ts';
import type { PushedAggregate } from '../messages/aggregate.ts';
import type { Detection } from '../messages/detection.ts';
import { defineActor } from '../runtime/actor.ts';
import { address } from '../runtime/ref.ts';

/** `at`: from when on its life counts, epoch ms. `stored`: when NATS had it, by `performance.now()`. */
export type CacheWriterMessage =
  | { type: 'detection'; detection: Detection; at: number }
  | { type: 'aggregate'; aggregate: PushedAggregate; at: number; stored: number };
export const CACHE_WRITER = address<CacheWriterMessage>('/cache-writer');

export interface CacheWriterInit {
  readonly redis: Pick<RedisStore, 'saveDetection' | 'pushAggregate'>;
  /** Seconds from NATS's answer for an aggregate to Redis's. */
  readonly onPushed: (seconds: number) => void;
}

const WINDOW = 32;
const RETRY_MS = 250;

/**
 * Writes detections and aggregates to Redis in order, many at once. While Redis is away they wait in the mailbox, which
 * drops its oldest at the bound; what has outlived its time in Redis by then is skipped.
 */
export const cacheWriterActor = defineActor<CacheWriterMessage>()<CacheWriterInit>({
  kind: 'cache-writer',
  mailbox: { capacity: 2_000, overflow: 'drop-oldest' },
  start: (ctx, { redis, onPushed }) => {
    const counts = { written: 0, expired: 0, refused: 0 };
    let next: CacheWriterMessage | null = null;

    const pipeline = new Pipeline<CacheWriterMessage>({
      window: WINDOW,
      retryMs: RETRY_MS,
      clock: ctx.clock,
      signal: ctx.signal,
      next: () => {
        const taken = next;
        next = null;
        return taken;
      },
      send: (message) => send(message),
      onAway: (error) => ctx.log.warn({ err: error.message }, `what is to be cached waits for Redis: ${error.message}`),
      onBack: () => ctx.log.info({}, 'Redis takes what is to be cached again'),
    });

    const report = (): void => ctx.report({ ...counts, underWay: pipeline.size, away: pipeline.away });

    const send = async (message: CacheWriterMessage): Promise<void> => {
      const seconds = LIFE_SECONDS - Math.floor(Math.max(0, ctx.clock.now() - message.at) / 1_000);
      if (seconds <= 0) {
        counts.expired += 1;
        return;
      }
      try {
        if (message.type === 'detection') await redis.saveDetection(message.detection, seconds);
        else {
          await redis.pushAggregate(message.aggregate, seconds);
          onPushed((performance.now() - message.stored) / 1_000);
        }
        counts.written += 1;
        report();
      } catch (thrown) {
        if (!(thrown instanceof InfraError) || thrown.code !== 'REDIS_REFUSED') throw thrown;
        counts.refused += 1;
        ctx.log.error({ err: thrown.message }, `${thrown.message}; another program uses Gantry's keys in this Redis`);
      }
    };

    const write = async (message: CacheWriterMessage): Promise<void> => {
      next = message;
      pipeline.pump();
      // Taken on: the mailbox goes on, and keeps what finds no room in the window.
      while (next !== null && !ctx.signal.aborted) await pipeline.change();
      report();
    };

    return { handlers: { detection: write, aggregate: write } };
  },
});
