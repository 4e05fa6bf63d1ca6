import type { Detection, GroupFeatures } from '../messages/detection.ts';
import { taskId } from '../messages/ids.ts';
import type { AssessmentTask, Priority } from '../messages/task.ts';

export interface TaskOptions {
  /** How long after the frame an answer is wanted, in ms. */
  readonly validityMs: number;
  /** From when the validity of a replayed frame counts, epoch ms. Default: from the time of the frame. */
  readonly replayedAt?: number;
}

const LOWEST: Priority = 1;

/** One task for each group of a detection, in their order. Tasks of a replayed frame have the lowest priority. */
export function tasksOf(detection: Detection, options: TaskOptions): AssessmentTask[] {
  const { requestId, cameraId, timestamp, traceId, imageWidth, imageHeight, detectedObjects, replayOf } = detection;
  const expiresAt = new Date(
    (replayOf === undefined ? Date.parse(timestamp) : (options.replayedAt ?? Date.parse(timestamp))) +
      options.validityMs,
  ).toISOString();
  return detection.trafficGroups.map((group) => ({
    taskId: taskId(requestId, group.groupIndex),
    requestId,
    cameraId,
    timestamp,
    traceId,
    priority: replayOf === undefined ? priorityOf(group.features, imageWidth) : LOWEST,
    expiresAt,
    group,
    members: group.memberIndices.flatMap((index) => detectedObjects[index] ?? []),
    imageWidth,
    imageHeight,
  }));
}

/** Width of the frame that the distances and speeds below are for; they scale with the width. */
const REFERENCE_WIDTH = 1280;
const NEAR_PX = 60;
const FAST_PX_S = 150;

/**
 * How urgent a group is, from its measured features:
 *
 * - 5: a person near a vehicle while something moves fast
 * - 4: a person near a vehicle, or members closing in fast with a vehicle among them
 * - 3: persons and vehicles together, or fast traffic
 * - 2: vehicles only
 * - 1: persons only
 */
export function priorityOf(features: GroupFeatures, imageWidth: number): Priority {
  const scale = imageWidth / REFERENCE_WIDTH;
  const { minPersonVehicleDistance, maxSpeed, maxClosingSpeed, personCount, vehicleCount } = features;
  const near = minPersonVehicleDistance !== null && minPersonVehicleDistance <= NEAR_PX * scale;
  const fast = maxSpeed !== null && maxSpeed >= FAST_PX_S * scale;
  const closing = maxClosingSpeed !== null && maxClosingSpeed >= FAST_PX_S * scale;
  if (near && (fast || closing)) return 5;
  if (near || (closing && vehicleCount > 0)) return 4;
  if ((personCount > 0 && vehicleCount > 0) || (fast && vehicleCount > 0)) return 3;
  return vehicleCount > 0 ? 2 : 1;
}
