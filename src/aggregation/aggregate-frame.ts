import type { Aggregate, RiskAssessment } from '../messages/aggregate.ts';
import { type AssessmentSource, type GroupAssessment, isDangerous, worstRisk } from '../messages/assessment.ts';
import type { Incident } from '../messages/incident.ts';
import type { Publication } from './aggregation.types.ts';
import type { ModelCall } from './group-answer.ts';

/** The fields of a frame that its detection has, and every aggregate of it. */
export type FrameFacts = Pick<
  Aggregate,
  | 'cameraId'
  | 'requestId'
  | 'timestamp'
  | 'frameNumber'
  | 'detectedObjects'
  | 'trafficGroups'
  | 'imageWidth'
  | 'imageHeight'
  | 'imageId'
  | 'traceId'
  | 'replayOf'
>;

/** A copy with these fields only, of a detection or an aggregate. */
export function factsOf(of: FrameFacts): FrameFacts {
  const {
    cameraId,
    requestId,
    timestamp,
    frameNumber,
    detectedObjects,
    trafficGroups,
    imageWidth,
    imageHeight,
    imageId,
    traceId,
    replayOf,
  } = of;
  return {
    cameraId,
    requestId,
    timestamp,
    frameNumber,
    detectedObjects,
    trafficGroups,
    imageWidth,
    imageHeight,
    imageId,
    traceId,
    ...(replayOf === undefined ? {} : { replayOf }),
  };
}

/** The verdicts on the subjects of a frame. */
export interface AssessedSubjects {
  /** One for each group. */
  readonly results: readonly GroupAssessment[];
  readonly incidents: Incident[];
  /** About these groups and incidents, in any order. */
  readonly calls: readonly ModelCall[];
}

/** All of an aggregate but the facts of its frame. `publishedAt`: epoch ms. Pure. */
export function assessedPart(
  { results, incidents, calls }: AssessedSubjects,
  revision: number,
  publishedAt: number,
): Omit<Aggregate, keyof FrameFacts> {
  let slowest: ModelCall | undefined;
  for (const call of calls) if (slowest === undefined || call.llmLatency > slowest.llmLatency) slowest = call;
  return {
    revision,
    publishedAt: new Date(publishedAt).toISOString(),
    incidents,
    riskAssessment: assess(results, incidents),
    llmLatency: slowest?.llmLatency ?? 0,
    llmModel: slowest?.llmModel ?? null,
  };
}

function assess(results: readonly GroupAssessment[], incidents: readonly Incident[]): RiskAssessment {
  const verdicts = incidents.flatMap(({ verdict, mergedInto }) => (mergedInto === undefined ? [verdict] : []));
  const maxRiskLevel = worstRisk([...results.map(({ riskLevel }) => riskLevel), ...verdicts.map(({ level }) => level)]);
  const has = (source: AssessmentSource): boolean =>
    results.some((each) => each.source === source && each.riskLevel !== 'unknown') ||
    verdicts.some((each) => each.source === source);
  const [byModel, byRules] = [has('vlm'), has('rules')];
  return {
    maxRiskLevel,
    hasDangerousDriving: isDangerous(maxRiskLevel),
    results: [...results],
    missingGroups: [],
    source: byModel && byRules ? 'mixed' : byModel ? 'vlm' : byRules ? 'rules' : 'none',
    degraded: results.some(({ source, degradedReason }) => source === 'rules' && degradedReason !== undefined),
  };
}

/** An alert that AGGREGATES has, for ALERTS again. */
export const alertAgain = (aggregate: Aggregate): Publication => ({
  aggregate,
  json: JSON.stringify(aggregate),
  alertOnly: true,
  newVerdicts: 0,
  late: false,
});
