import { CAMERA_REGISTRY } from '../actors/camera-registry.ts';
import { KEY_POOL } from '../actors/key-pool.ts';
import { type LaneNow, TRAFFIC_COUNTS } from '../actors/traffic-counts.types.ts';
import { SCHEDULER } from '../actors/scheduler/scheduler.types.ts';
import type { AlertDesk } from '../alert-desk/alert-desk.ts';
import type { HttpServer } from '../http/server.ts';
import type { Encoder } from '../imaging/jpeg-encoder.ts';
import type { AuditLog } from '../infra/audit-log.ts';
import type { ClipStore } from '../infra/bus.ts';
import { CounterTotals } from '../infra/metric-table.ts';
import { CIRCUIT_STATES, type FeedFigures, type Metrics } from '../infra/metrics.ts';
import type { NatsLink } from '../infra/nats/connection.ts';
import type { OutcomeSender } from '../infra/outcome-sender.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import { showTopics } from '../infra/nats/topic-counts.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import type { KeyStats } from '../keys/pool.types.ts';
import { ReleaseState } from '../messages/release.ts';
import type { ReleaseBook } from '../releases/release-book.ts';
import type { ActorSnapshot, TreeSnapshot } from '../runtime/inspect.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { Accounts } from '../users/accounts.ts';
import { LOGIN_OUTCOMES } from '../users/sign-in.ts';
import type { AlarmWatch } from './alarm-watch.ts';
import { bindBudget } from './budget-metrics.ts';
import { CameraSeries } from './camera-series.ts';
import type { CameraWatch } from './camera-watch.ts';
import type { Role } from './config.ts';
import type { ReleasePictures } from './release-pictures.ts';
import { type MachineSources, bindMachine } from './machine-metrics.ts';
import { showPipelineErrors } from './pipeline-errors.ts';
import type { SchedulerWatch } from './scheduler-watch.ts';
import { durableConsumers, lagOf } from './stage-lags.ts';
import { VERSION } from './version.ts';

export interface MetricSources extends Omit<MachineSources, 'version'> {
  readonly system: ActorSystem;
  readonly bus: Pick<NatsBus, 'pull' | 'deadLetters' | 'state' | 'counters'> & {
    readonly link: Pick<NatsLink, 'topics'>;
  };
  readonly clips: Pick<ClipStore, 'bytes'>;
  /** Null without the role `web`. */
  readonly desk: Pick<AlertDesk, 'figures'> | null;
  readonly auditLog: Pick<AuditLog, 'waiting'>;
  readonly releases: Pick<ReleaseBook, 'list'>;
  readonly releaseOutcomes: Pick<OutcomeSender, 'waiting'>;
  /** Null without the role `aggregator`. */
  readonly releasePictures: Pick<ReleasePictures, 'counts'> | null;
  readonly redis: RedisStore | null;
  readonly encoder: Encoder | null;
  readonly roles: readonly Role[];
  readonly http: Pick<HttpServer, 'figures' | 'refused'>;
  readonly accounts: Accounts;
  readonly alarms: Pick<AlarmWatch, 'figures'>;
  /** Null without the role `scheduler`. */
  readonly schedulerWatch: Pick<SchedulerWatch, 'stats'> | null;
  /** Null without the role `cameras`. */
  readonly cameraWatch: Pick<CameraWatch, 'rates'> | null;
}

const QUICK = { timeoutMs: 1_500 };
/** Most actors with series at a time: actors come and go with their cameras. */
const MOST_ACTORS = 1_000;

