import type { Box } from '../../messages/detection.ts';
import type { TrackedDetection } from '../../tracking/tracking.types.ts';
import { appearanceOf } from '../../vision/appearance.ts';
import type { Frame, FrameSize } from '../../vision/frame.ts';
import { round } from '../../vision/round.ts';
import type { RawDetection } from '../../vision/vision.types.ts';

/** The detection with a histogram of its colours, where it is large enough for one. */
export function withAppearance(frame: Frame, detection: RawDetection): TrackedDetection {
  const appearance = appearanceOf(frame, detection.bbox);
  return appearance === null ? detection : { ...detection, appearance };
}

/** Rounds, so that messages stay readable; drops a box that is empty at this precision. */
export function rounded(detection: RawDetection): RawDetection[] {
  const bbox = roundedBox(detection.bbox);
  return bbox[0] < bbox[2] && bbox[1] < bbox[3]
    ? [{ class: detection.class, confidence: round(detection.confidence, 4), bbox }]
    : [];
}

/** Rounded and clipped to the picture, never empty. */
export function within([x1, y1, x2, y2]: Box, { width, height }: FrameSize): Box {
  const left = Math.min(width - 1, Math.max(0, x1));
  const top = Math.min(height - 1, Math.max(0, y1));
  return roundedBox([left, top, Math.min(width, Math.max(left + 1, x2)), Math.min(height, Math.max(top + 1, y2))]);
}

const roundedBox = ([x1, y1, x2, y2]: Box): Box => [round(x1, 1), round(y1, 1), round(x2, 1), round(y2, 1)];
