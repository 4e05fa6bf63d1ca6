import type { EventThresholds } from '../messages/event-thresholds.ts';
import type { SceneConfig } from '../messages/scene.ts';
import type { FrameSize } from '../vision/frame.ts';
import { createAutoScale } from '../scene/auto-scale.ts';
import { makeScene, SceneError } from '../scene/make-scene.ts';
import type { Scene } from '../scene/scene.types.ts';
import { createRoadTracker } from '../tracking/road-tracker.ts';
import { createTrafficWatch } from './traffic-watch.ts';
import { PRODUCT_PARTS } from './watch-parts.ts';
import type { TrafficWatch } from './watch.types.ts';

/** The place that a camera sees, and from when on something in it is an event. */
export interface SceneSettings {
  /** Null for none. */
  readonly scene: SceneConfig | null;
  readonly thresholds: EventThresholds;
}

/** A watch of pictures of one size. */
export interface PictureWatch {
  observe: TrafficWatch['observe'];
  setScene(settings: SceneSettings): void;
  /** As `TrafficWatch.finish`. */
  finish: TrafficWatch['finish'];
}

export interface WatchPicturesOptions extends SceneSettings {
  /** In px of the pictures as shown. */
  readonly picture: FrameSize;
  /** As `WatchOptions`. */
  readonly idPrefix: string;
  /** Least of the detector, 0..1. */
  readonly confidence: number;
  readonly burstFps: number;
  /** Told a sentence when the scene can't be used as it is. */
  readonly onProblem: (problem: string) => void;
}

/** Confidence above the detector's least from which on a detection begins a track: weaker ones only continue tracks. */
const STRONGER = 0.1;

/**
 * A traffic watch for pictures of one size. A calibration that fits the picture in which it was drawn, but not in this
 * size, is left out, and told to `onProblem`: the camera goes on with metres that are estimated.
 */
export function watchPictures(options: WatchPicturesOptions): PictureWatch {
  const { picture, confidence, idPrefix, burstFps, onProblem } = options;
  const auto = createAutoScale(picture);
  const sceneOf = (config: SceneConfig | null): Scene => {
    try {
      return makeScene(config, picture, auto);
    } catch (thrown) {
      if (!(thrown instanceof SceneError) || config === null) throw thrown;
      onProblem(`the calibration is not used: ${thrown.message}`);
      const { calibration: _, ...uncalibrated } = config;
      return makeScene(uncalibrated, picture, auto);
    }
  };
  const watch = createTrafficWatch(
    { scene: sceneOf(options.scene), picture, thresholds: options.thresholds, idPrefix, burstFps },
    {
      ...PRODUCT_PARTS,
      createTracker: (scene) =>
        createRoadTracker(scene, { picture, birthConfidence: Math.min(1, confidence + STRONGER) }),
    },
  );
  return {
    observe: (frame) => watch.observe(frame),
    finish: () => watch.finish(),
    setScene: ({ scene, thresholds }) => watch.setScene(sceneOf(scene), thresholds),
  };
}
