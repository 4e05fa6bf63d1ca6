/** Gantry's start table: what is started for which role, in which order, and how it ends. The one file that knows every room. */
import { join } from 'node:path';
import { CAMERA_REGISTRY } from './actors/camera-registry.ts';
import { gantryTree } from './actors/tree.ts';
import type { GantryConfig, Role } from './app/config.ts';
import { holdDataFolder } from './app/data-folder.ts';
import { useNats, useRedis } from './app/embedded.ts';
import { followFaults } from './app/follow-faults.ts';
import { followFeed } from './app/follow-feed.ts';
import { followStatuses } from './app/follow-statuses.ts';
import { bindMetrics } from './app/bind-metrics.ts';
import { nodeIdOf } from './app/node-id.ts';
import { runAsProgram } from './app/program.ts';
import { aggregatorInits } from './app/role-aggregator.ts';
import { type CameraHooks, camerasInits, useSight } from './app/role-cameras.ts';
import { withoutPages } from './app/role-elsewhere.ts';
import { httpPorts } from './app/role-ports.ts';
import { schedulerInits, useJudgement } from './app/role-scheduler.ts';
import { checkListener } from './app/listener.ts';
import { microRoles } from './app/roles.ts';
import { removeRuntimeFile, writeRuntimeFile } from './app/runtime-file.ts';
import { followShedGroups } from './app/shed-groups.ts';
import { Signal } from './app/signals.ts';
import { StreamMemory } from './app/stream-memory.ts';
import { StartStack } from './app/start-stack.ts';
import { VERSION } from './app/version.ts';
import { createHttpServer } from './http/server.ts';
import { Encoder } from './imaging/jpeg-encoder.ts';
import { Egress } from './infra/egress.ts';
import type { Log } from './infra/log.ts';
import { createMetrics } from './infra/metrics.ts';
import { NatsBus } from './infra/nats/nats-bus.ts';
import { DeadLetterBox } from './infra/nats/dead-letter-box.ts';
import { JetStreamAlertImages, JetStreamImages } from './infra/nats/image-store.ts';
import { JetStreamOnDemand } from './infra/nats/on-demand-store.ts';
import { registerRoles } from './infra/nats/services.ts';
import { RedisStore } from './infra/redis/store.ts';
import type { CameraStatus } from './messages/camera.ts';
import { shownNats } from './servers/nats-url.ts';
import { DataNotices } from './storage/set-aside.ts';
import { type ActorSystem, startSystem } from './runtime/system.ts';

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
  /** Called when the tree of actors gave up: nothing works any more. */
  readonly onLost: (error: Error) => void;
  /** Gives up a start under way. */
  readonly signal?: AbortSignal;
}

