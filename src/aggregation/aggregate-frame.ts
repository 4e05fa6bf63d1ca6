import type { Aggregate, MissingGroup, RiskAssessment } from '../messages/aggregate.ts';
import { isDangerous, type RiskLevel, worstRisk } from '../messages/assessment.ts';
import type { GroupAnswer } from './group-answer.ts';

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

/** Merges a frame with its answers so far. Groups without one are `late`. `publishedAt`: epoch ms. Pure. */
export function aggregateFrame(
  facts: FrameFacts,
  answers: ReadonlyMap<number, GroupAnswer>,
  revision: number,
  publishedAt: number,
): Aggregate {
  const inOrder = facts.trafficGroups.flatMap(({ groupIndex }) => answers.get(groupIndex) ?? []);
  const slowest = inOrder.map(({ origin }) => origin).toSorted((a, b) => b.llmLatency - a.llmLatency)[0];
  return {
    ...facts,
    revision,
    publishedAt: new Date(publishedAt).toISOString(),
    riskAssessment: assess(facts, answers, inOrder),
    llmLatency: slowest?.llmLatency ?? 0,
    llmModel: slowest?.llmModel ?? null,
  };
}

function assess(
  { trafficGroups }: FrameFacts,
  answers: ReadonlyMap<number, GroupAnswer>,
  inOrder: readonly GroupAnswer[],
): RiskAssessment {
  const assessed = inOrder.flatMap(({ results }) => results);
  const missingGroups = trafficGroups.flatMap(({ groupIndex }): MissingGroup[] => {
    const answer = answers.get(groupIndex);
    const reason = answer === undefined ? 'late' : answer.missing;
    return reason === null ? [] : [{ groupIndex, reason }];
  });
  // A group without an assessment is unknown, whether an answer said so or none came.
  const levels: RiskLevel[] = [
    ...assessed.map((each) => each.riskLevel),
    ...missingGroups.map(() => 'unknown' as const),
  ];
  const maxRiskLevel = worstRisk(levels);
  const sources = new Set(inOrder.flatMap(({ origin }) => origin.sources));
  return {
    maxRiskLevel,
    hasDangerousDriving: isDangerous(maxRiskLevel),
    results: assessed,
    missingGroups,
    source: sources.size === 2 ? 'mixed' : ([...sources][0] ?? 'none'),
    degraded: inOrder.some(({ origin }) => origin.degraded),
  };
}
