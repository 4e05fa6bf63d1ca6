import type { Aggregate, MissingGroup } from '../messages/aggregate.ts';
import type { AssessmentResult, AssessmentSource, GroupAssessment } from '../messages/assessment.ts';

/**
 * Who gave answers, and what it took. One of a single answer, or one that restored answers share: an aggregate keeps
 * only their sum.
 */
export interface Judges {
  /** Empty when nobody judged. */
  readonly sources: readonly AssessmentSource[];
  readonly degraded: boolean;
  /** Seconds of the slowest. */
  readonly llmLatency: number;
  readonly llmModel: string | null;
}

/** What a frame keeps of the answer to one of its groups. */
export interface GroupAnswer {
  readonly results: readonly GroupAssessment[];
  /** Null when it was judged. */
  readonly missing: MissingGroup['reason'] | null;
  readonly by: Judges;
}

export function answerOf(result: AssessmentResult): GroupAnswer {
  const { error, source, degraded, degradedReason, metadata } = result;
  // Each group of an aggregate says itself why the model did not judge it.
  const results =
    degradedReason === undefined ? result.results : result.results.map((each) => ({ ...each, degradedReason }));
  const { llmLatency, llmModel } = metadata;
  const by: Judges = {
    sources: error === undefined ? [source] : [],
    degraded: error === undefined && degraded === true,
    llmLatency,
    llmModel,
  };
  return { results, missing: error === undefined ? null : reasonOf(error.code), by };
}

/** The answers that are in an aggregate, by group. Groups it calls `late` have none. */
export function answersIn({ riskAssessment, llmLatency, llmModel }: Aggregate): Map<number, GroupAnswer> {
  const { results, missingGroups, source, degraded } = riskAssessment;
  const by: Judges = {
    sources: source === 'mixed' ? ['vlm', 'rules'] : source === 'none' ? [] : [source],
    degraded,
    llmLatency,
    llmModel,
  };
  const answers = new Map<number, GroupAnswer>();
  for (const result of results) answers.set(result.groupIndex, { results: [result], missing: null, by });
  for (const { groupIndex, reason } of missingGroups) {
    if (reason === 'late') answers.delete(groupIndex);
    else answers.set(groupIndex, { results: answers.get(groupIndex)?.results ?? [], missing: reason, by });
  }
  return answers;
}

/** A judgement is better than the news that there is none; of two judgements the first stands. */
export const isBetter = (answer: GroupAnswer, than: GroupAnswer | undefined): boolean =>
  than === undefined || (than.missing !== null && answer.missing === null);

const reasonOf = (code: NonNullable<AssessmentResult['error']>['code']): MissingGroup['reason'] =>
  code === 'expired' || code === 'shed' ? code : 'failed';
