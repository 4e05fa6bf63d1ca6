import assert from 'node:assert/strict';
import { AGGREGATOR, aggregatorAt } from '../../src/actors/aggregator.ts';
import { FrameAggregator } from '../../src/actors/aggregator/frame-aggregator.ts';
import { alertClipsActor, type AlertClipsInit } from '../../src/actors/alert-clips.ts';
import { alertImagesActor } from '../../src/actors/alert-images.ts';
import { alertWriterActor } from '../../src/actors/alert-writer.ts';
import { keyPoolActor } from '../../src/actors/key-pool.ts';
import { onDemandActor } from '../../src/actors/on-demand-actor.ts';
import { schedulerActor } from '../../src/actors/scheduler/scheduler.ts';
import { schedulerSettings } from '../../src/actors/scheduler/scheduler.types.ts';
import { taskGeneratorActor } from '../../src/actors/task-generator.ts';
import { webhooksActor } from '../../src/actors/webhooks.ts';
import { followFeed } from '../../src/app/follow-feed.ts';
import { followStatuses } from '../../src/app/follow-statuses.ts';
import { followShedGroups } from '../../src/app/shed-groups.ts';
import { Signal } from '../../src/app/signals.ts';
import { LiveFeed } from '../../src/http/live-feed.ts';
import { DEFAULT_LIMITS } from '../../src/http/http-limits.ts';
import type { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { JetStreamAlertImages, JetStreamImages } from '../../src/infra/nats/image-store.ts';
import type { Answered } from '../../src/infra/bus.ts';
import { JetStreamClips } from '../../src/infra/nats/clip-store.ts';
import { JetStreamOnDemand } from '../../src/infra/nats/on-demand-store.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import type { CameraStatus } from '../../src/messages/camera.ts';
import { consumers, PRIORITIES_URGENT_FIRST, streams } from '../../src/messages/subjects.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { DEFAULT_FRESHNESS } from '../../src/tasks/freshness.ts';
import { rulesSay } from './aggregation.ts';
import { EVERYTHING } from './feed-socket.ts';
import { FakeWorld } from './http-fakes.ts';
import { memoryLog } from './log.ts';

/** Every stage that takes messages of a stream, by stream and durable consumer. */
export const CONSUMED: readonly (readonly [string, string])[] = [
  [streams.detections, consumers.taskGenerator],
  [streams.detections, consumers.aggregatorDetections],
  ...PRIORITIES_URGENT_FIRST.map((priority) => [streams.tasks, consumers.scheduler(priority)] as const),
  [streams.questions, consumers.questions],
  [streams.results, consumers.aggregatorResults],
  [streams.results, consumers.onDemandResults],
  [streams.webhooks, consumers.webhooks],
  [streams.alerts, consumers.alertWriter],
  [streams.alerts, consumers.alertImages],
  [streams.alerts, consumers.alertClips],
];

/** Cameras without video. */
const noClips: AlertClipsInit['requests'] = {
  ask: <T>() =>
    Promise.resolve<Answered<T>>({ outcome: 'answered', body: { outcome: 'none', reason: 'no video' } as T }),
};

/** All stages of Gantry, in this thread: rules assess, no provider is called, Redis accepts everything. */
export async function startStages(bus: NatsBus) {
  const log = memoryLog();
  const config = parseKeyConfig({ api_keys: [{ name: 'k', key: 'secret-of-this-test' }] }, {});
  const store = new JetStreamOnDemand(bus);
  const redis = {
    keepAlert: () => Promise.resolve(),
    alerts: () => Promise.resolve([]),
    onConnected: () => () => undefined,
  };
  const aggregator = aggregatorAt<null>((ctx) =>
    Promise.resolve({
      frames: new FrameAggregator(ctx, {
        bus,
        cache: null,
        freshness: { ...DEFAULT_FRESHNESS, freshnessMs: 200 },
        assessByRules: rulesSay('none'),
        describeIncident: ({ kind }) => kind,
        onAlert: () => Promise.resolve(),
        onPublished: () => undefined,
      }),
      report: () => ({}),
      close: () => Promise.resolve(),
    }),
  );
  const images = new JetStreamImages(bus);
  const scheduler = {
    bus,
    images,
    vlm: null,
    language: 'en' as const,
    settings: schedulerSettings(config.scheduler),
  };
  const nobody = { fetch: () => Promise.reject(new Error('nobody is called in this test')) };
  const memory = new LimitMemory();
  const tree = supervisor('root', [
    child('task-generator', taskGeneratorActor, () => ({ bus, validityMs: 30_000 })),
    child('key-pool', keyPoolActor, () => ({ config, memory })),
    child('scheduler', schedulerActor, () => scheduler),
    child('aggregator', aggregator, () => null),
    child('alert-writer', alertWriterActor, () => ({ bus, redis })),
    child('alert-images', alertImagesActor, () => ({
      bus,
      images,
      kept: new JetStreamAlertImages(bus),
      encoder: { shrink: (jpeg: Uint8Array) => Promise.resolve(Buffer.from(jpeg)) },
    })),
    child('alert-clips', alertClipsActor, () => ({ bus, requests: noClips, clips: new JetStreamClips(bus) })),
    child('webhooks', webhooksActor, () => ({
      bus,
      guarded: nobody,
      open: nobody,
      secret: null,
      alertHooks: [],
      monitoringHooks: () => [],
      openTo: () => nobody,
      onHook: () => Promise.resolve(),
    })),
    child('on-demand', onDemandActor, () => ({ bus, images, store, validityMs: 30_000 })),
  ]);
  const system = await startSystem(tree, { log, onEscalation: (error) => assert.fail(error.message) });
  const feed = new LiveFeed({
    scope: EVERYTHING,
    cameras: new FakeWorld().add('a').ports().cameras,
    clock: systemClock,
    log,
    limits: DEFAULT_LIMITS,
  });
  const ends = [
    await followFeed(bus, null, feed, log),
    followStatuses(bus, new Signal<CameraStatus>(), feed),
    followShedGroups(bus, () => undefined),
  ];
  return {
    log,
    system,
    store,
    feed,
    /** Deliveries that the aggregator keeps until their frame is whole. */
    held: async (): Promise<number> =>
      (await system.ref(AGGREGATOR).ask({ type: 'stats' }, { timeoutMs: 30_000 })).held,
    /** Restarts of all stages. */
    restarts: (): number => {
      const count = (node: {
        readonly restarts: number;
        readonly children?: readonly { readonly restarts: number }[];
      }): number => (node.children ?? []).reduce((sum, each) => sum + count(each), node.restarts);
      return count(system.snapshot());
    },
    stop: async (): Promise<void> => {
      for (const end of ends) end();
      await system.stop();
    },
  };
}

/** Messages of each consumer that are pending or unacked. */
export async function backlog(bus: NatsBus): Promise<number> {
  const jsm = await bus.link.nc.jetstreamManager({ checkAPI: false });
  const infos = await Promise.all(CONSUMED.map(([stream, durable]) => jsm.consumers.info(stream, durable)));
  return infos.reduce((sum, { num_pending, num_ack_pending }) => sum + num_pending + num_ack_pending, 0);
}
