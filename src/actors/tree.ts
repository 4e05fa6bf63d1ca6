import type { ActorDefinition } from '../runtime/actor.ts';
import { child, type ChildSpec, dynamic, type Spec, supervisor, type SupervisorSpec } from '../runtime/supervision.ts';
import { aggregatorActor } from './aggregator.ts';
import type { AggregatorInit } from './aggregator/aggregator.types.ts';
import { alertClipsActor, type AlertClipsInit } from './alert-clips.ts';
import { alertImagesActor, type AlertImagesInit } from './alert-images.ts';
import { alertIndexActor, type AlertIndexInit } from './alert-index.ts';
import { alertWriterActor, type AlertWriterInit } from './alert-writer.ts';
import { callerActor } from './caller.ts';
import type { CameraInit, CameraMessage } from './camera/camera.types.ts';
import { cameraRegistryActor, type CameraRegistryInit } from './camera-registry.ts';
import { clipsActor, type ClipsInit } from './clips.ts';
import { monitorActor, type MonitorInit } from './monitor.ts';
import { onDemandActor, type OnDemandInit } from './on-demand-actor.ts';
import { webhooksActor, type WebhooksInit } from './webhooks.ts';
import { imagingActor, type ImagingInit } from './imaging.ts';
import { inferenceActor, type InferenceInit } from './inference.ts';
import { ingestActor, type IngestInit } from './ingest.ts';
import { keyPoolActor, type KeyPoolInit } from './key-pool.ts';
import { releaseReportsActor, type ReleaseReportsInit } from './release-reports.ts';
import { publisherActor, type PublisherInit } from './publisher.ts';
import { schedulerActor } from './scheduler/scheduler.ts';
import type { SchedulerInit } from './scheduler/scheduler.types.ts';
import { trafficCountsActor, type TrafficCountsInit } from './traffic-counts.ts';
import { tracesActor, type TracesInit } from './traces.ts';
import { taskGeneratorActor, type TaskGeneratorInit } from './task-generator.ts';

/** The init of each actor, called at every start and restart. Null for the roles that this process does not have. */
export interface TreeInits {
  /** Watches the process itself. Null in tests of the rest. */
  readonly monitor: (() => MonitorInit) | null;
  /** Null, or absent, where traces are not exported. */
  readonly traces?: (() => TracesInit) | null;
  readonly web: { readonly onDemand: () => OnDemandInit } | null;
  readonly aggregator: {
    readonly webhooks: () => WebhooksInit;
    readonly alertImages: () => AlertImagesInit;
    readonly alertClips: () => AlertClipsInit;
    readonly alertIndex: () => AlertIndexInit;
    /** Null when the operator switched Redis off. */
    readonly alertWriter: (() => AlertWriterInit) | null;
    readonly aggregator: () => AggregatorInit;
  } | null;
  readonly scheduler: { readonly keyPool: () => KeyPoolInit; readonly scheduler: () => SchedulerInit } | null;
  readonly cameras: {
    readonly taskGenerator: () => TaskGeneratorInit;
    readonly publisher: () => PublisherInit;
    readonly trafficCounts: () => TrafficCountsInit;
    readonly releaseReports: () => ReleaseReportsInit;
    readonly imaging: () => ImagingInit;
    /** Null when each camera has a detector of its own. */
    readonly inference: (() => InferenceInit) | null;
    readonly ingest: () => IngestInit;
    readonly clips: () => ClipsInit;
    readonly cameraRegistry: () => CameraRegistryInit;
  } | null;
}

export const CAMERAS_PATH = '/cameras';

/**
 * The supervision tree of this process's roles, as data. Consumers start before their producers, so children are listed
 * against the flow of the data; a stop, in reverse order, follows it: cameras first, the aggregator last.
 */
export const gantryTree = ({
  monitor,
  traces = null,
  web,
  aggregator,
  scheduler,
  cameras,
}: TreeInits): SupervisorSpec =>
  supervisor(
    'gantry',
    [
      ...partsOf(monitor, (init) => [child('monitor', monitorActor, init)]),
      // First, so that it is stopped last.
      ...(traces === null ? [] : [child('traces', tracesActor, traces)]),
      ...partsOf(aggregator, aggregatorParts),
      ...partsOf(web, webParts),
      ...partsOf(scheduler, schedulerParts),
      ...partsOf(cameras, camerasParts),
    ],
    {
      intensity: { maxRestarts: 10, withinMs: 60_000 },
    },
  );

