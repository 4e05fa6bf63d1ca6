import type { Aggregate, MissingGroup, RiskAssessment } from '../messages/aggregate.ts';
import { isDangerous, type RiskLevel, worstRisk } from '../messages/assessment.ts';
import type { GroupAnswer } from './group-answer.ts';

/** What of a frame its detection says: in the detection, and in every aggregate of it. */
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
 * Merges a frame with the answers that are in. Pure; `publishedAt` in epoch ms. Groups without an answer are `late`.
 */
export function aggregateFrame(
  facts: FrameFacts,
  answers: ReadonlyMap<number, GroupAnswer>,
  revision: number,
  publishedAt: number,
): Aggregate {
  const inOrder = facts.trafficGroups.flatMap(({ groupIndex }) => answers.get(groupIndex) ?? []);
  const slowest = inOrder.map(({ by }) => by).toSorted((a, b) => b.llmLatency - a.llmLatency)[0];
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
  const judged = inOrder.flatMap(({ results }) => results);
  const missingGroups = trafficGroups.flatMap(({ groupIndex }): MissingGroup[] => {
    const answer = answers.get(groupIndex);
    const reason = answer === undefined ? 'late' : answer.missing;
    return reason === null ? [] : [{ groupIndex, reason }];
  });
  // A group that nobody judged is unknown, whether or not somebody said so.
  const levels: RiskLevel[] = [...judged.map((each) => each.riskLevel), ...missingGroups.map(() => 'unknown' as const)];
  const maxRiskLevel = worstRisk(levels);
  const sources = new Set(inOrder.flatMap(({ by }) => by.sources));
  return {
    maxRiskLevel,
    hasDangerousDriving: isDangerous(maxRiskLevel),
    results: judged,
    missingGroups,
    source: sources.size === 2 ? 'mixed' : ([...sources][0] ?? 'none'),
    degraded: inOrder.some(({ by }) => by.degraded),
  };
}
