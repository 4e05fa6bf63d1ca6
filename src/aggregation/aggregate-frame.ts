import type { Aggregate, MissingGroup, RiskAssessment } from '../messages/aggregate.ts';
import { type AssessmentResult, type GroupAssessment, isDangerous, type RiskLevel, worstRisk } from '../messages/assessment.ts';
import type { Detection } from '../messages/detection.ts';

/** Merges a detection with the answers that are in. Pure; `now` in epoch ms. Groups without an answer are `late`. */
export function aggregateFrame(detection: Detection, results: ReadonlyMap<number, AssessmentResult>, revision: number, now: number): Aggregate {
  const answers = detection.trafficGroups.flatMap(({ groupIndex }) => results.get(groupIndex) ?? []);
  const slowest = answers.toSorted((a, b) => b.metadata.llmLatency - a.metadata.llmLatency)[0];
  const { cameraId, requestId, timestamp, frameNumber, detectedObjects, trafficGroups, imageWidth, imageHeight, imageId, traceId } = detection;
  return {
    cameraId,
    requestId,
    timestamp,
    frameNumber,
    revision,
    publishedAt: new Date(now).toISOString(),
    detectedObjects,
    trafficGroups,
    riskAssessment: assess(detection, results, answers),
    llmLatency: slowest?.metadata.llmLatency ?? 0,
    llmModel: slowest?.metadata.llmModel ?? null,
    imageWidth,
    imageHeight,
    imageId,
    traceId,
  };
}

function assess(detection: Detection, results: ReadonlyMap<number, AssessmentResult>, answers: readonly AssessmentResult[]): RiskAssessment {
  const judged = answers.flatMap((answer): GroupAssessment[] => answer.results);
  const missingGroups = detection.trafficGroups.flatMap(({ groupIndex }): MissingGroup[] => {
    const answer = results.get(groupIndex);
    if (answer === undefined) return [{ groupIndex, reason: 'late' }];
    if (answer.error === undefined) return [];
    return [{ groupIndex, reason: answer.error.code === 'expired' ? 'expired' : 'failed' }];
  });
  // A group that nobody judged is unknown, whether or not somebody said so.
  const levels: RiskLevel[] = [...judged.map((each) => each.riskLevel), ...missingGroups.map(() => 'unknown' as const)];
  const maxRiskLevel = worstRisk(levels);
  const sources = new Set(answers.filter((answer) => answer.error === undefined).map((answer) => answer.source));
  return {
    maxRiskLevel,
    hasDangerousDriving: isDangerous(maxRiskLevel),
    results: judged,
    missingGroups,
    source: sources.size === 2 ? 'mixed' : ([...sources][0] ?? 'none'),
  };
}
