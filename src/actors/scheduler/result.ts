import { toGroupAssessment, type Answer } from '../../llm/answer.ts';
import { weigh } from '../../llm/dispute.ts';
import type { Language } from '../../llm/language.ts';
import { assessByRules } from '../../llm/rules.ts';
import {
  isDangerous,
  type AssessmentFailure,
  type AssessmentResult,
  type GroupAssessment,
} from '../../messages/assessment.ts';
import { clipped, MOST } from '../../messages/bounds.ts';
import { ON_DEMAND_CAMERA } from '../../messages/ids.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { SchedulerMode } from './scheduler.types.ts';

export type ResultMetadata = AssessmentResult['metadata'];

export const NO_CALL: ResultMetadata = {
  llmLatency: 0,
  llmModel: null,
  apiKeyId: null,
  retryCount: 0,
  promptTokens: 0,
  completionTokens: 0,
};

const UNREADABLE_LEVEL: AssessmentFailure = {
  code: 'unreadable-answer',
  message: 'the answer names no level that is known',
};

/** The result of a task that was judged. A level of `unknown` carries its reason. */
export const judged = (
  task: AssessmentTask,
  answer: Answer,
  source: SchedulerMode,
  metadata: ResultMetadata,
  now: number,
): AssessmentResult => ({
  ...head(task, now),
  results: [within(toGroupAssessment(answer, task))],
  source,
  metadata,
  ...(answer.riskLevel === 'unknown' ? { error: UNREADABLE_LEVEL } : {}),
});

/** The result of a task that the model answered, held against what was measured. */
export function judgedByModel(
  task: AssessmentTask,
  answer: Answer,
  language: Language,
  metadata: ResultMetadata,
  now: number,
): AssessmentResult {
  if (answer.riskLevel === 'unknown') return unread(task, language, metadata, now, UNREADABLE_LEVEL);
  const weighed = weigh(answer, task, language);
  const result = judged(task, weighed.answer, 'vlm', metadata, now);
  const { dispute } = weighed;
  if (dispute === null) return result;
  return { ...result, results: result.results.map((each) => ({ ...each, disputed: dispute })) };
}

/**
 * The result of a task that the model should have judged and could not: rules did, from what was measured. Null where
 * nothing was, as on a picture that somebody handed in.
 */
export function degraded(
  task: AssessmentTask,
  language: Language,
  metadata: ResultMetadata,
  now: number,
  reason: AssessmentFailure,
): AssessmentResult | null {
  if (task.cameraId === ON_DEMAND_CAMERA) return null;
  const byRules = judged(
    task,
    assessByRules(task, language),
    'rules',
    { ...metadata, llmModel: null, apiKeyId: null },
    now,
  );
  return { ...byRules, degraded: true, degradedReason: { ...reason, message: clipped(reason.message) } };
}

/**
 * The result of a task that ended without a judgement of the model: `unknown`. Where the model's answer could not be
 * read, or was that it cannot tell, a danger that was measured stands, and rules judge.
 */
export function unread(
  task: AssessmentTask,
  language: Language,
  metadata: ResultMetadata,
  now: number,
  reason: AssessmentFailure,
): AssessmentResult {
  const byRules = reason.code === 'unreadable-answer' ? degraded(task, language, metadata, now, reason) : null;
  const level = byRules?.results[0]?.riskLevel ?? 'unknown';
  return byRules !== null && isDangerous(level) ? byRules : unjudged(task, reason, 'vlm', metadata, now);
}

/** The result of a task that could not be judged: `unknown`, never `none`. */
export const unjudged = (
  task: AssessmentTask,
  error: AssessmentFailure,
  source: SchedulerMode,
  metadata: ResultMetadata,
  now: number,
): AssessmentResult => ({
  ...head(task, now),
  results: [
    {
      groupIndex: task.group.groupIndex,
      riskLevel: 'unknown',
      confidence: 0,
      riskTypes: [],
      description: '',
      dangerObjectCount: 0,
      triggerObjectIds: [],
    },
  ],
  source,
  metadata,
  error: { ...error, message: clipped(error.message) },
});

/** What a judge says at length is cut to what a message may hold. */
const within = (judgement: GroupAssessment): GroupAssessment => ({
  ...judgement,
  riskTypes: judgement.riskTypes.slice(0, MOST.riskTypes).map((type) => clipped(type, MOST.phrase)),
  description: clipped(judgement.description, MOST.description),
});

const head = (
  task: AssessmentTask,
  now: number,
): Pick<AssessmentResult, 'taskId' | 'requestId' | 'cameraId' | 'timestamp' | 'traceId' | 'groupIndex'> => ({
  taskId: task.taskId,
  requestId: task.requestId,
  cameraId: task.cameraId,
  timestamp: new Date(now).toISOString(),
  traceId: task.traceId,
  groupIndex: task.group.groupIndex,
});
