import { CAMERA_REGISTRY } from '../actors/camera-registry.ts';
import { KEY_POOL } from '../actors/key-pool.ts';
import { SCHEDULER } from '../actors/scheduler/scheduler.types.ts';
import type { HttpServer } from '../http/server.ts';
import type { Encoder } from '../imaging/jpeg-encoder.ts';
import { ANY_BODY, type ClipStore } from '../infra/bus.ts';
import { CounterTotals } from '../infra/metric-table.ts';
import { CIRCUIT_STATES, type FeedFigures, type Metrics } from '../infra/metrics.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import { consumers, PRIORITIES_URGENT_FIRST, streams } from '../messages/subjects.ts';
import type { ActorSnapshot, TreeSnapshot } from '../runtime/inspect.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { bindBudget } from './budget-metrics.ts';
import type { CameraWatch } from './camera-watch.ts';
import type { Role } from './config.ts';
import type { SchedulerWatch } from './scheduler-watch.ts';

export interface MetricSources {
  readonly system: ActorSystem;
  readonly bus: Pick<NatsBus, 'pull' | 'deadLetters'>;
  readonly clips: Pick<ClipStore, 'bytes'>;
  readonly redis: RedisStore | null;
  readonly encoder: Encoder | null;
  readonly roles: readonly Role[];
  readonly http: Pick<HttpServer, 'figures' | 'refused'>;
  /** Null without the role `scheduler`. */
  readonly schedulerWatch: Pick<SchedulerWatch, 'stats'> | null;
  /** Null without the role `cameras`. */
  readonly cameraWatch: Pick<CameraWatch, 'rates'> | null;
}

const QUICK = { timeoutMs: 1_500 };
/** Most actors with series at a time: actors come and go with their cameras. */
const MOST_ACTORS = 1_000;

/** Reads figures kept outside the registry before every scrape. Actors record their own, through `ctx.metrics`. */
export function bindMetrics(
  metrics: Metrics,
  { system, bus, clips, redis, encoder, roles, http, schedulerWatch, cameraWatch }: MetricSources,
): void {
  const totals = new CounterTotals(metrics);
  metrics.beforeScrape('tree', () => {
    showTree(metrics, system.snapshot());
    metrics.replace('actor_dead_letters_total', [[{}, system.deadLetters().total]]);
    for (const { stream, consumer, total } of bus.deadLetters())
      totals.raise('dead_letters_total', total, { stream, consumer });
  });
  metrics.beforeScrape('feed', () => showFeed(metrics, http.figures()));
  metrics.beforeScrape('http', () =>
    metrics.replace(
      'http_refused_total',
      Object.entries(http.refused()).map(([reason, total]) => [{ reason }, total]),
    ),
  );
  if (redis !== null)
    metrics.beforeScrape('redis', () => totals.raise('redis_failed_writes_total', redis.health().failedWrites));
  if (encoder !== null)
    metrics.beforeScrape('imaging', () => metrics.set('queue_depth', encoder.waiting, { queue: 'imaging' }));
  if (roles.includes('scheduler')) bindScheduler(metrics, system);
  if (schedulerWatch !== null) bindBudget(metrics, system, schedulerWatch);
  if (roles.includes('cameras')) bindCameras(metrics, system);
  if (cameraWatch !== null)
    metrics.beforeScrape('rates', () => {
      const { wanted, reached } = cameraWatch.rates().all;
      metrics.set('camera_pictures_per_second', wanted, { rate: 'wanted' });
      metrics.set('camera_pictures_per_second', reached, { rate: 'reached' });
    });
  if (roles.includes('aggregator'))
    metrics.beforeScrape('clips', async () => metrics.set('alert_clip_store_bytes', await clips.bytes()));
  bindConsumers(metrics, bus, redis !== null);
}

/** Every actor's mailbox and restarts. Series of actors that are gone go with them. */
export function showTree(metrics: Pick<Metrics, 'replace'>, snapshot: TreeSnapshot, mostActors = MOST_ACTORS): void {
  const actors = [...actorsOf(snapshot)].map((actor, index) => ({
    ...actor,
    labels: { actor: index < mostActors ? actor.path : 'other' },
  }));
  metrics.replace(
    'mailbox_depth',
    actors.map(({ labels, mailbox }) => [labels, mailbox.depth]),
  );
  metrics.replace(
    'mailbox_dropped_total',
    actors.map(({ labels, mailbox }) => [labels, mailbox.dropped + mailbox.refused]),
  );
  metrics.replace(
    'actor_restarts_total',
    actors.map(({ labels, restarts }) => [labels, restarts]),
  );
}