/** Starts the roles of this process. When a step fails, what was started before it is stopped again and its error is thrown. */
export async function startGantry({ config, log, onLost, signal, ...hooks }: StartOptions): Promise<Gantry> {
  const began = performance.now();
  const stack = new StartStack(log, signal);
  const dataNotices = new DataNotices(log);
  const has = (role: Role): boolean => config.roles.includes(role);

  // What Gantry stands on: servers of its own where none is named, and what its roles need.
  const accessNotices = await stack.step(
    'listener',
    () => checkListener(config),
    () => undefined,
  );
  for (const notice of accessNotices) log.warn({ host: config.host }, notice);
  await stack.step(
    'data folder',
    () => holdDataFolder(config.dataDir),
    (release) => release(),
  );
  const nats = await stack.step(
    'NATS',
    () => useNats(config, log, dataNotices),
    (used) => used.embedded?.stop(),
  );
  const redisServer = await stack.step(
    'Redis',
    () => useRedis(config, log, dataNotices),
    (used) => used?.embedded?.stop(),
  );
  // Before all that uses it, so that a refused password is the first thing said.
  const redis = await stack.step(
    'Redis client',
    () => (redisServer === null ? null : RedisStore.open({ ...redisServer, log })),
    (store) => store?.close(),
  );
  const metrics = createMetrics({ log });
  const sight = has('cameras') ? await useSight(stack, config, log) : null;
  const judgement = has('scheduler') ? await useJudgement(stack, config, redisServer, metrics, log, dataNotices) : null;

  // How the actors reach it.
  const bus = await stack.step(
    'message bus',
    () =>
      NatsBus.open({
        url: nats.url,
        startTimeoutMs: 30_000,
        streamsMb: config.streamsMb,
        inHandFile: join(config.dataDir, 'in-hand'),
        log,
      }),
    (opened) => opened.close(),
  );
  const embeddedNats = nats.embedded !== null;
  await stack.step(
    'memory of the streams',
    () =>
      StreamMemory.open({
        bus,
        dataDir: config.dataDir,
        natsUrl: nats.url,
        embedded: embeddedNats,
        notices: dataNotices,
        log,
      }),
    (memory) => memory.close(),
  );
  const encoder = await stack.stepIf(
    has('cameras') || has('aggregator'),
    'JPEG encoder',
    () => new Encoder(),
    (pool) => pool.close(),
  );
  const images = new JetStreamImages(bus);
  const statuses = new Signal<CameraStatus>();
  const onDemand = new JetStreamOnDemand(bus);
  const egress = new Egress(config.fetchAllow);
  const nodeId = await nodeIdOf(config.dataDir, dataNotices);

  // The actors. Cameras come up by themselves, after everything else.
  const running = Promise.withResolvers<void>();
  const tree = gantryTree({
    cameras:
      sight === null || encoder === null
        ? null
        : camerasInits({
            ...hooks,
            config,
            sight,
            system: () => system,
            running: running.promise,
            bus,
            images,
            encoder,
            metrics,
            onStatus: (status) => statuses.emit(status),
            log,
            dataNotices,
          }),
    scheduler: judgement === null ? null : schedulerInits(judgement, config, bus, images, metrics),
    aggregator:
      !has('aggregator') || encoder === null
        ? null
        : aggregatorInits({
            config,
            natsUrl: nats.url,
            redisUrl: redisServer?.url ?? null,
            bus,
            redis,
            images,
            kept: new JetStreamAlertImages(bus),
            encoder,
            egress,
            onDemand,
            nodeId,
          }),
    web: has('web')
      ? { onDemand: () => ({ bus, images, store: onDemand, validityMs: config.onDemandValidityMs }) }
      : null,
  });
  const system: ActorSystem = await stack.step(
    'actors',
    () => startSystem(tree, { log, metrics: metrics.sink, onEscalation: onLost }),
    (started) => started.stop(),
  );
  running.resolve();
  if (has('cameras')) followFaults(system);
  await stack.stepIf(
    has('cameras'),
    'shed groups',
    () =>
      followShedGroups(bus, (cameraId, count) =>
        system.ref(CAMERA_REGISTRY).tell({ type: 'shed', cameraId, what: 'groups', count }),
      ),
    (unfollow) => unfollow(),
  );
  judgement?.keys.follow(system, metrics, redisServer?.url ?? null);

  // What people see.
  let serving = false;
  const ports = httpPorts({
    config,
    accessNotices,
    dataNotices,
    isServing: () => serving,
    system,
    bus,
    redis,
    images,
    egress,
    metrics,
    sight,
    judgement,
    deadLetters: new DeadLetterBox(bus.link),
    log,
  });
  const httpOptions = { ...config, log, version: VERSION, ffmpegPath: sight?.ffmpeg ?? null };
  const http = await stack.step(
    'HTTP',
    () => createHttpServer(ports, httpOptions),
    (server) => server.close(),
  );
  if (!has('web')) withoutPages(http.app);
  await stack.stepIf(
    has('web'),
    'live feed',
    () => followFeed(bus, redis, http.feed, log),
    (unfollow) => unfollow(),
  );
  await stack.stepIf(
    has('web'),
    'statuses of cameras',
    () => followStatuses(bus, statuses, http.feed),
    (unfollow) => unfollow(),
  );
  bindMetrics(metrics, { system, bus, redis, encoder, roles: config.roles, http });
  await stack.step(
    'NATS micro services',
    () => registerRoles(bus, VERSION, microRoles(system, config.roles, nodeId), log),
    (unregister) => unregister(),
  );
  const url = await stack.step(
    'listening',
    () => http.listen(config.host, config.port),
    () => undefined,
  );
  const natsUrl = nats.toolsUrl;
  const redisUrl = redisServer?.toolsUrl ?? null;
  const { natsContext } = await stack.step(
    'runtime file',
    () => writeRuntimeFile(config.dataDir, { pid: process.pid, httpUrl: url, natsUrl, redisUrl }),
    () => removeRuntimeFile(config.dataDir),
  );
  // Last, so that a stop begins with it.
  await stack.step(
    'readiness',
    () => (serving = true),
    () => void (serving = false),
  );

  log.info({ natsContext }, `for the NATS CLI: nats --context ${natsContext} sub 'aggregates.>'`);
  log.info(
    { url, natsUrl: shownNats(natsUrl), roles: config.roles, ms: Math.round(performance.now() - began) },
    has('web')
      ? `Gantry is up: open ${url}${config.basePath === '' ? '' : `${config.basePath}/`}`
      : `Gantry is up as ${config.roles.join(', ')}: ${url}`,
  );
  return { url, natsUrl, redisUrl, system, stop: () => stack.stop() };
}

if (import.meta.main) await runAsProgram(startGantry);
