/** Gantry's start table: the parts of each role, the order of their start, and how they are stopped. */
import { join } from 'node:path';
import { CAMERA_REGISTRY } from './actors/camera-registry.ts';
import { bindMetrics } from './app/bind-metrics.ts';
import type { GantryConfig } from './app/config.ts';
import { holdDataFolder } from './app/data-folder.ts';
import { useNats, useRedis } from './app/embedded.ts';
import { CameraWatch } from './app/camera-watch.ts';
import { followFaults } from './app/follow-faults.ts';
import { freshnessOf, readFreshness } from './app/freshness-settings.ts';
import { followFeed } from './app/follow-feed.ts';
import { followStatuses } from './app/follow-statuses.ts';
import { listenerNotices } from './app/listener.ts';
import { nodeIdOf } from './app/node-id.ts';
import { runAsProgram } from './app/program.ts';
import { type CameraHooks, useCameraResources } from './app/role-cameras.ts';
import { useKeysAndUsage, watchScheduler } from './app/role-scheduler.ts';
import { microServices } from './app/micro-services.ts';
import { removeRuntimeFile, writeRuntimeFile } from './app/runtime-file.ts';
import { followShedGroups } from './app/shed-groups.ts';
import { Signal } from './app/signals.ts';
import { startActors } from './app/start-actors.ts';
import { startHttp } from './app/start-http.ts';
import { StartStack } from './app/start-stack.ts';
import { StartTable } from './app/start-table.ts';
import { StreamMemory } from './app/stream-memory.ts';
import { VERSION } from './app/version.ts';
import { Encoder } from './imaging/jpeg-encoder.ts';
import { Egress } from './infra/egress.ts';
import type { Log } from './infra/log.ts';
import { createMetrics } from './infra/metrics.ts';
import { DeadLetterBox } from './infra/nats/dead-letter-box.ts';
import { JetStreamClips } from './infra/nats/clip-store.ts';
import { JetStreamImages } from './infra/nats/image-store.ts';
import { NatsBus } from './infra/nats/nats-bus.ts';
import { JetStreamOnDemand } from './infra/nats/on-demand-store.ts';
import { registerRoles } from './infra/nats/services.ts';
import { RedisStore } from './infra/redis/store.ts';
import type { CameraStatus } from './messages/camera.ts';
import type { ActorSystem } from './runtime/system.ts';
import { shownNats } from './servers/nats-url.ts';
import { DataNotices } from './storage/set-aside.ts';

/** A running Gantry. */
export interface Gantry {
  readonly url: string;
  readonly natsUrl: string;
  readonly redisUrl: string | null;
  readonly system: ActorSystem;
  /** Ends everything it started, in reverse order. Later calls wait for the first. */
  stop(): Promise<void>;
}

export interface StartOptions extends CameraHooks {
  readonly config: GantryConfig;
  readonly log: Log;
  /** Called when the root supervisor gave up; all actors are stopped. */
  readonly onLost: (error: Error) => void;
  /** Gives up a start under way. */
  readonly signal?: AbortSignal;
}

interface Given extends Pick<StartOptions, 'config' | 'log' | 'onLost'> {
  readonly stack: StartStack;
  readonly hooks: CameraHooks;
  readonly dataNotices: DataNotices;
}

/**
 * Started from top to bottom, stopped from bottom to top. Every row sees the results of the rows above, by their keys.
 */
