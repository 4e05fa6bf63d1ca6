import type { AssessmentResult, GroupAssessment, RulesReason } from '../messages/assessment.ts';

/** A call to the model about one group or incident: its duration in seconds, and the model. */
export interface ModelCall {
  readonly llmLatency: number;
  readonly llmModel: string | null;
}

export const NO_CALL: ModelCall = { llmLatency: 0, llmModel: null };

/** The scheduler's answer about one group or incident of a frame. */
export type GroupAnswer =
  | {
      readonly by: 'model';
      readonly assessment: GroupAssessment;
      readonly call: ModelCall;
      /** Value of the question's prior. */
      readonly prior?: number;
    }
  | {
      readonly by: 'rules';
      readonly reason: RulesReason;
      /** Null when the scheduler gave only the reason. */
      readonly assessment: GroupAssessment | null;
      readonly call: ModelCall;
    };

export function answerOf(result: AssessmentResult): GroupAnswer {
  const { error, source, degradedReason, metadata, prior } = result;
  const [assessment] = result.results;
  const call = { llmLatency: metadata.llmLatency, llmModel: metadata.llmModel };
  if (assessment === undefined) return { by: 'rules', reason: error?.code ?? 'late', assessment: null, call };
  // The model itself cannot tell; every other failure leaves the group to the rules.
  const saysUnknown = source === 'vlm' && error?.code === 'unreadable-answer';
  if (error !== undefined && !saysUnknown) return { by: 'rules', reason: error.code, assessment: null, call };
  if (source === 'vlm') return { by: 'model', assessment, call, ...(prior === undefined ? {} : { prior }) };
  const reason = assessment.reason ?? degradedReason?.code ?? 'no-keys';
  return {
    by: 'rules',
    reason,
    assessment: degradedReason === undefined ? assessment : { ...assessment, degradedReason },
    call,
  };
}

/**
 * How much a reason tells. A failure tells more than the mere fact that the model had not answered, which tells more
 * than `pending`.
 */
export function rankOf(reason: RulesReason | null): 0 | 1 | 2 {
  if (reason === 'pending') return 0;
  return reason === null || NOT_ASKED.has(reason) ? 1 : 2;
}
const NOT_ASKED: ReadonlySet<RulesReason> = new Set<RulesReason>(['late', 'superseded', 'budget', 'no-keys']);

/** The model's answer replaces one of the rules; of two answers of a kind the first stands. */
export const isBetter = (answer: GroupAnswer, than: GroupAnswer | undefined): boolean =>
  than === undefined || (answer.by === 'model' && than.by === 'rules');
