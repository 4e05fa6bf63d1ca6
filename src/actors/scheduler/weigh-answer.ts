import { heardWitness, NEVER_SILENCED } from '../../aggregation/witness.ts';
import type { Answer } from '../../llm/answer.ts';
import { describeIncident } from '../../llm/incident-words.ts';
import type { Language } from '../../llm/language.ts';
import { assessByMeasurements } from '../../llm/measured.ts';
import { clipped } from '../../messages/bounds.ts';
import type { Dispute } from '../../messages/assessment.ts';
import type { MeasuredIncident } from '../../messages/incident.ts';
import type { AssessmentTask } from '../../messages/task.ts';

export interface Weighed {
  readonly answer: Answer;
  readonly dispute: Dispute | null;
}

/** The incidents that a task is about: its own, or those in which members of its group take part. */
export const measuredIn = ({ incident, incidents = [] }: AssessmentTask): readonly MeasuredIncident[] =>
  incident === undefined ? incidents : [incident];

/**
 * Holds the model's answer against the incident that was measured; for a group, against the worst of those that no
 * single answer may silence. Where the answer alone does not count, the level is that of {@link heardWitness} and the
 * dispute has the model's own; its words stay. `unknown` is never held against anything. Pure.
 */
export function weighAnswer(answer: Answer, task: AssessmentTask, language: Language): Weighed {
  const measured = task.incident ?? task.incidents?.find(({ kind }) => NEVER_SILENCED.has(kind));
  if (measured === undefined || answer.riskLevel === 'unknown') return { answer, dispute: null };
  const { level } = heardWitness(measured.kind, measured.severity, answer.riskLevel);
  if (level === answer.riskLevel) return { answer, dispute: null };
  const byNumbers = assessByMeasurements({ members: task.members, incidents: [measured] }, language);
  const ownObjects = answer.triggerObjectIds.length > 0;
  return {
    answer: {
      ...answer,
      riskLevel: level,
      riskTypes: answer.riskTypes.length > 0 ? answer.riskTypes : byNumbers.riskTypes,
      dangerObjectCount: ownObjects ? answer.dangerObjectCount : byNumbers.dangerObjectCount,
      triggerObjectIds: ownObjects ? answer.triggerObjectIds : byNumbers.triggerObjectIds,
    },
    dispute: {
      measured: measured.severity,
      model: answer.riskLevel,
      description: clipped(describeIncident(measured, language)),
    },
  };
}
