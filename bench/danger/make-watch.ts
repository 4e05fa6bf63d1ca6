/** The product's watch for a scene folder. */
import { EventThresholds } from '../../src/messages/event-thresholds.ts';
import { EVENT_KINDS } from '../../src/messages/scene-constants.ts';
import { SceneConfig } from '../../src/messages/scene.ts';
import { createAutoScale } from '../../src/scene/auto-scale.ts';
import { makeScene } from '../../src/scene/make-scene.ts';
import type { Scene } from '../../src/scene/scene.types.ts';
import { createTrafficWatch } from '../../src/watch/traffic-watch.ts';
import type { WatchParts } from '../../src/watch/watch-parts.ts';
import type { TrafficWatch } from '../../src/watch/watch.types.ts';
import type { DangerOptions } from './options.ts';
import type { SceneFile } from './scene-folder.ts';

export const THRESHOLDS: EventThresholds = EventThresholds.parse(
  Object.fromEntries(EVENT_KINDS.map((kind) => [kind, {}])),
);

export function sceneOf(file: SceneFile, calibration: DangerOptions['calibration']): Scene {
  const { width, height, zones, limitKmh } = file;
  const picture = { width, height };
  const pairs = calibration === 'error' ? file.calibrationError : file.calibration;
  const config = SceneConfig.parse({
    ...picture,
    ...(calibration === 'none' ? {} : { calibration: pairs }),
    // Other fields of a zone are for people.
    zones: zones.map(({ id, kind, polygon, direction, speedLimitKmh }) => ({
      id,
      kind,
      polygon,
      direction,
      speedLimitKmh,
    })),
    ...(limitKmh === undefined ? {} : { speedLimitKmh: limitKmh }),
  });
  return makeScene(config, picture, createAutoScale(picture));
}

export function watchOf(file: SceneFile, scene: Scene, parts: WatchParts, burstFps: number): TrafficWatch {
  const picture = { width: file.width, height: file.height };
  return createTrafficWatch({ scene, picture, thresholds: THRESHOLDS, idPrefix: 'b-', burstFps }, parts);
}
