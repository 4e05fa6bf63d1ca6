import type { Aggregate, MissingGroup } from '../messages/aggregate.ts';
import type { AssessmentResult, AssessmentSource, GroupAssessment } from '../messages/assessment.ts';

/**
 * Who gave an answer, and how long it took. The answers of a restored aggregate share one, as the aggregate does not
 * keep them apart.
 */
export interface AnswerOrigin {
  /** Empty when no assessment succeeded. */
  readonly sources: readonly AssessmentSource[];
  readonly degraded: boolean;
  /** Seconds of the slowest call. */
  readonly llmLatency: number;
  readonly llmModel: string | null;
}

/** The part of an answer to one group that its frame keeps. */
export interface GroupAnswer {
  readonly results: readonly GroupAssessment[];
  /** Why there is no assessment; null when there is one. */
  readonly missing: MissingGroup['reason'] | null;
  readonly origin: AnswerOrigin;
}

export function answerOf(result: AssessmentResult): GroupAnswer {
  const { error, source, degraded, degradedReason, metadata } = result;
  // Each group of an aggregate says why the model did not assess it.
  const results =
    degradedReason === undefined ? result.results : result.results.map((each) => ({ ...each, degradedReason }));
  const { llmLatency, llmModel } = metadata;
  const origin: AnswerOrigin = {
    sources: error === undefined ? [source] : [],
    degraded: error === undefined && degraded === true,
    llmLatency,
    llmModel,
  };
  return { results, missing: error === undefined ? null : reasonOf(error.code), origin };
}

/** The answers in an aggregate, by group. Groups that it calls `late` have none. */
export function answersIn({ riskAssessment, llmLatency, llmModel }: Aggregate): Map<number, GroupAnswer> {
  const { results, missingGroups, source, degraded } = riskAssessment;
  const origin: AnswerOrigin = {
    sources: source === 'mixed' ? ['vlm', 'rules'] : source === 'none' ? [] : [source],
    degraded,
    llmLatency,
    llmModel,
  };
  const answers = new Map<number, GroupAnswer>();
  for (const result of results) answers.set(result.groupIndex, { results: [result], missing: null, origin });
  for (const { groupIndex, reason } of missingGroups) {
    if (reason === 'late') answers.delete(groupIndex);
    else answers.set(groupIndex, { results: answers.get(groupIndex)?.results ?? [], missing: reason, origin });
  }
  return answers;
}

/** An assessment replaces a failure; of two assessments the first stands. */
export const isBetter = (answer: GroupAnswer, than: GroupAnswer | undefined): boolean =>
  than === undefined || (than.missing !== null && answer.missing === null);

const reasonOf = (code: NonNullable<AssessmentResult['error']>['code']): MissingGroup['reason'] =>
  code === 'expired' || code === 'shed' ? code : 'failed';
