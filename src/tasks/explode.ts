import { MOST } from '../messages/bounds.ts';
import type { DetectedObject, Detection, GroupFeatures, PublishedGroup } from '../messages/detection.ts';
import { taskId } from '../messages/ids.ts';
import type { MeasuredIncident } from '../messages/incident.ts';
import type { AssessmentTask, LastAssessed, Prior, Priority } from '../messages/task.ts';
import { DEFAULT_FRESHNESS, type FreshnessSettings } from './freshness.ts';
import { incidentGroup, incidentsIn } from './incident-group.ts';
import { priorityOfIncident, priorOfIncident } from './incident-prior.ts';
import { priorOf } from './prior.ts';
import { stillAnswered } from './recheck.ts';
import { type AskedBefore, isCovered, isWorthAsking } from './worth-asking.ts';

export interface TaskOptions {
  /** How long after the frame an answer is wanted, in ms. */
  readonly validityMs: number;
  /** From when the validity of a replayed frame counts, epoch ms. Default: from the time of the frame. */
  readonly replayedAt?: number;
  /** Default {@link DEFAULT_FRESHNESS}. */
  readonly freshness?: FreshnessSettings;
  /** The model's last answer about a group or an incident of the camera; null when there is none. Default: none. */
  readonly lastAssessed?: (groupId: string) => LastAssessed | null;
  /** False while a question about this incident is under way. Default: none is. */
  readonly mayAsk?: (incident: MeasuredIncident) => boolean;
}

const LOWEST: Priority = 1;

/** A subject of a frame: a group, or an incident as the group of those who take part. */
interface Subject {
  readonly group: PublishedGroup;
  readonly members: readonly DetectedObject[];
  readonly prior: Prior;
  readonly priority: Priority;
  readonly incident?: MeasuredIncident;
  readonly incidents?: MeasuredIncident[];
}

/**
 * One task for each subject of a detection that the model is to be asked about: the groups in their order, but those
 * whose last answer still holds or that {@link isCovered}, then the incidents that {@link isWorthAsking}. Tasks of a
 * replayed frame are for all its subjects, have the lowest priority and wait their turn.
 */
export function tasksOf(detection: Detection, options: TaskOptions): AssessmentTask[] {
  const { timestamp, replayOf, trafficGroups, incidents } = detection;
  const frameAt = Date.parse(timestamp);
  if (replayOf !== undefined) {
    const expiresAt = isoTime((options.replayedAt ?? frameAt) + options.validityMs);
    return [
      ...trafficGroups.map((group) => groupSubject(detection, group)),
      ...incidents.flatMap((incident) => incidentSubject(detection, incident) ?? []),
    ].map((subject) => ({ ...taskOf(detection, subject), priority: LOWEST, expiresAt }));
  }
  const { freshness = DEFAULT_FRESHNESS, lastAssessed = () => null, mayAsk = () => true } = options;
  const freshMs = detection.freshnessSeconds === undefined ? freshness.freshnessMs : detection.freshnessSeconds * 1_000;
  const wanted = incidents.filter((incident) =>
    isWorthAsking(incident, beforeOf(lastAssessed(incident.incidentId)), frameAt, freshness.recheckMs),
  );
  const groups = trafficGroups.filter((group) => {
    const last = beforeOf(lastAssessed(group.groupId));
    return !isCovered(group, wanted) && !stillAnswered(group, last?.at ?? null, frameAt, freshness.recheckMs);
  });
  const subjects = [
    ...groups.map((group) => groupSubject(detection, group)),
    ...wanted.filter(mayAsk).flatMap((incident) => incidentSubject(detection, incident) ?? []),
  ];
  return subjects.map((subject) => {
    const last = lastAssessed(subject.group.groupId);
    return {
      ...taskOf(detection, subject),
      priority: subject.priority,
      expiresAt: isoTime(frameAt + options.validityMs),
      freshUntil: isoTime(frameAt + freshMs),
      ...(last === null ? {} : { lastAssessed: last }),
    };
  });
}

const beforeOf = (last: LastAssessed | null): AskedBefore | null =>
  last === null ? null : { at: Date.parse(last.at), prior: last.prior };

function groupSubject({ detectedObjects, incidents, imageWidth }: Detection, group: PublishedGroup): Subject {
  const theirs = incidentsIn(group, incidents).slice(0, MOST.groupIncidents).map(briefly);
  return {
    group,
    members: group.memberIndices.flatMap((index) => detectedObjects[index] ?? []),
    prior: priorOf(group.features, imageWidth),
    priority: priorityOf(group.features, imageWidth),
    ...(theirs.length === 0 ? {} : { incidents: theirs }),
  };
}

/** Null when none of those who take part is seen in this frame. */
function incidentSubject(detection: Detection, incident: MeasuredIncident): Subject | null {
  const found = incidentGroup(incident, detection);
  if (found === null) return null;
  const [prior, priority] = [priorOfIncident(incident), priorityOfIncident(incident)];
  return { ...found, prior, priority, incident: briefly(incident) };
}

/** Without the ways of those who take part, which no question needs. */
const briefly = ({ trajectories: _trajectories, ...incident }: MeasuredIncident): MeasuredIncident => incident;

function taskOf(
  detection: Detection,
  { group, members, prior, incident, incidents }: Subject,
): Omit<AssessmentTask, 'priority' | 'expiresAt'> {
  const { requestId, cameraId, timestamp, traceId, imageWidth, imageHeight, prompt } = detection;
  return {
    taskId: taskId(requestId, group.groupIndex),
    requestId,
    cameraId,
    timestamp,
    traceId,
    prior,
    ...(prompt === undefined ? {} : { prompt }),
    group,
    ...(incident === undefined ? {} : { incident }),
    ...(incidents === undefined ? {} : { incidents }),
    members: [...members],
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
