import { z } from 'zod';
import { GroupAssessment, RiskLevel } from './assessment.ts';
import { MOST } from './bounds.ts';
import { DetectedObject, PublishedGroup } from './detection.ts';
import { CameraId, ImageId, IsoTime, RequestId, TraceId } from './ids.ts';
import { Incident } from './incident.ts';

/** A group without an assessment, and why. */
export const MissingGroup = z.object({
  groupIndex: z.int().min(1),
  reason: z.enum(['late', 'expired', 'failed', 'shed']),
});
export type MissingGroup = z.infer<typeof MissingGroup>;

export const RiskAssessment = z.object({
  maxRiskLevel: RiskLevel,
  hasDangerousDriving: z.boolean(),
  results: z.array(GroupAssessment).max(MOST.groups),
  missingGroups: z.array(MissingGroup).max(MOST.groups),
  /** What assessed the groups: `mixed` when the model some and rules others, `none` when neither did. */
  source: z.enum(['vlm', 'rules', 'mixed', 'none']),
  /** True when rules assessed a group because the model was unavailable. */
  degraded: z.boolean().default(false),
});
export type RiskAssessment = z.infer<typeof RiskAssessment>;

/**
 * What subscribers get, one per analysed frame. Body of `aggregates.{cameraId}`, `alerts.{cameraId}` and the WebSocket
 * message `detection_result`.
 */
export const Aggregate = z.object({
  cameraId: CameraId,
  requestId: RequestId,
  timestamp: IsoTime,
  frameNumber: z.int().min(1),
  /**
   * 0 when the frame was detected, with carried verdicts and those of the rules. Revised when its last answer is in, or
   * at the freshness limit; later answers revise it again.
   */
  revision: z.int().min(0).max(MOST.revision),
  /** When the aggregate was made. `publishedAt - timestamp` is the latency up to the push. */
  publishedAt: IsoTime,
  detectedObjects: z.array(DetectedObject).max(MOST.objects),
  trafficGroups: z.array(PublishedGroup).max(MOST.groups),
  /** The frame's incidents, each with what stands about it. */
  incidents: z.array(Incident).max(MOST.incidents).default([]),
  riskAssessment: RiskAssessment,
  /** Slowest call among the groups, in seconds; 0 when no model was asked. */
  llmLatency: z.number().min(0),
  llmModel: z.string().max(MOST.name).nullable(),
  imageWidth: z.int().positive().max(MOST.side),
  imageHeight: z.int().positive().max(MOST.side),
  imageId: ImageId.nullable(),
  traceId: TraceId,
  /** The frame that this one replays, to be assessed again. */
  replayOf: RequestId.optional(),
});
export type Aggregate = z.infer<typeof Aggregate>;

/**
 * Whether this revision is an alert: the frame is the one in which an incident came to be dangerous, or some group has
 * a new verdict of high about road users whose incident has no alert. A carried verdict was an alert before, and one of
 * the rules is none while the model may still answer.
 */
export function isAlert(
  aggregate: Pick<Aggregate, 'requestId' | 'riskAssessment' | 'trafficGroups' | 'incidents'>,
): boolean {
  const { requestId, riskAssessment, trafficGroups, incidents } = aggregate;
  if (incidents.some(({ alertId }) => alertId === requestId)) return true;
  const news = riskAssessment.results.filter(
    ({ riskLevel, carried, reason }) => riskLevel === 'high' && carried !== true && reason !== 'pending',
  );
  if (news.length === 0) return false;
  const alerted = new Set(incidents.flatMap(({ alertId, objects }) => (alertId === undefined ? [] : objects)));
  return news.some(({ groupIndex, triggerObjectIds }) => {
    const group = trafficGroups.find((each) => each.groupIndex === groupIndex);
    const involved = triggerObjectIds.length > 0 ? triggerObjectIds : (group?.memberIndices ?? []);
    return !involved.some((objectId) => alerted.has(objectId));
  });
}

/**
 * As pushed on Redis `camera:{id}` and kept in `:latest`. `offset`: the aggregate's sequence in the stream AGGREGATES.
 */
export const PushedAggregate = Aggregate.extend({ offset: z.int().min(1) });
export type PushedAggregate = z.infer<typeof PushedAggregate>;

/**
 * The JSON of a {@link PushedAggregate}, from the JSON of its aggregate. The offset is known only once the stream has
 * that text; spliced in at the end, it costs no second `JSON.stringify`, and `RedisStore.follow` finds it without
 * parsing.
 */
export const withOffset = (aggregateJson: string, offset: number): string =>
  `${aggregateJson.slice(0, -1)},"offset":${offset}}`;
