import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { CameraInit, CameraMessage } from '../actors/camera/camera.types.ts';
import { CAMERA_REGISTRY } from '../actors/camera-registry.ts';
import type { PublisherInit } from '../actors/publisher.ts';
import type { FreshnessSettings } from '../actors/scheduler/scheduler.types.ts';
import type { TreeInits } from '../actors/tree.ts';
import type { Encoder } from '../imaging/jpeg-encoder.ts';
import { InferencePool } from '../inference/inference-pool.ts';
import type { Bus, ClipStore, ImageStore, Requests } from '../infra/bus.ts';
import { FileCameraStore } from '../infra/camera-store.ts';
import type { Log } from '../infra/log.ts';
import type { CameraStatus } from '../messages/camera.ts';
import type { Detection } from '../messages/detection.ts';
import type { LocatedModel } from '../messages/model.ts';
import type { SceneConfig } from '../messages/scene.ts';
import { findFfmpeg } from '../provision/binaries.ts';
import type { ReleaseOutcomes } from '../releases/releases.types.ts';
import type { ActorDefinition } from '../runtime/actor.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { checkScene } from '../scene/check-scene.ts';
import type { DataNotices } from '../storage/set-aside.ts';
import type { GantryConfig } from './config.ts';
import type { CameraWays } from './camera-ways.ts';
import { createCameraSpawner } from './camera-spawner.ts';
import { type Demo, startDemo } from './demo.ts';
import { useModel } from './detector-model.ts';
import type { FrameTraces } from './frame-traces.ts';
import { makePreviewFolder, removePreviewFolder } from './preview-folder.ts';
import type { StartStack } from './start-stack.ts';

/** The programs and files that only a process with the role `cameras` needs. */
export interface CameraResources {
  readonly ffmpeg: string;
  readonly model: LocatedModel;
  readonly demo: Demo;
  /** Folder of the sockets of live previews; null for none. */
  readonly previewFolder: string | null;
}

export async function useCameraResources(stack: StartStack, config: GantryConfig, log: Log): Promise<CameraResources> {
  const { path: ffmpeg } = await stack.step('ffmpeg', findFfmpeg, () => undefined);
  const demo = await stack.step(
    'demo camera',
    () => startDemo(config, ffmpeg, log),
    (started) => started.server?.stop(),
  );
  // After the demo: its footage calibrates the detector in 8 bits.
  const model = await stack.step(
    'model',
    () => useModel(config, log),
    () => undefined,
  );
  const makeFolder = (): Promise<string | null> => makePreviewFolder(config.dataDir, log);
  const previewFolder = await stack.step('live video', makeFolder, removePreviewFolder);
  return { ffmpeg, model, demo, previewFolder };
}

/** For tests, which watch or replace the cameras. */
export interface CameraHooks {
  /** Default: the camera actor. */
  readonly cameraActor?: ActorDefinition<CameraMessage, CameraInit>;
  /** Called with every detection when the publisher gets it. */
  readonly onDetected?: (detection: Detection) => void;
  /** Called with every detection dropped unpublished. */
  readonly onShed?: (detection: Detection) => void;
}

export interface CamerasRole extends CameraHooks {
  readonly config: GantryConfig;
  readonly cameraResources: CameraResources;
  /** The system; called after `running` has resolved. */
  readonly system: () => ActorSystem;
  /** Resolves when the system runs. */
  readonly running: Promise<unknown>;
  readonly bus: Bus;
  readonly images: ImageStore;
  readonly requests: Requests;
  readonly clips: ClipStore;
  readonly encoder: Encoder;
  readonly onStatus: (status: CameraStatus) => void;
  /** As the key file has them now. */
  readonly freshness: () => FreshnessSettings;
  readonly traces: FrameTraces;
  readonly log: Log;
  readonly dataNotices: DataNotices;
  readonly cameraWays: CameraWays;
  readonly releaseOutcomes: ReleaseOutcomes;
}

/**
 * Shared detectors take half the memory and answer sooner when the cores are full (docs/operations.md). A camera in a
 * process of its own is there to confine faults in native code, so it has its own.
 */
const inferenceOf = ({ inference, isolation }: GantryConfig): CameraInit['inference'] =>
  inference !== 'auto' ? inference : isolation === 'process' ? 'own' : 'shared';

function sceneProblem(scene: SceneConfig): string | null {
  const [issue] = checkScene(scene).issues;
  return issue === undefined ? null : `${issue.field}: ${issue.message}`;
}

const publisherInit = ({
  bus,
  system,
  traces,
  onDetected,
  onShed,
}: Pick<CamerasRole, 'bus' | 'system' | 'traces'> & {
  readonly onDetected: CameraHooks['onDetected'] | undefined;
  readonly onShed: CameraHooks['onShed'] | undefined;
}): PublisherInit => ({
  bus,
  ...(onDetected === undefined ? {} : { onReceived: onDetected }),
  onPublished: (detection) => {
    const { cameraId, frameNumber, timestamp } = detection;
    traces.detected(detection);
    system().ref(CAMERA_REGISTRY).tell({ type: 'frame', cameraId, frameNumber, timestamp });
  },
  onShed: (detection) => {
    const { cameraId } = detection;
    system().ref(CAMERA_REGISTRY).tell({ type: 'shed', cameraId, what: 'detections', count: 1 });
    onShed?.(detection);
  },
});

/** The role `cameras`: reads and analyses cameras, publishes detections, and makes tasks of them. */
export function camerasInits({
  config,
  cameraResources,
  system,
  running,
  bus,
  images,
  requests,
  clips,
  encoder,
  onStatus,
  freshness,
  traces,
  log,
  dataNotices,
  cameraWays,
  releaseOutcomes,
  cameraActor,
  onDetected,
  onShed,
}: CamerasRole): NonNullable<TreeInits['cameras']> {
  const { model, demo, previewFolder } = cameraResources;
  const { confidence, iou, isolation, stillSeconds, burstFps } = config;
  const inference = inferenceOf(config);
  const spawner = createCameraSpawner({
    system,
    running,
    model,
    confidence,
    iou,
    inference,
    stillSeconds,
    burstFps,
    isolation,
    previewFolder,
    ways: cameraWays,
    allow: config.sourceAllow,
    ownUrls: demo.cameras.map(({ url }) => url),
    ...(cameraActor === undefined ? {} : { actor: cameraActor }),
  });
  // Before the system runs, there is no camera that could have other settings.
  cameraWays.changes.on(() => void running.then(() => system().ref(CAMERA_REGISTRY).tell({ type: 'releases' })));
  return {
    taskGenerator: () => ({ bus, validityMs: config.taskValidityMs, freshness: freshness() }),
    publisher: () => publisherInit({ bus, system, traces, onDetected, onShed }),
    trafficCounts: () => ({ bus }),
    releaseReports: () => ({
      outcomes: releaseOutcomes,
      onDetectorFailed: (path, message, permanent) => cameraWays.detectorFailed(path, message, permanent),
    }),
    imaging: () => ({ encoder, images, bus }),
    inference:
      inference === 'own'
        ? null
        : () => ({ pool: new InferencePool({ model, confidence, iou, threads: availableParallelism() }) }),
    ingest: () => ({ decoders: config.decoders }),
    clips: () => ({ requests, clips }),
    cameraRegistry: () => ({
      store: new FileCameraStore({
        path: join(config.dataDir, 'cameras.json'),
        log,
        notices: dataNotices,
        sceneProblem,
      }),
      spawner,
      bus,
      fixed: demo.cameras,
      onStatus,
    }),
  };
}
