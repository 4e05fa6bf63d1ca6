import type { Aggregate } from '../messages/aggregate.ts';
import type { AlarmLevel } from '../messages/alarm.ts';
import { isDangerous, worstRisk } from '../messages/assessment.ts';
import type { CameraId, RequestId } from '../messages/ids.ts';
import type { Incident } from '../messages/incident.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import { groupTrust, incidentTrust } from './alarm-trust.ts';

/** The part of one incident of an alert that the guard needs; of an alert about groups, of the alert itself. */
export interface IncidentFacts {
  /** Unique: the incident's id, or the alert's for an alert about groups. */
  readonly key: string;
  readonly incidentId: string | null;
  readonly kind: EventKind | null;
  readonly level: AlarmLevel;
  /** Points, see `alarm-trust.ts`. */
  readonly trust: number;
  /** False once the model has talked the danger away. */
  readonly dangerous: boolean;
  /** The model agrees that it is dangerous. */
  readonly confirmed: boolean;
  /** The incident has ended. */
  readonly over: boolean;
}

/** One revision of an alert, in the order of the stream. */
export interface AlertFacts {
  readonly alertId: RequestId;
  readonly cameraId: CameraId;
  /** When the revision was made, at the latest when it was stored; epoch ms. */
  readonly at: number;
  /** Time of the frame, epoch ms. */
  readonly frameAt: number;
  readonly incidents: readonly IncidentFacts[];
}

/**
 * The facts of an alert. Pure.
 *
 * @param storedAt when the stream stored the revision, epoch ms
 */
export function alertFacts(alert: Aggregate, storedAt: number): AlertFacts {
  const { requestId, cameraId, timestamp, publishedAt, incidents } = alert;
  const own = incidents.filter(({ alertId }) => alertId === requestId);
  return {
    alertId: requestId,
    cameraId,
    // The clock of another machine may run ahead: it must not push the time of all forward.
    at: Math.min(Date.parse(publishedAt), storedAt),
    frameAt: Date.parse(timestamp),
    incidents: own.length === 0 ? [groupFacts(alert)] : own.map((each) => incidentFacts(each, alert)),
  };
}

function incidentFacts(incident: Incident, alert: Aggregate): IncidentFacts {
  const { incidentId, kind, state, verdict } = incident;
  const { level, status } = verdict;
  return {
    key: incidentId,
    incidentId,
    kind,
    level: level === 'high' ? 'high' : 'medium',
    trust: incidentTrust(incident, alert.detectedObjects),
    dangerous: isDangerous(level),
    confirmed: status === 'confirmed' || status === 'raised',
    over: state === 'closed',
  };
}

function groupFacts({ requestId, riskAssessment }: Aggregate): IncidentFacts {
  const { results } = riskAssessment;
  const level = worstRisk(results.map(({ riskLevel }) => riskLevel)) === 'high' ? 'high' : 'medium';
  const worst = results.filter(({ riskLevel }) => riskLevel === level);
  return {
    key: requestId,
    incidentId: null,
    kind: null,
    level,
    trust: groupTrust(worst),
    dangerous: true,
    confirmed: worst.some(({ source, disputed }) => source === 'vlm' && disputed === undefined),
    // An alert about a group tells of one moment.
    over: true,
  };
}
