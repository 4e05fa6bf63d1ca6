import type { Picture } from '../../llm/picture.ts';
import type { AssessmentFailure, RiskLevel } from '../../messages/assessment.ts';
import { clipped, MOST } from '../../messages/bounds.ts';
import type { Judgement, ReleaseOutcome } from '../../messages/release.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { JudgingWay } from './judging-ways.ts';
import type { ResultMetadata } from './result.ts';

/** How one way judged a task: an answer of the model, or a failure. */
export interface Judged {
  readonly way: JudgingWay;
  readonly level: RiskLevel;
  readonly failure: AssessmentFailure['code'] | null;
  readonly promptHash: string;
  readonly metadata: ResultMetadata;
  /** The pictures that the model saw: read already when it answered. */
  readonly pictures: () => Promise<readonly Picture[] | null>;
}

/** `cost`: of all calls, in the currency of the prices. */
export const judgementOf = (
  { level, failure, promptHash, metadata }: Omit<Judged, 'way' | 'pictures'>,
  cost: number,
): Judgement => ({
  level: failure === null ? level : 'unknown',
  seconds: (metadata.calls?.length ?? 0) === 0 ? null : metadata.llmLatency,
  cost,
  model: metadata.llmModel === null ? null : clipped(metadata.llmModel, MOST.name),
  promptHash,
  ...(failure === null ? {} : { failure }),
});

/** The fields that name the question of an outcome. */
export const questionOfOutcome = (
  releaseId: string,
  { cameraId, requestId, timestamp, group }: AssessmentTask,
): Omit<Extract<ReleaseOutcome, { type: 'pair' }>, 'type' | 'present' | 'candidate'> => ({
  releaseId,
  cameraId,
  requestId,
  groupId: group.groupId,
  at: timestamp,
  cropId: group.cropId,
});
