/** Gantry's start table: the parts of each role, the order of their start, and how they are stopped. */
import { join } from 'node:path';
import { CAMERA_REGISTRY } from './actors/camera-registry.ts';
import { bindMetrics } from './app/bind-metrics.ts';
import { holdDataFolder } from './app/data-folder.ts';
import { useNats, useRedis } from './app/embedded.ts';
import { openCameraWays } from './app/camera-ways.ts';
import { forgetRemovedCameras } from './app/camera-series.ts';
import { CameraWatch } from './app/camera-watch.ts';
import { followFaults } from './app/follow-faults.ts';
import { FrameTraces, isSampledBy } from './app/frame-traces.ts';
import { freshnessOf, readFreshness } from './app/freshness-settings.ts';
import { followFeed } from './app/follow-feed.ts';
import { followStatuses } from './app/follow-statuses.ts';
import type { Gantry, StartOptions } from './app/gantry.types.ts';
import { mayHaveUsers, offerFirstAdmin } from './app/first-admin.ts';
import { listenerNotices } from './app/listener.ts';
import { nodeIdOf } from './app/node-id.ts';
import { runAsProgram } from './app/program.ts';
import { type CameraHooks, useCameraResources } from './app/role-cameras.ts';
import { useKeysAndUsage, watchScheduler } from './app/role-scheduler.ts';
import { NodeWatch } from './app/node-watch.ts';
import { nodesEverywhere } from './app/role-elsewhere.ts';
import { stageLags } from './app/stage-lags.ts';
import { microServices } from './app/micro-services.ts';
import { removeRuntimeFile, writeRuntimeFile } from './app/runtime-file.ts';
import { answerScenes } from './app/scene-elsewhere.ts';
import { followShedGroups } from './app/shed-groups.ts';
import { Signal } from './app/signals.ts';
import { startActors } from './app/start-actors.ts';
import { startHttp } from './app/start-http.ts';
import { StartStack } from './app/start-stack.ts';
import { StartTable } from './app/start-table.ts';
import { StreamMemory } from './app/stream-memory.ts';
import { followDesk, useAlertDesk } from './app/use-alert-desk.ts';
import { useMonitoring } from './app/use-monitoring.ts';
import { useReleaseFigures } from './app/use-release-figures.ts';
import { useReleases } from './app/use-releases.ts';
import { useSignIn } from './app/use-sign-in.ts';
import { VERSION } from './app/version.ts';
import { DryRuns } from './dry-run/dry-runs.ts';
import { Encoder } from './imaging/jpeg-encoder.ts';
import { AuditLog } from './infra/audit-log.ts';
import { Egress } from './infra/egress.ts';
import { createMetrics } from './infra/metrics.ts';
import { DeadLetterBox } from './infra/nats/dead-letter-box.ts';
import { JetStreamClips } from './infra/nats/clip-store.ts';
import { JetStreamImages } from './infra/nats/image-store.ts';
import { NatsBus } from './infra/nats/nats-bus.ts';
import { JetStreamOnDemand } from './infra/nats/on-demand-store.ts';
import { NatsRequests } from './infra/nats/requests.ts';
import { registerRoles } from './infra/nats/services.ts';
import { RedisStore } from './infra/redis/store.ts';
import { CameraGroups, type CameraStatus } from './messages/camera.ts';
import { subjects } from './messages/subjects.ts';
import { systemClock } from './runtime/clock.ts';
import { OidcClient } from './oidc/oidc-client.ts';
import { shownNats } from './servers/nats-url.ts';
import { DataNotices } from './storage/set-aside.ts';

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
  .step('listener', {
    name: 'listener',
    start: ({ config, log }) => listenerNotices(config, mayHaveUsers(config), log),
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
        isSampled: isSampledBy(config.traces),
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
  // Users. Every process needs them, since each answers the API.
  .with(async ({ config, listener, redisServer, bus, stack, log }) =>
    useSignIn(stack, { config, listener, redisUrl: redisServer?.url ?? null, bus, log }),
  )
  .step('auditLog', {
    name: 'audit',
    start: ({ bus, metrics, log }) => new AuditLog({ bus, clock: systemClock, log, metrics }),
    stop: (auditLog) => auditLog.stop(),
  })
  // Every process judges by them, or shows them.
  .with(({ bus, metrics, stack, log }) => useReleases(stack, bus, metrics, log))
  .stepFor(['cameras', 'aggregator'], 'encoder', {
    name: 'JPEG encoder',
    start: () => new Encoder(),
    stop: (encoder) => encoder.close(),
  })
  .step('nodeId', {
    name: 'name of the node',
    start: ({ config, dataNotices }) => nodeIdOf(config.dataDir, dataNotices),
  })
  .with(({ stack, ...up }) => useMonitoring(stack, up))
  .with(({ config, bus }) => ({
    images: new JetStreamImages(bus),
    clips: new JetStreamClips(bus),
    onDemand: new JetStreamOnDemand(bus),
    deadLetters: new DeadLetterBox(bus.link),
    egress: new Egress(config.fetchAllow),
    statuses: new Signal<CameraStatus>(),
  }))

  .step('cameraWays', {
    name: 'detectors of releases',
    start: openCameraWays,
    stop: (ways) => ways?.close(),
  })
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
  .stepFor(['cameras'], 'sceneAnswers', {
    name: 'scenes for other processes',
    start: ({ bus, system, log }) => answerScenes(new NatsRequests(bus, log), system),
    stop: (unsubscribe) => unsubscribe(),
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

  .stepFor(['web'], 'oidc', {
    name: 'identity provider',
    start: ({ config }) => (config.oidc === null ? null : new OidcClient(config.oidc, systemClock)),
    stop: (oidc) => oidc?.close(),
  })

  // The operators' work: the list of alerts is read in the background.
  .with(({ config, bus, stack, log }) => useAlertDesk(stack, config, bus, log))

  .with(({ stack, ...up }) => useReleaseFigures(stack, up))

  // HTTP: pages for the role web, API and metrics for all.
  .step('nodeWatch', {
    name: 'figures of the nodes',
    start: ({ bus, config, metrics, nodeId, redis, system }) =>
      new NodeWatch({
        nodeId,
        roles: config.roles,
        version: VERSION,
        clock: systemClock,
        system,
        metrics,
        bus,
        everywhere: () => nodesEverywhere(bus),
        lags: () => stageLags(bus, redis !== null),
      }),
    stop: (watch) => watch.close(),
  })
  .step('dryRuns', {
    name: 'dry runs of scenes',
    start: () => new DryRuns(),
    stop: (dryRuns) => dryRuns.close(),
  })
  .with(() => ({ readiness: { serving: false } }))
  .step('http', {
    name: 'HTTP',
    start: startHttp,
    stop: (http) => http.close(),
  })
  .stepFor(['web'], 'liveFeed', {
    name: 'live feed',
    start: ({ bus, redis, http, log, config, nodeId, system }) =>
      followFeed(bus, redis, http.feed, log, { traces: new FrameTraces(config.traces, nodeId, () => system) }),
    stop: (unfollow) => unfollow(),
  })
  .stepFor(['web'], 'alarmsFollowed', {
    name: 'alarms of alerts',
    start: ({ alarms }) => alarms.start(),
  })
  .stepFor(['web'], 'cameraStatuses', {
    name: 'statuses of cameras',
    start: ({ bus, statuses, http }) => followStatuses(bus, statuses, http.feed),
    stop: (unfollow) => unfollow(),
  })
  .step('cameraGroups', {
    name: 'groups of cameras',
    start: ({ bus, http }) =>
      bus.subscribe(subjects.cameraGroups, CameraGroups, ({ cameraId, groups }) => http.scope.note(cameraId, groups)),
    stop: (unsubscribe) => unsubscribe(),
  })
  .stepFor(['web'], 'deskNews', {
    name: 'changes of alerts',
    start: ({ alarms, desk, http }) => (desk === null ? null : followDesk(desk, alarms, http.feed)),
    stop: (unsubscribe) => unsubscribe?.(),
  })
  .step('scrape', {
    name: 'metrics',
    start: (up) => bindMetrics(up.metrics, { ...up, roles: up.config.roles }),
  })

  .step('cameraRemovals', {
    name: 'metrics of removed cameras',
    start: ({ bus, metrics }) => forgetRemovedCameras(bus, metrics, systemClock),
    stop: (unsubscribe) => unsubscribe(),
  })

  // Discovery and access from outside.
  .step('microServices', {
    name: 'NATS micro services',
    start: ({ bus, system, config, nodeId, nodeWatch, schedulerWatch, log }) => {
      const services = [...microServices(system, config.roles, nodeId, schedulerWatch), nodeWatch.service()];
      return registerRoles(bus, VERSION, services, log);
    },
    stop: (unregister) => unregister(),
  })
  .step('url', {
    name: 'listening',
    start: async ({ http, config, nodeWatch }) => {
      const url = await http.listen(config.host, config.port);
      nodeWatch.listensAt(http.figures, url);
      return url;
    },
  })
  .step('firstAdmin', {
    name: 'link for the first administrator',
    start: ({ accounts, config, url, log }) => offerFirstAdmin(accounts, config, url, log),
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
