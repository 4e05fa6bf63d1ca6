import type { Box, DetectedObject, TrafficGroup } from '../messages/detection.ts';
import { displayOf, type Frame } from './frame.ts';
import { createGroupIdentity } from './group-identity.ts';
import type { GroupIdentityOptions } from './group-identity.ts';
import { createGroupStillness } from './group-stillness.ts';
import type { GroupStillnessOptions } from './group-stillness.ts';
import { groupObjects } from './grouping.ts';
import type { FrameGroup, GroupingOptions } from './grouping.ts';
import { MotionGate } from './motion-gate.ts';
import { round } from './round.ts';
import { createTracker } from './tracker.ts';
import type { TrackerOptions } from './tracker.ts';
import type { Detector, NativeGuard, RawDetection } from './vision.types.ts';

export interface AnalyserOptions {
  readonly detector: Detector;
  readonly tracker?: TrackerOptions;
  readonly grouping?: GroupingOptions;
  readonly groupIdentity?: GroupIdentityOptions;
  readonly stillness?: GroupStillnessOptions;
  /**
   * A picture in which nothing moved since the detector's last one has that one's detections; after so many seconds the
   * detector looks again. Default 0: it sees every picture.
   */
  readonly stillSeconds?: number;
}

export interface FrameAnalysis {
  readonly objects: DetectedObject[];
  readonly groups: TrafficGroup[];
}

/** Detection, tracking and grouping for one camera, with its memory of earlier frames. */
export interface Analyser {
  /** Frames that the detector was spared, as nothing moved in them. */
  readonly stillFrames: number;
  /**
   * `timeMs` is when the frame was taken, epoch ms; call with one frame at a time, in order. Coordinates are in px of
   * the frame's display size, rounded to 0.1, confidences to 4 decimals. Rejects as `Detector.detect` does.
   */
  analyse(frame: Frame, timeMs: number, native: NativeGuard): Promise<FrameAnalysis>;
}

/** The caller keeps the detector, and releases it. */
export function createAnalyser(options: AnalyserOptions): Analyser {
  const { detector } = options;
  const tracker = createTracker(options.tracker);
  const identity = createGroupIdentity(options.groupIdentity);
  const stillness = createGroupStillness(options.stillness);
  const gate = new MotionGate(options.stillSeconds ?? 0);
  let detections: readonly RawDetection[] = [];
  let stillFrames = 0;

  async function look(frame: Frame, timeMs: number, native: NativeGuard): Promise<void> {
    if (gate.isStill(frame, timeMs)) {
      stillFrames += 1;
      return;
    }
    detections = (await detector.detect(frame, native)).flatMap(rounded);
    gate.saw(frame, timeMs);
  }

  return {
    get stillFrames() {
      return stillFrames;
    },
    async analyse(frame, timeMs, native) {
      await look(frame, timeMs, native);
      const objects = tracker.update(detections, timeMs).map(({ velocity, ...tracked }, objectId): DetectedObject => ({
        objectId,
        ...tracked,
        velocity: velocity === null ? null : [round(velocity[0], 1), round(velocity[1], 1)],
      }));
      const membersOf = (group: FrameGroup): DetectedObject[] =>
        group.memberIndices.flatMap((index) => objects[index] ?? []);
      const tracksOf = (group: FrameGroup): number[] => membersOf(group).map(({ trackId }) => trackId);
      const named = identity.name(groupObjects(objects, displayOf(frame).width, options.grouping), tracksOf, timeMs);
      const since = stillness.since(
        named.map((group) => ({ groupId: group.groupId, bbox: group.bbox, members: membersOf(group) })),
        frame,
        timeMs,
      );
      return { objects, groups: named.map((group, i) => unchanged(group, since[i] ?? null)) };
    },
  };
}

const unchanged = (group: TrafficGroup, since: number | null): TrafficGroup =>
  since === null ? group : { ...group, unchangedSince: new Date(since).toISOString() };

/** Rounds, so that messages stay readable; drops a box that is empty at this precision. */
function rounded(detection: RawDetection): RawDetection[] {
  const [x1, y1, x2, y2] = detection.bbox;
  const bbox: Box = [round(x1, 1), round(y1, 1), round(x2, 1), round(y2, 1)];
  return bbox[0] < bbox[2] && bbox[1] < bbox[3]
    ? [{ class: detection.class, confidence: round(detection.confidence, 4), bbox }]
    : [];
}
