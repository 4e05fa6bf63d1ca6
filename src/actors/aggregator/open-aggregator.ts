import { JetStreamLocks } from '../../infra/nats/locks.ts';
import { Leadership } from '../../infra/leadership.ts';
import { CounterTotals, type MetricRecorder } from '../../infra/metric-table.ts';
import { NatsBus } from '../../infra/nats/nats-bus.ts';
import { showTopics } from '../../infra/nats/topic-counts.ts';
import { RedisStore } from '../../infra/redis/store.ts';
import { StageCpu } from '../../infra/stage-cpu.ts';
import { toGroupAssessment } from '../../llm/answer.ts';
import { describeIncident } from '../../llm/incident-words.ts';
import { assessByMeasurements } from '../../llm/measured.ts';
import type { Aggregate } from '../../messages/aggregate.ts';
import { clipped, MOST } from '../../messages/bounds.ts';
import { DEFAULT_FRESHNESS } from '../../tasks/freshness.ts';
import type { Detail } from '../../runtime/actor.ts';
import { callAlertHooks } from '../alert-hooks.ts';
import type { AggregatorContext, AggregatorInit, OpenedAggregator } from './aggregator.types.ts';
import { AggregateTraces } from './aggregate-traces.ts';
import { Cache } from './cache.ts';
import { FrameAggregator } from './frame-aggregator.ts';

const CACHE_FLUSH_MS = 1_000;

/**
 * Opens the thread's own connections and the aggregator on them. Waits for NATS as long as it takes; a Redis that is
 * down holds nothing up.
 */
export async function openAggregator(ctx: AggregatorContext, init: AggregatorInit): Promise<OpenedAggregator> {
  const { clock, log } = ctx;
  const traces = new AggregateTraces(ctx, init);
  const bus = await NatsBus.join({
    url: init.natsUrl,
    startTimeoutMs: Number.POSITIVE_INFINITY,
    log,
    inHandFile: init.inHandFile,
    isSampled: traces.isSampled,
  });
  // The main thread's client reports whether Redis is durable, and what an operator should know of it.
  const redis =
    init.redisUrl === null ? null : await RedisStore.open({ url: init.redisUrl, durable: true, notice: null, log });
  const metrics: MetricRecorder = ctx.metrics;
  const totals = new CounterTotals(metrics);
  const cpu = new StageCpu(metrics, 'aggregator');
  const report = (): Detail => {
    const failedWrites = redis?.health().failedWrites ?? 0;
    const waitingForRedis = cache?.size ?? 0;
    totals.raise('redis_failed_writes_total', failedWrites);
    totals.raise('cache_dropped_total', cache?.counts.dropped ?? 0);
    const { verdictsDropped, incidentsDropped, alertsForgotten } = frames.stats();
    totals.raise('verdicts_dropped_total', verdictsDropped);
    totals.raise('incidents_dropped_total', incidentsDropped + alertsForgotten);
    for (const { stream, consumer, total } of bus.deadLetters())
      totals.raise('dead_letters_total', total, { stream, consumer });
    showTopics(totals, bus.link.topics);
    cpu.note();
    metrics.set('queue_depth', waitingForRedis, { queue: 'cache' });
    return { leading: leadership.figures().leading, waitingForRedis, failedWrites };
  };
  const leadership = aggregatorLock(ctx, init, bus);
  const cache =
    redis === null
      ? null
      : new Cache({
          redis,
          clock,
          log,
          onPushed: (seconds, pushed) => {
            metrics.observe('redis_push_seconds', seconds);
            traces.pushed(pushed, seconds);
          },
        });
  const frames = new FrameAggregator(ctx, {
    bus,
    cache,
    freshness: init.freshness ?? DEFAULT_FRESHNESS,
    assessByRules: (subject) => toGroupAssessment(assessByMeasurements(subject, init.language), subject),
    describeIncident: (incident) => clipped(describeIncident(incident, init.language), MOST.description),
    onAlert: async (alert) => {
      await callAlertHooks(bus, init.alertHooks, alert);
      const { cameraId, riskAssessment } = alert;
      metrics.inc('risk_alerts_total', 1, { camera_id: cameraId, risk_level: riskAssessment.maxRiskLevel });
    },
    onPublished: (aggregate, ageSeconds, newVerdicts, late) => {
      traces.stored(aggregate);
      countPublished(metrics, aggregate, ageSeconds, newVerdicts, late);
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

/** Only one aggregator works at a time, over all processes. */
function aggregatorLock(
  { clock, log, metrics }: AggregatorContext,
  { holder }: AggregatorInit,
  bus: NatsBus,
): Leadership {
  const record: MetricRecorder = metrics;
  return new Leadership({
    store: new JetStreamLocks(bus),
    name: 'aggregator',
    holder,
    clock,
    log,
    metrics: {
      lockWait: (seconds) => record.observe('lock_wait_seconds', seconds),
      lockFailed: () => record.inc('lock_failures_total', 1),
    },
  });
}

/** A frame of the past that is replayed says nothing about the present. */
function countPublished(
  metrics: MetricRecorder,
  { revision, replayOf, traceId }: Aggregate,
  ageSeconds: number,
  newVerdicts: number,
  late: boolean,
): void {
  if (replayOf !== undefined) return;
  if (revision === 0) metrics.observe('end_to_end_latency_seconds', ageSeconds, traceId);
  if (newVerdicts > 0) metrics.inc('verdicts_total', newVerdicts);
  if (newVerdicts > 0 && late) metrics.inc('verdicts_late_total', newVerdicts);
  for (let i = 0; i < newVerdicts; i += 1) metrics.observe('verdict_age_seconds', ageSeconds, traceId);
}
