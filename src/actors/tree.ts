import type { ActorDefinition } from '../runtime/actor.ts';
import { child, type ChildSpec, dynamic, supervisor, type SupervisorSpec } from '../runtime/supervision.ts';
import { aggregatorActor, type AggregatorInit } from './aggregator.ts';
import { alertImagesActor, type AlertImagesInit } from './alert-images.ts';
import { alertWriterActor, type AlertWriterInit } from './alert-writer.ts';
import { cacheWriterActor, type CacheWriterInit } from './cache-writer.ts';
import type { CameraInit, CameraMessage } from './camera/camera.types.ts';
import { cameraRegistryActor, type CameraRegistryInit } from './camera-registry.ts';
import { onDemandActor, type OnDemandInit } from './on-demand.ts';
import { webhooksActor, type WebhooksInit } from './webhooks.ts';
import { imagingActor, type ImagingInit } from './imaging.ts';
import { keyPoolActor, type KeyPoolInit } from './key-pool.ts';
import { publisherActor, type PublisherInit } from './publisher.ts';
import { schedulerActor } from './scheduler/actor.ts';
import type { SchedulerInit } from './scheduler/types.ts';
import { taskGeneratorActor, type TaskGeneratorInit } from './task-generator.ts';

/** What each actor is started with, asked for at every (re)start. */
export interface TreeInits {
  readonly alertImages: () => AlertImagesInit;
  /** Null when the operator switched Redis off. */
  readonly redisWriters: { readonly cacheWriter: () => CacheWriterInit; readonly alertWriter: () => AlertWriterInit } | null;
  readonly aggregator: () => AggregatorInit;
  readonly keyPool: () => KeyPoolInit;
  readonly scheduler: () => SchedulerInit;
  readonly taskGenerator: () => TaskGeneratorInit;
  readonly onDemand: () => OnDemandInit;
  readonly webhooks: () => WebhooksInit;
  readonly imaging: () => ImagingInit;
  readonly publisher: () => PublisherInit;
  readonly cameraRegistry: () => CameraRegistryInit;
}

export const CAMERAS_PATH = '/cameras';

/**
 * The supervision, as data. Whoever takes in data starts before whoever sends it, so the order is the way of the data
 * backwards; the stop, in reverse order, follows the data: cameras first, the aggregator last.
 */
export const gantryTree = (inits: TreeInits): SupervisorSpec =>
  supervisor(
    'gantry',
    [
      child('webhooks', webhooksActor, inits.webhooks),
      child('on-demand', onDemandActor, inits.onDemand),
      child('alert-images', alertImagesActor, inits.alertImages),
      ...(inits.redisWriters === null ? [] : [child('cache-writer', cacheWriterActor, inits.redisWriters.cacheWriter), child('alert-writer', alertWriterActor, inits.redisWriters.alertWriter)]),
      child('aggregator', aggregatorActor, inits.aggregator),
      child('key-pool', keyPoolActor, inits.keyPool),
      // Calls in flight get time to finish; what does not is handed back to the bus.
      child('scheduler', schedulerActor, inits.scheduler, { shutdownTimeoutMs: 4_000 }),
      child('task-generator', taskGeneratorActor, inits.taskGenerator),
      child('publisher', publisherActor, inits.publisher),
      child('imaging', imagingActor, inits.imaging),
      // Every camera must live: back-off bounds how often one restarts, so the intensity here never makes them all go.
      dynamic('cameras', { intensity: { maxRestarts: 10_000, withinMs: 10_000 } }),
      child('camera-registry', cameraRegistryActor, inits.cameraRegistry),
    ],
    { intensity: { maxRestarts: 10, withinMs: 60_000 } },
  );

/** Where cameras run: each in a worker thread, or each in a process, which even a fault in native code does not leave. */
export type CameraIsolation = 'thread' | 'process';

/** A camera: its own worker thread or process, restarted whatever happens, at most every ten seconds when it keeps failing. */
export const cameraChild = (cameraId: string, actor: ActorDefinition<CameraMessage, CameraInit>, isolation: CameraIsolation, init: () => CameraInit): ChildSpec =>
  child(cameraId, actor, init, {
    placement: { kind: isolation, maxHeapMb: 256 },
    startTimeoutMs: 30_000,
    shutdownTimeoutMs: 3_000,
    backoff: { minMs: 250, maxMs: 10_000, factor: 2, resetAfterMs: 30_000 },
  });
