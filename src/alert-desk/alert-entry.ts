import { z } from 'zod';
import { Aggregate } from '../messages/aggregate.ts';
import { type RiskLevel, worstRisk } from '../messages/assessment.ts';
import { clipped } from '../messages/bounds.ts';
import { Incident, IncidentVerdict } from '../messages/incident.ts';
import type { EventKind } from '../messages/scene-constants.ts';
import { alertKinds } from './shelved.ts';

/** Characters of a description, and incidents, that the list keeps of an alert. */
const MOST_DESCRIPTION = 300;
const MOST_INCIDENTS = 20;

/** The parts of an alert that the list needs. A body without them is null. */
export const ListedAlert = Aggregate.pick({
  cameraId: true,
  requestId: true,
  timestamp: true,
  publishedAt: true,
  imageId: true,
  replayOf: true,
})
  .extend({
    incidents: z
      .array(
        Incident.pick({ incidentId: true, kind: true, state: true, severity: true, alertId: true }).extend({
          verdict: IncidentVerdict.pick({ status: true, level: true, description: true }),
        }),
      )
      .default([]),
    riskAssessment: Aggregate.shape.riskAssessment.pick({ maxRiskLevel: true, source: true }).extend({
      results: z.array(
        z.object({ riskLevel: Aggregate.shape.riskAssessment.shape.maxRiskLevel, description: z.string() }),
      ),
    }),
  })
  .nullable()
  .catch(null);
export type ListedAlert = NonNullable<z.infer<typeof ListedAlert>>;

/** An incident as the list has it; `verdict`: what the model made of it. */
export interface EntryIncident {
  readonly incidentId: string;
  readonly kind: EventKind;
  readonly state: 'open' | 'closed';
  readonly severity: 'low' | 'medium' | 'high';
  readonly verdict: IncidentVerdict['status'];
}

/** An alert in the list, as its newest revision has it. */
export interface AlertEntry {
  readonly alertId: string;
  readonly cameraId: string;
  /** Time of the frame, or of the assessment for a replayed frame; epoch ms. */
  readonly at: number;
  /** Of the newest revision, in the stream ALERTS. */
  readonly seq: number;
  readonly level: RiskLevel;
  /** Of the incidents that it is the alert about. */
  readonly kinds: readonly EventKind[];
  readonly incidents: readonly EntryIncident[];
  readonly description: string;
  readonly source: 'vlm' | 'rules' | 'mixed' | 'none';
  readonly imageId: string | null;
}

/** Pure. */
export function alertEntry(alert: ListedAlert, seq: number): AlertEntry {
  const { requestId, cameraId, timestamp, publishedAt, replayOf, imageId, riskAssessment } = alert;
  const own = alert.incidents.filter(({ alertId }) => alertId === requestId);
  const verdicts = own.map(({ verdict }) => verdict);
  const level =
    verdicts.length === 0 ? riskAssessment.maxRiskLevel : worstRisk(verdicts.map((verdict) => verdict.level));
  const told =
    verdicts.find((verdict) => verdict.level === level) ??
    riskAssessment.results.find(({ riskLevel }) => riskLevel === level);
  return {
    alertId: requestId,
    cameraId,
    at: Date.parse(replayOf === undefined ? timestamp : publishedAt),
    seq,
    level,
    kinds: alertKinds(alert),
    incidents: own.slice(0, MOST_INCIDENTS).map(({ incidentId, kind, state, severity, verdict }) => ({
      incidentId,
      kind,
      state,
      severity,
      verdict: verdict.status,
    })),
    description: clipped(told?.description ?? '', MOST_DESCRIPTION),
    source: riskAssessment.source,
    imageId,
  };
}
