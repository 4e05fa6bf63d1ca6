import { JetStreamLocks } from '../../infra/nats/locks.ts';
import { Leadership } from '../../infra/leadership.ts';
import { CounterTotals, type MetricRecorder } from '../../infra/metric-table.ts';
import { NatsBus } from '../../infra/nats/nats-bus.ts';
import { RedisStore } from '../../infra/redis/store.ts';
import { assessByRules } from '../../llm/rules.ts';
import { toGroupAssessment } from '../../llm/answer.ts';
import { DEFAULT_FRESHNESS } from '../../tasks/freshness.ts';
import type { Detail } from '../../runtime/actor.ts';
import { callAlertHooks } from '../alert-hooks.ts';
import type { AggregatorContext, AggregatorInit, OpenedAggregator } from './aggregator.types.ts';
import { Cache } from './cache.ts';
import { FrameAggregator } from './frame-aggregator.ts';

const CACHE_FLUSH_MS = 1_000;

/**
 * Opens the thread's own connections and the aggregator on them. Waits for NATS as long as it takes; a Redis that is
 * down holds nothing up.
 */
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
  const metrics: MetricRecorder = ctx.metrics;
  const totals = new CounterTotals(metrics);
  const report = (): Detail => {
    const failedWrites = redis?.health().failedWrites ?? 0;
    const waitingForRedis = cache?.size ?? 0;
    totals.raise('redis_failed_writes_total', failedWrites);
    totals.raise('cache_dropped_total', cache?.counts.dropped ?? 0);
    totals.raise('verdicts_dropped_total', frames.stats().verdictsDropped);
    for (const { stream, consumer, total } of bus.deadLetters())
      totals.raise('dead_letters_total', total, { stream, consumer });
    metrics.set('queue_depth', waitingForRedis, { queue: 'cache' });
    return { leading: leadership.figures().leading, waitingForRedis, failedWrites };
  };
  const leadership = new Leadership({
    store: new JetStreamLocks(bus),
    name: 'aggregator',
    holder: init.holder,
    clock,
    log,
    metrics: {
      lockWait: (seconds) => metrics.observe('lock_wait_seconds', seconds),
      lockFailed: () => metrics.inc('lock_failures_total', 1),
    },
  });
  const cache =
    redis === null
      ? null
      : new Cache({ redis, clock, log, onPushed: (seconds) => metrics.observe('redis_push_seconds', seconds) });
  const frames = new FrameAggregator(ctx, {
    bus,
    cache,
    freshness: init.freshness ?? DEFAULT_FRESHNESS,
    assessByRules: (subject) => toGroupAssessment(assessByRules(subject, init.language), subject),
    onAlert: (alert) => callAlertHooks(bus, init.alertHooks, alert),
    onPublished: ({ revision, replayOf }, ageSeconds, newVerdicts) => {
      if (replayOf !== undefined) return;
      if (revision === 0) metrics.observe('end_to_end_latency_seconds', ageSeconds);
      for (let i = 0; i < newVerdicts; i += 1) metrics.observe('verdict_age_seconds', ageSeconds);
    },
    leadership: {
      acquire: async (until) => {
        const term = await leadership.acquire(until);
        ctx.report();
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