type InitsOf<R extends Exclude<keyof TreeInits, 'monitor' | 'traces'>> = NonNullable<TreeInits[R]>;
const partsOf = <T>(inits: T | null, parts: (inits: T) => readonly Spec[]): readonly Spec[] =>
  inits === null ? [] : parts(inits);

const webParts = ({ onDemand }: InitsOf<'web'>): readonly Spec[] => [child('on-demand', onDemandActor, onDemand)];

const aggregatorParts = ({
  webhooks,
  alertImages,
  alertClips,
  alertIndex,
  alertWriter,
  aggregator,
}: InitsOf<'aggregator'>): readonly Spec[] => [
  child('webhooks', webhooksActor, webhooks),
  child('alert-images', alertImagesActor, alertImages),
  child('alert-clips', alertClipsActor, alertClips),
  child('alert-index', alertIndexActor, alertIndex),
  ...(alertWriter === null ? [] : [child('alert-writer', alertWriterActor, alertWriter)]),
  // Aggregation is a third of the work for a group, and viewers wait for it: it has a thread of its own.
  child('aggregator', aggregatorActor, aggregator, {
    placement: { kind: 'thread', maxHeapMb: 512 },
    startTimeoutMs: 30_000,
  }),
];

const schedulerParts = ({ keyPool, scheduler }: InitsOf<'scheduler'>): readonly Spec[] => [
  child('key-pool', keyPoolActor, keyPool),
  // Calls are a third of the work for a group: they have a thread of their own.
  child('caller', callerActor, () => null, { placement: { kind: 'thread', maxHeapMb: 256 }, startTimeoutMs: 30_000 }),
  // Calls in flight get time to finish; the tasks of the others are handed back to the bus.
  child('scheduler', schedulerActor, scheduler, { shutdownTimeoutMs: 4_000 }),
];

const camerasParts = ({
  taskGenerator,
  publisher,
  trafficCounts,
  releaseReports,
  imaging,
  inference,
  ingest,
  clips,
  cameraRegistry,
}: InitsOf<'cameras'>): readonly Spec[] => [
  child('task-generator', taskGeneratorActor, taskGenerator),
  child('publisher', publisherActor, publisher),
  child('traffic-counts', trafficCountsActor, trafficCounts),
  child('release-reports', releaseReportsActor, releaseReports),
  child('imaging', imagingActor, imaging),
  ...(inference === null ? [] : [child('inference', inferenceActor, inference)]),
  // It reads every camera's packets: in the main thread, each would wait for everything else. Streams survive the
  // restart of a camera, so it starts before them.
  child('ingest', ingestActor, ingest, {
    placement: { kind: 'thread', maxHeapMb: 512 },
    startTimeoutMs: 30_000,
    shutdownTimeoutMs: 3_000,
  }),
  // One broken camera must not end all the others, so the intensity is out of reach: back-off bounds how often it
  // restarts.
  dynamic('cameras', { intensity: { maxRestarts: 10_000, withinMs: 10_000 } }),
  child('camera-registry', cameraRegistryActor, cameraRegistry),
  child('clips', clipsActor, clips),
];

/** Where each camera runs: in a worker thread, or in a process that even a fault in native code does not leave. */
export type CameraIsolation = 'thread' | 'process';

/** A camera in its own worker thread or process, always restarted, at most every ten seconds when it keeps failing. */
export const cameraChild = (
  cameraId: string,
  actor: ActorDefinition<CameraMessage, CameraInit>,
  isolation: CameraIsolation,
  init: () => CameraInit,
): ChildSpec =>
  child(cameraId, actor, init, {
    // There are up to hundreds of these, and a frame makes few objects.
    placement: { kind: isolation, maxHeapMb: 256, maxYoungMb: 4 },
    startTimeoutMs: 30_000,
    shutdownTimeoutMs: 3_000,
    backoff: { minMs: 250, maxMs: 10_000, factor: 2, resetAfterMs: 30_000 },
  });
