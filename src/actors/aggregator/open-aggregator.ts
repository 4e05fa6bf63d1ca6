import { JetStreamLocks } from '../../infra/nats/locks.ts';
import { Leadership } from '../../infra/leadership.ts';
import { NatsBus } from '../../infra/nats/nats-bus.ts';
import { RedisStore } from '../../infra/redis/store.ts';
import { AGGREGATOR_FIGURES } from '../aggregator-figures.ts';
import { callAlertHooks } from '../alert-hooks.ts';
import type { AggregatorContext, AggregatorInit, OpenedAggregator } from './aggregator.types.ts';
import { Cache } from './cache.ts';
import { FrameAggregator } from './frame-aggregator.ts';
import { Observations } from './observations.ts';

const CACHE_FLUSH_MS = 1_000;

/** Opens the thread's own connections and the aggregator on them. Waits for NATS as long as it takes; a Redis that is down holds nothing up. */
export async function openAggregator(ctx: AggregatorContext, init: AggregatorInit): Promise<OpenedAggregator> {
  const { clock, log } = ctx;
  const bus = await NatsBus.join({
    url: init.natsUrl,
    startTimeoutMs: Number.POSITIVE_INFINITY,
    log,
    inHandFile: init.inHandFile,
  });
  // The main thread's client reports whether Redis is durable, and what an operator should know of it.
  const redis =
    init.redisUrl === null ? null : await RedisStore.open({ url: init.redisUrl, durable: true, notice: null, log });
  const seen = new Observations(bus, redis);
  const report = (): void => {
    const news = seen.take({
      leading: leadership.figures().leading,
      cacheWaiting: cache?.size ?? 0,
      cacheDropped: cache?.counts.dropped ?? 0,
    });
    if (news !== null) ctx.ref(AGGREGATOR_FIGURES).tell({ type: 'figures', figures: news });
  };
  const leadership = new Leadership({
    store: new JetStreamLocks(bus),
    name: 'aggregator',
    holder: init.holder,
    clock,
    log,
    metrics: { lockWait: (seconds) => seen.lockWait(seconds), lockFailed: () => seen.lockLost() },
  });
  const cache =
    redis === null ? null : new Cache({ redis, clock, log, onPushed: (seconds) => seen.redisPush(seconds) });
  const frames = new FrameAggregator(ctx, {
    bus,
    cache,
    deadlineMs: init.deadlineMs,
    onAlert: (alert) => callAlertHooks(bus, init.alertHooks, alert),
    onPublished: ({ publishedAt, timestamp, replayOf }) => {
      if (replayOf === undefined) seen.endToEnd((Date.parse(publishedAt) - Date.parse(timestamp)) / 1_000);
    },
    leadership: {
      acquire: async (until) => {
        const term = await leadership.acquire(until);
        report();
        return term;
      },
    },
  });
  return {
    frames,
    report,
    close: async () => {
      // The last aggregates are pushed, too.
      await cache?.stop(CACHE_FLUSH_MS);
      report();
      redis?.close();
      await bus.close();
    },
  };
}
