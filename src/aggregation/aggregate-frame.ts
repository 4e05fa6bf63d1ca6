import type { Aggregate, RiskAssessment } from '../messages/aggregate.ts';
import { type AssessmentSource, type GroupAssessment, isDangerous, worstRisk } from '../messages/assessment.ts';
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

/**
 * All of an aggregate but the facts of its frame. `publishedAt`: epoch ms. Pure.
 *
 * @param results one for each group
 * @param calls about these groups, in any order
 */
export function assessedPart(
  results: readonly GroupAssessment[],
  calls: readonly ModelCall[],
  revision: number,
  publishedAt: number,
): Omit<Aggregate, keyof FrameFacts> {
  let slowest: ModelCall | undefined;
  for (const call of calls) if (slowest === undefined || call.llmLatency > slowest.llmLatency) slowest = call;
  return {
    revision,
    publishedAt: new Date(publishedAt).toISOString(),
    riskAssessment: assess(results),
    llmLatency: slowest?.llmLatency ?? 0,
    llmModel: slowest?.llmModel ?? null,
  };
}

function assess(results: readonly GroupAssessment[]): RiskAssessment {
  const maxRiskLevel = worstRisk(results.map(({ riskLevel }) => riskLevel));
  const has = (source: AssessmentSource): boolean =>
    results.some((each) => each.source === source && each.riskLevel !== 'unknown');
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
