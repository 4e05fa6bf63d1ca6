import type { ReleaseMark } from '../../messages/release-mark.ts';
import type { SceneConfig } from '../../messages/scene.ts';
import type { CameraWay } from './camera-way.types.ts';
import { type AnalysedPicture, type ReleaseTrial, ShareTrial } from './release-trial.ts';
import { ShadowLane, type ShadowLaneOptions } from './shadow-lane.ts';

export interface CameraReleaseOptions extends Omit<ShadowLaneOptions, 'plan' | 'scene'> {
  /** The detector that looks now is that of the way. */
  readonly hasDetectorOf: (way: CameraWay) => boolean;
}

/** The part of a camera in the release that runs, if it has one. */
export class CameraRelease {
  readonly #options: CameraReleaseOptions;
  #way: CameraWay;
  #scene: SceneConfig | null;
  #trial: ReleaseTrial | null = null;
  /** Trials that end. Never rejects. */
  #ending: Promise<unknown> = Promise.resolve();

  constructor(options: CameraReleaseOptions, way: CameraWay, scene: SceneConfig | null) {
    this.#options = options;
    this.#way = way;
    this.#scene = scene;
    this.#adapt();
  }

  get way(): CameraWay {
    return this.#way;
  }

  /** For a detection of now; null also while the detector of the way is being loaded. */
  get mark(): ReleaseMark | null {
    return this.#options.hasDetectorOf(this.#way) ? this.#way.mark : null;
  }

  /** From the next picture on. */
  set(way: CameraWay, scene: SceneConfig | null): void {
    this.#way = way;
    this.#scene = scene;
    this.#adapt();
  }

  observe(picture: AnalysedPicture): void {
    if (this.#way.mark === null || this.mark !== null) this.#trial?.observe(picture);
  }

  async close(): Promise<void> {
    this.#end();
    await this.#ending;
  }

  #adapt(): void {
    if (this.#trial?.adapt(this.#way, this.#scene) === true) return;
    this.#end();
    this.#trial = this.#trialOf(this.#way);
  }

  /** Null: the camera has no part in a release. */
  #trialOf({ mark, shadow }: CameraWay): ReleaseTrial | null {
    if (shadow !== null) return new ShadowLane({ ...this.#options, plan: shadow, scene: this.#scene });
    const { cameraId, tell } = this.#options;
    return mark === null ? null : new ShareTrial({ ...mark, cameraId, tell });
  }

  #end(): void {
    const trial = this.#trial;
    this.#trial = null;
    if (trial !== null) this.#ending = Promise.all([this.#ending, trial.close()]);
  }
}
