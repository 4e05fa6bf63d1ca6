import type { Detection, GroupFeatures, PublishedGroup } from '../messages/detection.ts';
import { taskId } from '../messages/ids.ts';
import type { AssessmentTask, LastAssessed, Priority } from '../messages/task.ts';
import { DEFAULT_FRESHNESS, type FreshnessSettings } from './freshness.ts';
import { priorOf } from './prior.ts';
import { stillAnswered } from './recheck.ts';

export interface TaskOptions {
  /** How long after the frame an answer is wanted, in ms. */
  readonly validityMs: number;
  /** From when the validity of a replayed frame counts, epoch ms. Default: from the time of the frame. */
  readonly replayedAt?: number;
  /** Default {@link DEFAULT_FRESHNESS}. */
  readonly freshness?: FreshnessSettings;
  /** The model's last answer about a group of the camera; null when there is none. Default: none. */
  readonly lastAssessed?: (groupId: string) => LastAssessed | null;
}

const LOWEST: Priority = 1;

/**
 * One task for each group of a detection, in their order, but for groups whose last answer still holds. Tasks of a
 * replayed frame are for all its groups, have the lowest priority and wait their turn.
 */
export function tasksOf(detection: Detection, options: TaskOptions): AssessmentTask[] {
  const { timestamp, replayOf } = detection;
  const frameAt = Date.parse(timestamp);
  if (replayOf !== undefined) {
    const expiresAt = isoTime((options.replayedAt ?? frameAt) + options.validityMs);
    return detection.trafficGroups.map((group) => ({ ...taskOf(detection, group), priority: LOWEST, expiresAt }));
  }
  const { freshness = DEFAULT_FRESHNESS, lastAssessed = () => null } = options;
  const freshMs = detection.freshnessSeconds === undefined ? freshness.freshnessMs : detection.freshnessSeconds * 1_000;
  return detection.trafficGroups.flatMap((group) => {
    const last = lastAssessed(group.groupId);
    if (stillAnswered(group, last === null ? null : Date.parse(last.at), frameAt, freshness.recheckMs)) return [];
    return {
      ...taskOf(detection, group),
      priority: priorityOf(group.features, detection.imageWidth),
      expiresAt: isoTime(frameAt + options.validityMs),
      freshUntil: isoTime(frameAt + freshMs),
      ...(last === null ? {} : { lastAssessed: last }),
    };
  });
}

function taskOf(detection: Detection, group: PublishedGroup): Omit<AssessmentTask, 'priority' | 'expiresAt'> {
  const { requestId, cameraId, timestamp, traceId, imageWidth, imageHeight, detectedObjects, prompt } = detection;
  return {
    taskId: taskId(requestId, group.groupIndex),
    requestId,
    cameraId,
    timestamp,
    traceId,
    prior: priorOf(group.features, imageWidth),
    ...(prompt === undefined ? {} : { prompt }),
    group,
    members: group.memberIndices.flatMap((index) => detectedObjects[index] ?? []),
    imageWidth,
    imageHeight,
  };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();

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
