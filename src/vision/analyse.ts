import type { Box, DetectedObject, TrafficGroup } from '../messages/detection.ts';
import type { Frame } from './frame.ts';
import { createGroupIdentity } from './group-identity.ts';
import type { GroupIdentityOptions } from './group-identity.ts';
import { groupObjects } from './grouping.ts';
import type { FrameGroup, GroupingOptions } from './grouping.ts';
import { round } from './round.ts';
import { createTracker } from './tracker.ts';
import type { TrackerOptions } from './tracker.ts';
import type { Detector, NativeGuard, RawDetection } from './vision.types.ts';

export interface AnalyserOptions {
  readonly detector: Detector;
  readonly tracker?: TrackerOptions;
  readonly grouping?: GroupingOptions;
  readonly groupIdentity?: GroupIdentityOptions;
}

export interface FrameAnalysis {
  readonly objects: DetectedObject[];
  readonly groups: TrafficGroup[];
}

/** Everything that happens to a frame between the decoder and the bus, with one camera's memory. */
export interface Analyser {
  /**
   * Detects, follows and groups. `timeMs` is when the frame was taken; frames come in order, one at a time.
   * Coordinates are rounded to 0.1 px, confidences to 4 decimals. Rejects as `Detector.detect` does.
   */
  analyse(frame: Frame, timeMs: number, native: NativeGuard): Promise<FrameAnalysis>;
}

/** The detector stays the caller's, who releases it. */
export function createAnalyser(options: AnalyserOptions): Analyser {
  const { detector } = options;
  const tracker = createTracker(options.tracker);
  const identity = createGroupIdentity(options.groupIdentity);
  return {
    async analyse(frame, timeMs, native) {
      const detections = (await detector.detect(frame, native)).flatMap(rounded);
      const objects = tracker.update(detections, timeMs).map(({ velocity, ...tracked }, objectId): DetectedObject => ({
        objectId,
        ...tracked,
        velocity: velocity === null ? null : [round(velocity[0], 1), round(velocity[1], 1)],
      }));
      const tracksOf = (group: FrameGroup): number[] =>
        group.memberIndices.flatMap((index) => objects[index]?.trackId ?? []);
      return { objects, groups: identity.name(groupObjects(objects, frame.width, options.grouping), tracksOf, timeMs) };
    },
  };
}

/** Readable numbers; a box that is nothing at this precision is dropped. */
function rounded(detection: RawDetection): RawDetection[] {
  const [x1, y1, x2, y2] = detection.bbox;
  const bbox: Box = [round(x1, 1), round(y1, 1), round(x2, 1), round(y2, 1)];
  return bbox[0] < bbox[2] && bbox[1] < bbox[3]
    ? [{ class: detection.class, confidence: round(detection.confidence, 4), bbox }]
    : [];
}
