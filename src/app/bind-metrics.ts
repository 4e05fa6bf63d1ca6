import { CAMERA_REGISTRY } from '../actors/camera-registry.ts';
import { KEY_POOL } from '../actors/key-pool.ts';
import { SCHEDULER } from '../actors/scheduler/scheduler.types.ts';
import type { HttpServer } from '../http/server.ts';
import type { Encoder } from '../imaging/jpeg-encoder.ts';
import { ANY_BODY } from '../infra/bus.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import { consumers, PRIORITIES_URGENT_FIRST, streams } from '../messages/subjects.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { AggregatorView } from './aggregator-view.ts';
import type { Role } from './config.ts';

export interface MetricSources {
  readonly system: ActorSystem;
  readonly bus: Pick<NatsBus, 'pull' | 'deadLetters'>;
  readonly redis: RedisStore | null;
  readonly aggregatorView: AggregatorView | null;
  readonly encoder: Encoder | null;
  readonly roles: readonly Role[];
  readonly http: Pick<HttpServer, 'figures' | 'refused'>;
}

const QUICK = { timeoutMs: 1_500 };

/** Sets the gauges before every scrape, from those who know. */
export function bindMetrics(
  metrics: Metrics,
  { system, bus, redis, aggregatorView, encoder, roles, http }: MetricSources,
): void {
  metrics.beforeScrape('tree', () => {
    metrics.tree(system.snapshot());
    metrics.deadLetters(system.deadLetters().total);
    metrics.buried([...bus.deadLetters(), ...(aggregatorView?.buried ?? [])]);
  });
  metrics.beforeScrape('feed', () => metrics.feed(http.figures()));
  metrics.beforeScrape('http', () => metrics.httpRefused(http.refused()));
  metrics.beforeScrape('redis', () =>
    metrics.redisFailedWrites((redis?.health().failedWrites ?? 0) + (aggregatorView?.failedWrites ?? 0)),
  );
  if (aggregatorView !== null)
    metrics.beforeScrape('cache', () => metrics.queueDepth('cache', aggregatorView.cacheWaiting));
  if (encoder !== null) metrics.beforeScrape('imaging', () => metrics.queueDepth('imaging', encoder.waiting));
  if (roles.includes('scheduler')) bindScheduler(metrics, system);
  if (roles.includes('cameras')) bindCameras(metrics, system);
  metrics.beforeScrape('consumers', async () => {
    const durables = [
      { stream: streams.detections, durable: consumers.taskGenerator },
      { stream: streams.detections, durable: consumers.aggregatorDetections },
      { stream: streams.results, durable: consumers.aggregatorResults },
      { stream: streams.alerts, durable: consumers.alertImages },
      // Without Redis nobody takes from it.
      ...(redis === null ? [] : [{ stream: streams.alerts, durable: consumers.alertWriter }]),
      ...PRIORITIES_URGENT_FIRST.map((priority) => ({ stream: streams.tasks, durable: consumers.scheduler(priority) })),
    ];
    await Promise.all(
      durables.map(async ({ stream, durable }) => {
        const consumer = await bus.pull({ stream, durable, parser: ANY_BODY });
        metrics.consumerLag(durable, (await consumer.lag()).waiting);
      }),
    );
  });
}

function bindScheduler(metrics: Metrics, system: ActorSystem): void {
  metrics.beforeScrape('keys', async () => {
    const stats = await system.ref(KEY_POOL).ask({ type: 'stats' }, QUICK);
    for (const key of stats.keys) metrics.apiKey(key.key_id, key.status);
    metrics.circuits(stats.circuits);
    metrics.queueDepth('key-pool', stats.waiting);
  });
  metrics.beforeScrape('scheduler', async () => {
    const stats = await system.ref(SCHEDULER).ask({ type: 'stats' }, QUICK);
    metrics.queueDepth('scheduler', stats.ready);
    metrics.queueDepth('scheduler-parked', stats.parked);
    for (const [level, seconds] of Object.entries(stats.oldest_seconds))
      metrics.queueAge(`assessment-tasks.${level}`, seconds ?? 0);
    metrics.hedges(stats.hedges, stats.hedge_wins);
  });
}

function bindCameras(metrics: Metrics, system: ActorSystem): void {
  metrics.beforeScrape('cameras', async () => {
    const counts: Record<string, number> = { online: 0, connecting: 0, offline: 0, fault: 0 };
    for (const { status } of await system.ref(CAMERA_REGISTRY).ask({ type: 'list' }, QUICK))
      counts[status.state] = (counts[status.state] ?? 0) + 1;
    metrics.camerasByState(counts);
  });
}
