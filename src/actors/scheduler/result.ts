import { toGroupAssessment, type Answer } from '../../llm/answer.ts';
import type { Language } from '../../llm/language.ts';
import { assessByMeasurements } from '../../llm/measured.ts';
import {
  isDangerous,
  type AssessmentFailure,
  type AssessmentResult,
  type GroupAssessment,
  type RulesReason,
} from '../../messages/assessment.ts';
import { clipped, MOST } from '../../messages/bounds.ts';
import { ON_DEMAND_CAMERA } from '../../messages/ids.ts';
import type { ReleaseMark } from '../../messages/release-mark.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { SchedulerMode } from './scheduler.types.ts';
import { measuredIn, weighAnswer } from './weigh-answer.ts';

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
export const SHED: AssessmentFailure = {
  code: 'shed',
  message: 'more tasks waited than could be assessed in time, and this one was of the lowest priority among them',
};
const UNREADABLE_LEVEL: AssessmentFailure = {
  code: 'unreadable-answer',
  message: 'the answer names no level that is known',
};

/** Why rules answer as a matter of course, so that nothing failed: see {@link RulesReason}. */
export type PlannedReason = 'no-keys' | 'budget' | 'superseded';
/** The failure of a picture that was handed in: rules assess measurements, and it has none. */
const NOTHING_MEASURED: Readonly<Record<PlannedReason, AssessmentFailure>> = {
  'no-keys': { code: 'no-lease', message: 'no API key can be used now, and rules cannot assess a picture alone' },
  budget: { code: 'budget', message: 'no call may be spent now, and rules cannot assess a picture alone' },
  superseded: { code: 'superseded', message: 'a newer question took its place' },
};

/**
 * The result of a task that the model answered, checked against the measurements. Where the model says that it cannot
 * tell, a danger that was measured stands: then it is the rules' result. `asked`: the hash of the prompt, and the
 * answer as the model wrote it, which is kept where either of them is dangerous.
 */
export function answeredByModel(
  task: AssessmentTask,
  answer: Answer,
  language: Language,
  metadata: ResultMetadata,
  now: number,
  asked: { readonly promptHash?: string; readonly reply?: string | undefined } = {},
): AssessmentResult {
  const { promptHash, reply } = asked;
  const hash = promptHash === undefined ? {} : { promptHash };
  if (answer.riskLevel === 'unknown') {
    const byRules = withoutModel(task, language, metadata, now, UNREADABLE_LEVEL);
    const measured = byRules.results[0]?.riskLevel ?? 'unknown';
    if (isDangerous(measured)) return byRules;
    const unsure = unknownResult(task, UNREADABLE_LEVEL, 'vlm', metadata, now);
    return { ...unsure, results: unsure.results.map((each) => ({ ...each, ...hash })) };
  }
  const weighed = weighAnswer(answer, task, language);
  const isEvidence = isDangerous(answer.riskLevel) || isDangerous(weighed.answer.riskLevel);
  const more = {
    ...hash,
    ...(weighed.dispute === null ? {} : { disputed: weighed.dispute }),
    ...(isEvidence && reply !== undefined ? { reply } : {}),
  };
  return {
    ...head(task, now),
    results: [{ ...groupOf(task, weighed.answer, 'vlm'), ...more }],
    source: 'vlm',
    metadata,
  };
}

/** The result with the mark of the way that judged it; null: no release had a share. */
export const markedBy = (result: AssessmentResult, release: ReleaseMark | null): AssessmentResult =>
  release === null ? result : { ...result, results: result.results.map((each) => ({ ...each, release })) };

/** The result with the tokens and the cost of its calls, beside replies that are kept. */
export const withSpent = (result: AssessmentResult, cost: number): AssessmentResult => {
  const { promptTokens, completionTokens } = result.metadata;
  const spent = { promptTokens, completionTokens, cost };
  return { ...result, results: result.results.map((each) => (each.reply === undefined ? each : { ...each, spent })) };
};

/**
 * The result of a task whose model could not be had, for whatever reason: the rules', marked `degraded` with the
 * failure. `unknown` for a picture that was handed in, as rules assess only measurements.
 */
export function withoutModel(
  task: AssessmentTask,
  language: Language,
  metadata: ResultMetadata,
  now: number,
  failure: AssessmentFailure,
): AssessmentResult {
  if (isHandedIn(task)) return unknownResult(task, failure, 'vlm', metadata, now);
  const metadataOfRules = { ...metadata, llmModel: null, apiKeyId: null };
  return {
    ...ruled(task, language, failure.code, metadataOfRules, now),
    degraded: true,
    degradedReason: { ...failure, message: clipped(failure.message) },
  };
}

/**
 * The rules' result where the model is not asked, on purpose: nothing failed, so it is not `degraded`. `unknown` for a
 * picture that was handed in.
 */
export const rulesInstead = (
  task: AssessmentTask,
  language: Language,
  reason: PlannedReason,
  now: number,
): AssessmentResult =>
  isHandedIn(task)
    ? unknownResult(task, NOTHING_MEASURED[reason], 'rules', NO_CALL, now)
    : ruled(task, language, reason, NO_CALL, now);

const ruled = (
  task: AssessmentTask,
  language: Language,
  reason: RulesReason,
  metadata: ResultMetadata,
  now: number,
): AssessmentResult => ({
  ...head(task, now),
  results: [
    {
      ...groupOf(task, assessByMeasurements({ members: task.members, incidents: measuredIn(task) }, language), 'rules'),
      reason,
    },
  ],
  source: 'rules',
  metadata,
});

/** The result of a task that could not be assessed: `unknown`, never `none`. */
const unknownResult = (
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
      source,
      assessedAt: task.timestamp,
    },
  ],
  source,
  metadata,
  error: { ...error, message: clipped(error.message) },
});

const isHandedIn = ({ cameraId }: AssessmentTask): boolean => cameraId === ON_DEMAND_CAMERA;

const groupOf = (task: AssessmentTask, answer: Answer, source: SchedulerMode): GroupAssessment => ({
  ...within(toGroupAssessment(answer, task)),
  source,
  assessedAt: task.timestamp,
});

/** Cuts long texts to the size that a message may have. */
const within = (assessment: GroupAssessment): GroupAssessment => ({
  ...assessment,
  riskTypes: assessment.riskTypes.slice(0, MOST.riskTypes).map((type) => clipped(type, MOST.phrase)),
  description: clipped(assessment.description, MOST.description),
});

/** The fields that name the task, its group and its frame. */
const head = (task: AssessmentTask, now: number): Omit<AssessmentResult, 'results' | 'source' | 'metadata'> => ({
  taskId: task.taskId,
  requestId: task.requestId,
  cameraId: task.cameraId,
  timestamp: new Date(now).toISOString(),
  traceId: task.traceId,
  groupIndex: task.group.groupIndex,
  ...(isHandedIn(task) ? {} : { groupId: task.group.groupId, frameTimestamp: task.timestamp }),
  ...(task.prior === undefined ? {} : { prior: task.prior.value }),
});