/** Reads figures kept outside the registry before every scrape. Actors record their own, through `ctx.metrics`. */
export function bindMetrics(metrics: Metrics, sources: MetricSources): void {
  const { system, bus, clips, desk, auditLog, redis, encoder, roles, http, accounts, alarms } = sources;
  const { schedulerWatch, cameraWatch } = sources;
  const totals = new CounterTotals(metrics);
  metrics.beforeScrape('tree', () => {
    showTree(metrics, system.snapshot());
    metrics.replace('actor_dead_letters_total', [[{}, system.deadLetters().total]]);
    for (const { stream, consumer, total } of bus.deadLetters())
      totals.raise('dead_letters_total', total, { stream, consumer });
    showTopics(totals, bus.link.topics);
  });
  metrics.beforeScrape('feed', () => showFeed(metrics, http.figures()));
  metrics.beforeScrape('http', () =>
    metrics.replace(
      'http_refused_total',
      Object.entries(http.refused()).map(([reason, total]) => [{ reason }, total]),
    ),
  );
  if (desk !== null)
    metrics.beforeScrape('alert desk', () => {
      const { listed, dropped, handled } = desk.figures();
      metrics.set('alert_list_entries', listed);
      metrics.set('alert_handlings', handled);
      totals.raise('alert_list_dropped_total', dropped);
    });
  metrics.beforeScrape('users', () => showAccounts(metrics, accounts));
  metrics.beforeScrape('audit', () => metrics.set('queue_depth', auditLog.waiting, { queue: 'audit' }));
  bindReleases(metrics, sources);
  if (redis !== null)
    metrics.beforeScrape('redis', () => totals.raise('redis_failed_writes_total', redis.health().failedWrites));
  metrics.beforeScrape('servers', () => {
    metrics.set('nats_up', bus.state() === 'connected' ? 1 : 0);
    if (redis !== null) metrics.set('redis_up', redis.health().state === 'connected' ? 1 : 0);
  });
  if (encoder !== null)
    metrics.beforeScrape('imaging', () => metrics.set('queue_depth', encoder.waiting, { queue: 'imaging' }));
  if (roles.includes('scheduler')) bindScheduler(metrics, system, sources.nodeId);
  if (schedulerWatch !== null) bindBudget(metrics, system, schedulerWatch);
  if (roles.includes('cameras')) bindCameras(metrics, system);
  if (roles.includes('cameras')) bindLanes(metrics, system);
  if (cameraWatch !== null)
    metrics.beforeScrape('rates', () => {
      const { wanted, reached } = cameraWatch.rates().all;
      metrics.set('camera_pictures_per_second', wanted, { rate: 'wanted' });
      metrics.set('camera_pictures_per_second', reached, { rate: 'reached' });
    });
  if (roles.includes('aggregator'))
    metrics.beforeScrape('clips', async () => metrics.set('alert_clip_store_bytes', await clips.bytes()));
  if (roles.includes('web')) metrics.beforeScrape('alarms', () => showAlarms(metrics, alarms.figures()));
  bindConsumers(metrics, bus, redis !== null);
  bindMachine(metrics, { ...sources, version: VERSION });
  metrics.beforeScrape('errors', () => showPipelineErrors(metrics, bus.counters.badBodies));
}

