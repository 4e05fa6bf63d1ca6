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

export const EXPIRED: AssessmentFailure = {
  code: 'expired',
  message: 'the task was too old when it could be assessed',
};
/** Rules assess measured geometry, and a submitted picture has no measurements. */
const NOTHING_MEASURED: AssessmentFailure = {
  code: 'no-lease',
  message: 'no API key can be used now, and rules cannot judge a picture alone',
};
const UNREADABLE_LEVEL: AssessmentFailure = {
  code: 'unreadable-answer',
  message: 'the answer names no level that is known',
};

/** The result of a task that was assessed. A level of `unknown` carries its reason. */
const assessed = (
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

/** The result of a task that the model answered, checked against the measurements. `promptHash`: of its prompt. */
export function answeredByModel(
  task: AssessmentTask,
  answer: Answer,
  language: Language,
  metadata: ResultMetadata,
  now: number,
  promptHash?: string,
): AssessmentResult {
  if (answer.riskLevel === 'unknown') return unanswered(task, language, metadata, now, UNREADABLE_LEVEL);
  const weighed = weigh(answer, task, language);
  const result = assessed(task, weighed.answer, 'vlm', metadata, now);
  const { dispute } = weighed;
  const more = {
    ...(promptHash === undefined ? {} : { promptHash }),
    ...(dispute === null ? {} : { disputed: dispute }),
  };
  return { ...result, results: result.results.map((each) => ({ ...each, ...more })) };
}

/**
 * The result of a task where rules stood in for a model that could not be had. Null for a picture that somebody handed
 * in: nothing was measured on it, and rules assess only measurements.
 */
export function degraded(
  task: AssessmentTask,
  language: Language,
  metadata: ResultMetadata,
  now: number,
  reason: AssessmentFailure,
): AssessmentResult | null {
  if (task.cameraId === ON_DEMAND_CAMERA) return null;
  const metadataOfRules = { ...metadata, llmModel: null, apiKeyId: null };
  const result = assessed(task, assessByRules(task, language), 'rules', metadataOfRules, now);
  return { ...result, degraded: true, degradedReason: { ...reason, message: clipped(reason.message) } };
}

/**
 * The result of a task that ended without an answer of the model: `unknown`. Where its answer could not be read, or
 * said that it cannot tell, a danger that was measured stands: then the rules' result does.
 */
export function unanswered(
  task: AssessmentTask,
  language: Language,
  metadata: ResultMetadata,
  now: number,
  reason: AssessmentFailure,
): AssessmentResult {
  const measured = reason.code === 'unreadable-answer' ? degraded(task, language, metadata, now, reason) : null;
  const level = measured?.results[0]?.riskLevel ?? 'unknown';
  return measured !== null && isDangerous(level) ? measured : unknownResult(task, reason, 'vlm', metadata, now);
}

/** The result of a task that is assessed by rules because there is no model to ask. */
export function byRules(task: AssessmentTask, language: Language, now: number): AssessmentResult {
  if (now >= Date.parse(task.expiresAt)) return unknownResult(task, EXPIRED, 'rules', NO_CALL, now);
  if (task.cameraId === ON_DEMAND_CAMERA) return unknownResult(task, NOTHING_MEASURED, 'rules', NO_CALL, now);
  return assessed(task, assessByRules(task, language), 'rules', NO_CALL, now);
}

/** The result of a task that could not be assessed: `unknown`, never `none`. */
export const unknownResult = (
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

/** Cuts long texts to the size that a message may have. */
const within = (assessment: GroupAssessment): GroupAssessment => ({
  ...assessment,
  riskTypes: assessment.riskTypes.slice(0, MOST.riskTypes).map((type) => clipped(type, MOST.phrase)),
  description: clipped(assessment.description, MOST.description),
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
