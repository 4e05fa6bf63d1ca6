import type { Detection, GroupFeatures } from '../messages/detection.ts';
import { taskId } from '../messages/ids.ts';
import type { AssessmentTask, Priority } from '../messages/task.ts';

export interface TaskOptions {
  /** How long after the frame an answer is still wanted, in ms. */
  readonly validityMs: number;
  /** Epoch ms from which the validity of a frame that is judged again counts. */
  readonly replayedAt?: number;
}

const LOWEST: Priority = 1;

/**
 * One task for each group of a detection, in the order of the groups. Those of a frame that is judged again go behind
 * all others.
 */
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

/** Distances and speeds below are for a frame this wide; they scale with it. */
const REFERENCE_WIDTH = 1280;
const NEAR_PX = 60;
const FAST_PX_S = 150;

/**
 * How urgent a group is, from what is known before anybody looked: 5 a person near a vehicle while something moves
 * fast, 4 a person near a vehicle or two members closing in fast, 3 persons and vehicles together or fast traffic,
 * 2 vehicles, 1 persons among themselves.
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