const byKind = (counts: Readonly<Record<string, number>>) =>
  Object.entries(counts).map(([kind, count]) => [{ kind }, count] as const);

export function showFeed(metrics: Pick<Metrics, 'replace'>, figures: FeedFigures): void {
  const { viewers, skipped } = figures.live;
  metrics.replace('feed_viewers', [
    [{ feed: 'live' }, figures.viewers],
    [{ feed: 'preview' }, Object.values(viewers).reduce((sum, count) => sum + count, 0)],
  ]);
  metrics.replace('live_viewers', byKind(viewers));
  metrics.replace('live_skipped_total', byKind(skipped));
  metrics.replace('feed_dropped_total', [[{ kind: 'frame' }, figures.droppedFrames]]);
  metrics.replace('feed_refused_total', [[{}, figures.refusedViewers]]);
  metrics.replace('feed_closed_slow_total', [[{}, figures.closedSlow]]);
  metrics.replace('feed_gaps_total', [[{}, figures.gaps]]);
  metrics.replace('feed_replayed_total', [[{}, figures.replayed]]);
  metrics.replace('feed_lagging_viewers', [[{}, figures.lagging]]);
  metrics.replace('feed_waiting_bytes', [[{}, figures.bytesWaiting]]);
}

function bindConsumers(metrics: Metrics, bus: MetricSources['bus'], withRedis: boolean): void {
  const durables = [
    { stream: streams.detections, durable: consumers.taskGenerator },
    { stream: streams.detections, durable: consumers.aggregatorDetections },
    { stream: streams.results, durable: consumers.aggregatorResults },
    { stream: streams.alerts, durable: consumers.alertImages },
    { stream: streams.alerts, durable: consumers.alertClips },
    // Without Redis there is no alert writer.
    ...(withRedis ? [{ stream: streams.alerts, durable: consumers.alertWriter }] : []),
    ...PRIORITIES_URGENT_FIRST.map((priority) => ({ stream: streams.tasks, durable: consumers.scheduler(priority) })),
    { stream: streams.questions, durable: consumers.questions },
  ];
  metrics.beforeScrape('consumers', async () => {
    await Promise.all(
      durables.map(async ({ stream, durable }) => {
        const consumer = await bus.pull({ stream, durable, parser: ANY_BODY });
        metrics.set('nats_consumer_lag', (await consumer.lag()).waiting, { consumer: durable });
      }),
    );
  });
}

function bindScheduler(metrics: Metrics, system: ActorSystem): void {
  metrics.beforeScrape('keys', async () => {
    const stats = await system.ref(KEY_POOL).ask({ type: 'stats' }, QUICK);
    for (const key of stats.keys) metrics.apiKey(key.key_id, key.status);
    metrics.replace(
      'provider_circuit_state',
      stats.circuits.flatMap(({ group, state }) =>
        CIRCUIT_STATES.map((each) => [{ group, state: each }, each === state ? 1 : 0] as const),
      ),
    );
    metrics.set('queue_depth', stats.waiting, { queue: 'key-pool' });
  });
  metrics.beforeScrape('scheduler', async () => {
    const stats = await system.ref(SCHEDULER).ask({ type: 'stats' }, QUICK);
    metrics.set('queue_depth', stats.ready, { queue: 'scheduler' });
    metrics.set('queue_depth', stats.parked, { queue: 'scheduler-parked' });
    for (const [level, seconds] of Object.entries(stats.oldest_seconds))
      metrics.set('queue_oldest_seconds', seconds ?? 0, { queue: `assessment-tasks.${level}` });
    metrics.replace('llm_hedges_total', [[{}, stats.hedges]]);
    metrics.replace('llm_hedge_wins_total', [[{}, stats.hedge_wins]]);
  });
}

function bindCameras(metrics: Metrics, system: ActorSystem): void {
  metrics.beforeScrape('cameras', async () => {
    const counts: Record<string, number> = { online: 0, connecting: 0, offline: 0, fault: 0 };
    for (const { status } of await system.ref(CAMERA_REGISTRY).ask({ type: 'list' }, QUICK))
      counts[status.state] = (counts[status.state] ?? 0) + 1;
    metrics.replace(
      'cameras',
      Object.entries(counts).map(([state, count]) => [{ state }, count]),
    );
  });
}

function* actorsOf(node: TreeSnapshot): Generator<ActorSnapshot> {
  if (node.type === 'actor') yield node;
  else for (const child of node.children) yield* actorsOf(child);
}
