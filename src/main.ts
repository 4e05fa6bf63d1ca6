/** Gantry's start table: what is started, in which order, and how it ends. The one file that knows every room. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CameraInit, CameraMessage } from './actors/camera/camera.types.ts';
import { CAMERA_REGISTRY } from './actors/camera-registry.ts';
import { gantryTree } from './actors/tree.ts';
import { callAlertHooks } from './actors/webhooks.ts';
import { assessmentPort } from './app/assessment-port.ts';
import { cameraPort } from './app/camera-port.ts';
import type { GantryConfig } from './app/config.ts';
import { createCrew } from './app/crew.ts';
import { deadLetterNotices } from './app/dead-letters.ts';
import { startDemo } from './app/demo.ts';
import { useNats, useRedis } from './app/embedded.ts';
import { followFaults } from './app/faults.ts';
import { followFeed } from './app/follow-feed.ts';
import { healthReport } from './app/health.ts';
import { keyPort } from './app/key-port.ts';
import { useKeys } from './app/keys.ts';
import { bindMetrics } from './app/metrics.ts';
import { useModel } from './app/model.ts';
import { runAsProgram } from './app/program.ts';
import { roles } from './app/roles.ts';
import { removeRuntimeFile, writeRuntimeFile } from './app/runtime-file.ts';
import { schedulerPort } from './app/scheduler-port.ts';
import { Signal } from './app/signals.ts';
import { StartStack } from './app/start-stack.ts';
import { useUsage } from './app/usage.ts';
import { VERSION } from './app/version.ts';
import { webhooksInit } from './app/webhooks.ts';
import { createHttpServer } from './http/server.ts';
import { Encoder } from './imaging/encoder.ts';
import { FileCameraStore } from './infra/camera-store.ts';
import { Egress } from './infra/egress.ts';
import type { Log } from './infra/log.ts';
import { createMetrics } from './infra/metrics.ts';
import { NatsBus } from './infra/nats/bus.ts';
import { DeadLetterBox } from './infra/nats/dead-letter-box.ts';
import { JetStreamAlertImages, JetStreamImages } from './infra/nats/images.ts';
import { JetStreamOnDemand } from './infra/nats/on-demand-store.ts';
import { registerRoles } from './infra/nats/services.ts';
import { RedisStore } from './infra/redis/store.ts';
import type { CameraStatus } from './messages/camera.ts';
import { findFfmpeg } from './provision/binaries.ts';
import type { ActorDefinition } from './runtime/actor.ts';
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

export interface StartOptions {
  readonly config: GantryConfig;
  readonly log: Log;
  /** Called when the tree of actors gave up: nothing works any more. */
  readonly onLost: (error: Error) => void;
  /** Gives up a start under way. */
  readonly signal?: AbortSignal;
  /** Default: the camera actor. Tests put a saboteur in its place. */
  readonly cameraActor?: ActorDefinition<CameraMessage, CameraInit>;
}

/** For steps that leave nothing behind to end. */
const nothing = (): void => undefined;

