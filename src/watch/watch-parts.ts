import { FINDERS } from '../events/finders.ts';
import { interestsOfPlaces } from '../events/interest-places.ts';
import { interests } from '../events/interest.ts';
import type { TrafficView, EventFinder } from '../events/events.types.ts';
import type { PictureSize } from '../scene/pinhole.ts';
import type { Scene } from '../scene/scene.types.ts';
import { createRoadTracker } from '../tracking/road-tracker.ts';
import type { RoadTracker } from '../tracking/tracking.types.ts';
import type { Interest } from '../events/interest.ts';

/** The parts that a watch is made of; a test or a benchmark gives others. */
export interface WatchParts {
  createTracker(scene: Scene, picture: PictureSize): RoadTracker;
  readonly finders: readonly EventFinder[];
  /** Stretches of time that are worth more pictures for the sake of events. */
  interests(view: TrafficView): readonly Interest[];
}

export const PRODUCT_PARTS: WatchParts = {
  createTracker: (scene, picture) => createRoadTracker(scene, { picture }),
  finders: FINDERS,
  interests: (view) => [...interests(view), ...interestsOfPlaces(view)],
};