const START = StartTable.given<Given>()
  // The basis: the data folder, and embedded servers where the operator names none.
  .step('accessNotices', {
    name: 'listener',
    start: ({ config, log }) => listenerNotices(config, log),
  })
  .step('dataFolder', {
    name: 'data folder',
    start: ({ config }) => holdDataFolder(config.dataDir),
    stop: (release) => release(),
  })
  .step('nats', {
    name: 'NATS',
    start: ({ config, log, dataNotices }) => useNats(config, log, dataNotices),
    stop: ({ embedded }) => embedded?.stop(),
  })
  .step('redisServer', {
    name: 'Redis',
    start: ({ config, log, dataNotices }) => useRedis(config, log, dataNotices),
    stop: (used) => used?.embedded?.stop(),
  })
  // Before its users, so that a refused password is the first error of the log.
  .step('redis', {
    name: 'Redis client',
    start: ({ redisServer, log }) => (redisServer === null ? null : RedisStore.open({ ...redisServer, log })),
    stop: (store) => store?.close(),
  })
  .with(({ log }) => ({ metrics: createMetrics({ log }) }))

  // What only some roles need, in steps of their own.
  .with(async ({ config, stack, log }) => ({
    cameraResources: config.roles.includes('cameras') ? await useCameraResources(stack, config, log) : null,
  }))
  .with(async ({ config, stack, redisServer, log, dataNotices }) => ({
    keysAndUsage: config.roles.includes('scheduler')
      ? await useKeysAndUsage(stack, config, redisServer, log, dataNotices)
      : null,
  }))

  .stepFor(['cameras', 'aggregator'], 'freshnessRead', {
    name: 'freshness of answers',
    start: ({ config, keysAndUsage, log }) => (keysAndUsage === null ? readFreshness(config.keysFile, log) : null),
  })
  .with(({ keysAndUsage, freshnessRead }) => ({ freshness: freshnessOf(keysAndUsage, freshnessRead) }))

  // The connection to the other stages.
  .step('bus', {
    name: 'message bus',
    start: ({ config, nats, log }) =>
      NatsBus.open({
        url: nats.url,
        startTimeoutMs: 30_000,
        streamsMb: config.streamsMb,
        inHandFile: join(config.dataDir, 'in-hand'),
        log,
      }),
    stop: (bus) => bus.close(),
  })
  .step('streamMemory', {
    name: 'memory of the streams',
    start: ({ bus, config, nats, dataNotices, log }) =>
      StreamMemory.open({
        bus,
        dataDir: config.dataDir,
        natsUrl: nats.url,
        embedded: nats.embedded !== null,
        notices: dataNotices,
        log,
      }),
    stop: (memory) => memory.close(),
  })
  .stepFor(['cameras', 'aggregator'], 'encoder', {
    name: 'JPEG encoder',
    start: () => new Encoder(),
    stop: (encoder) => encoder.close(),
  })
  .step('nodeId', {
    name: 'name of the node',
    start: ({ config, dataNotices }) => nodeIdOf(config.dataDir, dataNotices),
  })
  .with(({ config, bus }) => ({
    images: new JetStreamImages(bus),
    clips: new JetStreamClips(bus),
    onDemand: new JetStreamOnDemand(bus),
    deadLetters: new DeadLetterBox(bus.link),
    egress: new Egress(config.fetchAllow),
    statuses: new Signal<CameraStatus>(),
  }))

  // The actors. Cameras start in the background, after everything else.
  .step('system', {
    name: 'actors',
    start: startActors,
    stop: (system) => system.stop(),
  })
  .stepFor(['cameras'], 'cameraFaults', {
    name: 'faults of cameras',
    start: ({ system }) => followFaults(system),
  })
  .stepFor(['cameras'], 'cameraWatch', {
    name: 'rates of cameras',
    start: ({ system }) => new CameraWatch({ system }),
    stop: (watch) => watch.close(),
  })
  .stepFor(['cameras'], 'shedGroups', {
    name: 'shed groups',
    start: ({ bus, system }) =>
      followShedGroups(bus, (cameraId, count) =>
        system.ref(CAMERA_REGISTRY).tell({ type: 'shed', cameraId, what: 'groups', count }),
      ),
    stop: (unfollow) => unfollow(),
  })
  .stepFor(['scheduler'], 'keyChanges', {
    name: 'changes of API keys',
    start: ({ keysAndUsage, system, metrics, redisServer }) =>
      keysAndUsage?.keys.follow(system, metrics, redisServer?.url ?? null),
  })

  .stepFor(['scheduler'], 'schedulerWatch', {
    name: 'figures of the scheduler',
    start: ({ keysAndUsage, system }) => (keysAndUsage === null ? null : watchScheduler(keysAndUsage, system)),
    stop: (watch) => watch?.close(),
  })

  // HTTP: pages for the role web, API and metrics for all.
  .with(() => ({ readiness: { serving: false } }))
  .step('http', {
    name: 'HTTP',
    start: startHttp,
    stop: (http) => http.close(),
  })
  .stepFor(['web'], 'liveFeed', {
    name: 'live feed',
    start: ({ bus, redis, http, log }) => followFeed(bus, redis, http.feed, log),
    stop: (unfollow) => unfollow(),
  })
  .stepFor(['web'], 'cameraStatuses', {
    name: 'statuses of cameras',
    start: ({ bus, statuses, http }) => followStatuses(bus, statuses, http.feed),
    stop: (unfollow) => unfollow(),
  })
  .step('scrape', {
    name: 'metrics',
    start: (up) => bindMetrics(up.metrics, { ...up, roles: up.config.roles }),
  })

  // Discovery and access from outside.
  .step('microServices', {
    name: 'NATS micro services',
    start: ({ bus, system, config, nodeId, schedulerWatch, log }) =>
      registerRoles(bus, VERSION, microServices(system, config.roles, nodeId, schedulerWatch), log),
    stop: (unregister) => unregister(),
  })
  .step('url', {
    name: 'listening',
    start: ({ http, config }) => http.listen(config.host, config.port),
  })
  .step('runtimeFile', {
    name: 'runtime file',
    start: ({ config, url, nats, redisServer }) =>
      writeRuntimeFile(config.dataDir, {
        pid: process.pid,
        httpUrl: url,
        natsUrl: nats.toolsUrl,
        redisUrl: redisServer?.toolsUrl ?? null,
      }),
    stop: (_, { config }) => removeRuntimeFile(config.dataDir),
  })
  // Last, so that a stop begins with it.
  .step('ready', {
    name: 'readiness',
    start: ({ readiness }) => void (readiness.serving = true),
    stop: (_, { readiness }) => (readiness.serving = false),
  });

/** Starts the roles of this process. When a step fails, stops what was started before and rejects with its error. */
export async function startGantry({ config, log, onLost, signal, ...hooks }: StartOptions): Promise<Gantry> {
  const began = performance.now();
  const stack = new StartStack(log, signal);
  const up = await START.run({ config, log, onLost, hooks, stack, dataNotices: new DataNotices(log) });
  const { url, system } = up;
  const { natsUrl, redisUrl, natsContext } = up.runtimeFile;
  log.info({ natsContext }, `for the NATS CLI: nats --context ${natsContext} sub 'aggregates.>'`);
  log.info(
    { url, natsUrl: shownNats(natsUrl), roles: config.roles, ms: Math.round(performance.now() - began) },
    config.roles.includes('web')
      ? `Gantry is up: open ${url}${config.basePath === '' ? '' : `${config.basePath}/`}`
      : `Gantry is up as ${config.roles.join(', ')}: ${url}`,
  );
  return { url, natsUrl, redisUrl, system, stop: () => stack.stop() };
}

if (import.meta.main) await runAsProgram(startGantry);
