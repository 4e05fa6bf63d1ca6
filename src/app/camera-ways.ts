import type { CameraSettings } from '../actors/camera/camera.types.ts';
import type { CameraWay } from '../actors/camera/camera-way.types.ts';
import { clipped } from '../messages/bounds.ts';
import { thresholdsWith } from '../messages/event-thresholds.ts';
import type { Log } from '../infra/log.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { LocatedModel } from '../messages/model.ts';
import type { SceneConfig } from '../messages/scene.ts';
import { cameraChoice, type CameraChoice, detectorsWanted } from '../releases/camera-way.ts';
import type { ReleaseOutcomes, ReleasesInForce } from '../releases/releases.types.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { type Clock, systemClock } from '../runtime/clock.ts';
import type { GantryConfig } from './config.ts';
import { useReleasedModel } from './detector-model.ts';
import { ReleaseDetectors } from './release-detectors.ts';
import { Signal } from './signals.ts';

export interface CameraWaysOptions {
  readonly releases: ReleasesInForce;
  /** See {@link ReleaseDetectors}. */
  readonly locate: (name: string) => Promise<LocatedModel>;
  /** Name of the model with which the process began. */
  readonly ownModel: string;
  readonly onDetectorFailed: () => void;
  /** Gets the failure of a running release's detector. */
  readonly outcomes: ReleaseOutcomes;
  readonly nodeId: string;
  readonly clock: Clock;
  readonly log: Pick<ActorLog, 'info' | 'error'>;
}

export interface CameraWaysParts {
  readonly config: GantryConfig;
  /** Null in a process without the role `cameras`. */
  readonly cameraResources: object | null;
  readonly releases: ReleasesInForce;
  readonly releaseOutcomes: ReleaseOutcomes;
  readonly nodeId: string;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Null in a process without the role `cameras`. */
export const openCameraWays = ({
  config,
  cameraResources,
  releases,
  releaseOutcomes,
  nodeId,
  metrics,
  log,
}: CameraWaysParts): CameraWays | null =>
  cameraResources === null
    ? null
    : new CameraWays({
        releases,
        locate: (model) => useReleasedModel({ ...config, model }, log),
        ownModel: config.model,
        onDetectorFailed: () => metrics.inc('release_detector_failures_total', 1),
        outcomes: releaseOutcomes,
        nodeId,
        clock: systemClock,
        log,
      });

/** How each camera of this process judges, by the releases in force. */
export class CameraWays {
  readonly #options: CameraWaysOptions;
  readonly #detectors: ReleaseDetectors;
  readonly #unlisten: () => void;
  /** The release whose failed detector was told last, as its id and time. */
  #told = '';
  /** Cameras are to be given their settings anew. */
  readonly changes = new Signal<null>();

  constructor(options: CameraWaysOptions) {
    const { releases, locate, onDetectorFailed, clock, log } = options;
    this.#options = options;
    this.#detectors = new ReleaseDetectors({
      locate,
      onChange: () => {
        this.#tellFailure();
        this.changes.emit(null);
      },
      onFailed: () => {
        onDetectorFailed();
        this.#tellFailure();
      },
      clock,
      log,
    });
    this.#want();
    this.#unlisten = releases.onChange(() => {
      this.#want();
      this.#tellFailure();
      this.changes.emit(null);
    });
  }

  close(): void {
    this.#unlisten();
    this.#detectors.close();
  }

  /** A sentence for the operator; null while all is well. */
  get problem(): string | null {
    return this.#detectors.problem;
  }

  /** Made here: the thread of a camera loads no schemas. */
  settingsOf(cameraId: string, scene: SceneConfig | null): CameraSettings {
    const { releases, ownModel } = this.#options;
    const choice = cameraChoice({
      now: releases.now,
      cameraId,
      thresholds: scene?.thresholds,
      isUsable: (name) => name === ownModel || this.#detectors.modelOf(name) !== null,
    });
    return { scene, thresholds: thresholdsWith(choice.thresholds), way: this.#wayOf(choice) };
  }

  /** A camera could not load this model file; `permanent`: the model itself is at fault. */
  detectorFailed(path: string, message: string, permanent: boolean): void {
    this.#detectors.fail(path, message, permanent);
  }

  /** Once for a release. A promoted one stays: a person took it, and cameras have a detector meanwhile. */
  #tellFailure(): void {
    const { releases, outcomes, nodeId, clock } = this.#options;
    const detector = releases.now.running?.changes.detector;
    if (releases.now.running === null || detector === undefined) return;
    const message = this.#detectors.failureOf(detector);
    const { releaseId, createdAt } = releases.now.running;
    const release = `${releaseId} ${createdAt}`;
    if (message === null || this.#told === release) return;
    this.#told = release;
    const failure = { at: new Date(clock.now()).toISOString(), nodeId, detector, message: clipped(message) };
    outcomes.tell({ type: 'detector-failed', releaseId, createdAt, ...failure });
  }

  #want(): void {
    const { releases, ownModel } = this.#options;
    this.#detectors.want(detectorsWanted(releases.now).filter((name) => name !== ownModel));
  }

  #wayOf({ detector, mark, shadow }: CameraChoice): CameraWay {
    return {
      detector: this.#modelOf(detector),
      mark,
      shadow:
        shadow === null
          ? null
          : {
              releaseId: shadow.releaseId,
              thresholds: thresholdsWith(shadow.thresholds),
              detector:
                shadow.detector === null
                  ? null
                  : {
                      model: this.#modelOf(shadow.detector),
                      picturesPerMinute: shadow.picturesPerMinute,
                      phase: shadow.phase,
                    },
            },
    };
  }

  /** Null: the model with which the process began. */
  #modelOf(name: string | null): LocatedModel | null {
    return name === null || name === this.#options.ownModel ? null : this.#detectors.modelOf(name);
  }
}