/** Starts Gantry. When a step fails, what was started before it is stopped again and its error is thrown. */
export async function startGantry({ config, log, onLost, signal, cameraActor }: StartOptions): Promise<Gantry> {
  const began = performance.now();
  const stack = new StartStack(log, signal);

  // What Gantry stands on: programs, the model, servers of its own where none is named.
  await stack.step('data folder', () => mkdir(config.dataDir, { recursive: true, mode: 0o700 }), nothing);
  const ffmpeg = await stack.step('ffmpeg', findFfmpeg, nothing);
  const model = await stack.step('model', () => useModel(config.model, log), nothing);
  const nats = await stack.step('NATS', () => useNats(config, log), (used) => used.embedded?.stop());
  const redisServer = await stack.step('Redis', () => useRedis(config, log), (used) => used?.embedded?.stop());
  const demo = await stack.step('demo camera', () => startDemo(config, ffmpeg.path, log), (started) => started.server?.stop());
  const keys = await stack.step('API keys', () => useKeys(config, log, redisServer), (used) => used.close());

  // How the actors reach it.
  const bus = await stack.step('message bus', () => NatsBus.open({ url: nats.url, startTimeoutMs: 30_000, log }), (opened) => opened.close());
  const redis = await stack.step('Redis client', () => (redisServer === null ? null : RedisStore.open({ ...redisServer, log })), (store) => store?.close());
  const metrics = createMetrics({ log });
  const usage = await stack.step('usage of keys', () => useUsage({ dataDir: config.dataDir, redisUrl: redisServer?.url ?? null, keys, metrics, log }), (used) => used.close());
  const encoder = await stack.step('JPEG encoder', () => new Encoder(), (pool) => pool.close());
  const images = new JetStreamImages(bus);
  const statuses = new Signal<CameraStatus>();
  const onDemand = new JetStreamOnDemand(bus);
  const deadLetters = new DeadLetterBox(bus.link);
  const egress = new Egress(config.fetchAllow);

  // The actors. Cameras come up by themselves, after everything else.
  const crew = createCrew({ system: () => system, ffmpeg: ffmpeg.path, model, confidence: config.confidence, iou: config.iou, isolation: config.isolation, ...(cameraActor === undefined ? {} : { actor: cameraActor }) });
  const tree = gantryTree({
    alertImages: () => ({ bus, images, kept: new JetStreamAlertImages(bus), encoder }),
    redisWriters: redis === null ? null : { cacheWriter: () => ({ redis, onPushed: (seconds) => metrics.redisPush(seconds) }), alertWriter: () => ({ bus, redis }) },
    aggregator: () => ({
      bus,
      cached: redis !== null,
      deadlineMs: config.aggregateDeadlineMs,
      onAlert: (alert) => callAlertHooks(bus, config.alertHooks, alert),
      onPublished: ({ publishedAt, timestamp, replayOf }) => {
        if (replayOf === undefined) metrics.endToEnd((Date.parse(publishedAt) - Date.parse(timestamp)) / 1000);
      },
    }),
    keyPool: keys.pool,
    scheduler: () => ({ ...keys.scheduler, bus, images, metrics, budget: usage.ledger, usage }),
    taskGenerator: () => ({ bus, validityMs: config.taskValidityMs }),
    publisher: () => ({
      bus,
      onPublished: ({ cameraId, frameNumber, timestamp, modelType, detectionLatency }) => {
        metrics.detection(cameraId, modelType, detectionLatency);
        system.ref(CAMERA_REGISTRY).tell({ type: 'frame', cameraId, frameNumber, timestamp });
      },
      onShed: (cameraId, count) => {
        metrics.shed(cameraId, 'detection', 'nats-away', count);
        system.ref(CAMERA_REGISTRY).tell({ type: 'shed', cameraId, what: 'detections', count });
      },
    }),
    onDemand: () => ({ bus, images, store: onDemand, validityMs: config.onDemandValidityMs }),
    webhooks: () => webhooksInit(config, bus, egress, onDemand),
    imaging: () => ({ encoder, images, onFailed: () => metrics.imageFailed() }),
    cameraRegistry: () => ({
      store: new FileCameraStore({ path: join(config.dataDir, 'cameras.json'), log }),
      crew,
      bus,
      fixed: demo.cameras,
      onStatus: (status) => statuses.emit(status),
    }),
  });
  const system: ActorSystem = await stack.step('actors', () => startSystem(tree, { log, onEscalation: onLost }), (started) => started.stop());
  followFaults(system);
  keys.follow(system, metrics, redisServer?.url ?? null);

  // What people see.
  const cameras = cameraPort(system, bus, redis, log);
  const http = await stack.step(
    'HTTP',
    () =>
      createHttpServer(
        {
          cameras,
          images,
          supervision: {
            tree: () => system.snapshot(),
            deadLetters: () => system.deadLetters(),
            subscribe: (listener) => system.subscribe(listener),
            restart: (path) => system.restart(path),
          },
          scheduler: schedulerPort(system),
          assessments: assessmentPort(system, egress, config.hookSecret !== null),
          keys: keyPort(system, keys),
          usage: usage.port,
          health: async () =>
            healthReport({
              version: VERSION,
              uptimeSeconds: (performance.now() - began) / 1000,
              nats: bus.state(),
              redis: redis?.health() ?? { state: 'off', durable: false, notice: null, failedWrites: 0 },
              model: model.name,
              cameras: await system.ref(CAMERA_REGISTRY).ask({ type: 'list' }, { timeoutMs: 3_000 }),
              notices: [...(demo.notice === null ? [] : [demo.notice]), ...keys.notices(), ...usage.notices(), ...(await deadLetterNotices(deadLetters, Date.now(), log))],
            }),
          metrics: async () => ({ contentType: metrics.contentType, text: await metrics.render() }),
        },
        { log, version: VERSION, ffmpegPath: ffmpeg.path, token: config.token, sourceAllow: config.sourceAllow, allowedHosts: config.allowedHosts },
      ),
    (server) => server.close(),
  );
  statuses.on((status) => http.feed.publishStatus(status));
  await stack.step('live feed', () => followFeed(bus, redis, http.feed, log), (unfollow) => unfollow());
  bindMetrics(metrics, { system, bus, redis, encoder, http });
  await stack.step('NATS micro services', () => registerRoles(bus, VERSION, roles(system), log), (unregister) => unregister());
  const url = await stack.step('listening', () => http.listen(config.host, config.port), nothing);
  const natsUrl = nats.url;
  const redisUrl = redisServer?.url ?? null;
  await stack.step('runtime file', () => writeRuntimeFile(config.dataDir, { pid: process.pid, httpUrl: url, natsUrl, redisUrl }), () => removeRuntimeFile(config.dataDir));

  log.info({ url, natsUrl, ms: Math.round(performance.now() - began) }, `Gantry is up: open ${url}`);
  return { url, natsUrl, redisUrl, system, stop: () => stack.stop() };
}

if (import.meta.main) await runAsProgram(startGantry);