function bindReleases(
  metrics: Metrics,
  {
    releases,
    releaseOutcomes,
    releasePictures,
  }: Pick<MetricSources, 'releases' | 'releaseOutcomes' | 'releasePictures'>,
): void {
  metrics.beforeScrape('releases', () => {
    metrics.set('queue_depth', releaseOutcomes.waiting, { queue: 'release-outcomes' });
    if (releasePictures !== null)
      metrics.replace(
        'release_pictures_total',
        Object.entries(releasePictures.counts).map(([outcome, count]) => [{ outcome }, count] as const),
      );
    metrics.replace(
      'release_state',
      releases
        .list()
        .flatMap(({ releaseId, state }) =>
          ReleaseState.options.map((each) => [{ release: releaseId, state: each }, each === state ? 1 : 0] as const),
        ),
    );
  });
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

function showAlarms(metrics: Pick<Metrics, 'replace' | 'set'>, figures: ReturnType<AlarmWatch['figures']>): void {
  const byReason = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).map(([reason, count]) => [{ reason }, count] as const);
  metrics.replace('alarms_total', byReason(figures.opened));
  metrics.replace('alarm_announcements_total', [[{}, figures.announced]]);
  metrics.replace('alarm_incidents_folded_total', byReason(figures.folded));
  metrics.replace('alarms_forgotten_total', [[{}, figures.forgotten + figures.dropped]]);
  metrics.set('alarm_scopes', figures.scopes);
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

function showAccounts(metrics: Metrics, { users, sessions, signIn }: Accounts): void {
  metrics.set('users_known', users.list().length);
  metrics.set(
    'sessions_open',
    [...sessions.counts().values()].reduce((sum, count) => sum + count, 0),
  );
  metrics.replace(
    'logins_total',
    LOGIN_OUTCOMES.map((outcome) => [{ outcome }, signIn.counts().get(outcome) ?? 0]),
  );
}

function bindConsumers(metrics: Metrics, bus: MetricSources['bus'], withRedis: boolean): void {
  metrics.beforeScrape('consumers', async () => {
    await Promise.all(
      durableConsumers(withRedis).map(async (one) =>
        metrics.set('nats_consumer_lag', await lagOf(bus, one), { consumer: one.durable }),
      ),
    );
  });
}

function bindScheduler(metrics: Metrics, system: ActorSystem, nodeId: string): void {
  metrics.beforeScrape('keys', async () => {
    const stats = await system.ref(KEY_POOL).ask({ type: 'stats' }, QUICK);
    for (const key of stats.keys) metrics.apiKey(key.key_id, key.status);
    showKeys(metrics, stats, nodeId, Date.now());
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
    metrics.set('llm_concurrent_tasks', stats.in_flight, { scheduler_id: nodeId });
    metrics.replace('task_queue_size', [
      [{ queue_type: 'ready' }, stats.ready],
      [{ queue_type: 'parked' }, stats.parked],
      ...Object.entries(stats.queue_lag).map(([level, lag]) => [{ queue_type: level }, lag?.waiting ?? 0] as const),
    ]);
    for (const [level, seconds] of Object.entries(stats.oldest_seconds))
      metrics.set('queue_oldest_seconds', seconds ?? 0, { queue: `assessment-tasks.${level}` });
    metrics.replace('llm_hedges_total', [[{}, stats.hedges]]);
    metrics.replace('llm_hedge_wins_total', [[{}, stats.hedge_wins]]);
  });
}

type ShownKey = Pick<KeyStats, 'key_id' | 'total_calls' | 'success_calls' | 'cooldown_until'>;

/** @param now epoch ms */
export function showKeys(
  metrics: Pick<Metrics, 'replace'>,
  { keys }: { readonly keys: readonly ShownKey[] },
  poolId: string,
  now: number,
): void {
  const show = (
    name: 'api_key_success_rate' | 'api_key_total_calls' | 'api_key_cooldown_seconds',
    valueOf: (key: ShownKey) => number,
  ): void =>
    metrics.replace(
      name,
      keys.map((key) => [{ key_id: key.key_id }, valueOf(key)]),
    );
  metrics.replace('api_key_pool_size', [[{ pool_id: poolId }, keys.length]]);
  show('api_key_success_rate', (key) => (key.total_calls === 0 ? 1 : key.success_calls / key.total_calls));
  show('api_key_total_calls', (key) => key.total_calls);
  show('api_key_cooldown_seconds', ({ cooldown_until: until }) =>
    until === null ? 0 : Math.max(0, (Date.parse(until) - now) / 1_000),
  );
}

function bindCameras(metrics: Metrics, system: ActorSystem): void {
  const series = new CameraSeries();
  metrics.beforeScrape('cameras', async () => {
    const counts: Record<string, number> = { online: 0, connecting: 0, offline: 0, fault: 0 };
    const cameras = await system.ref(CAMERA_REGISTRY).ask({ type: 'list' }, QUICK);
    series.show(metrics, cameras, Date.now());
    for (const { status } of cameras) counts[status.state] = (counts[status.state] ?? 0) + 1;
    metrics.replace(
      'cameras',
      Object.entries(counts).map(([state, count]) => [{ state }, count]),
    );
  });
}

/** Lanes of cameras that are gone are gone, too. */
function bindLanes(metrics: Metrics, system: ActorSystem): void {
  metrics.beforeScrape('lanes', async () => {
    const lanes = await system.ref(TRAFFIC_COUNTS).ask({ type: 'lanes' }, QUICK);
    const show = (
      name: 'lane_flow_per_hour' | 'lane_speed_kmh' | 'lane_occupancy' | 'lane_queue_metres',
      valueOf: (lane: LaneNow['lane']) => number | null,
    ): void =>
      metrics.replace(
        name,
        lanes.flatMap(({ cameraId, lane }) => {
          const value = valueOf(lane);
          return value === null ? [] : [[{ camera_id: cameraId, lane: lane.laneId }, value] as const];
        }),
      );
    show('lane_flow_per_hour', ({ flowPerHour }) => flowPerHour);
    show('lane_speed_kmh', ({ timeMeanSpeedKmh }) => timeMeanSpeedKmh);
    show('lane_occupancy', ({ occupancy }) => occupancy);
    show('lane_queue_metres', ({ queueMetres }) => queueMetres);
  });
}

export function* actorsOf(node: TreeSnapshot): Generator<ActorSnapshot> {
  if (node.type === 'actor') yield node;
  else for (const child of node.children) yield* actorsOf(child);
}
