import type { Dispute, RiskLevel } from '../messages/assessment.ts';
import type { AssessmentTask } from '../messages/task.ts';
import type { Answer } from './answer.ts';
import type { Language } from './language.ts';
import { assessByRules } from './rules.ts';

/** The comparable levels, mildest first. */
const STEPS = ['none', 'low', 'medium', 'high'] as const satisfies readonly RiskLevel[];
const stepOf = (level: RiskLevel): number => STEPS.findIndex((step) => step === level);

export interface Weighed {
  readonly answer: Answer;
  readonly dispute: Dispute | null;
}

/**
 * Compares a model's answer with the rules' answer to the measurements. An answer more than one step milder is
 * disputed: its level becomes one step below the measured one, its words stay. `unknown` cannot be compared, and a
 * picture that was handed in has no measurements. Pure.
 */
export function weigh(answer: Answer, task: AssessmentTask, language: Language): Weighed {
  if (task.members.length === 0 || answer.riskLevel === 'unknown') return { answer, dispute: null };
  const measured = assessByRules(task, language);
  const riskLevel = STEPS[stepOf(measured.riskLevel) - 1];
  if (riskLevel === undefined || stepOf(answer.riskLevel) >= stepOf(riskLevel)) return { answer, dispute: null };
  const ownObjects = answer.triggerObjectIds.length > 0;
  return {
    answer: {
      ...answer,
      riskLevel,
      riskTypes: answer.riskTypes.length > 0 ? answer.riskTypes : measured.riskTypes,
      dangerObjectCount: ownObjects ? answer.dangerObjectCount : measured.dangerObjectCount,
      triggerObjectIds: ownObjects ? answer.triggerObjectIds : measured.triggerObjectIds,
    },
    dispute: { measured: measured.riskLevel, model: answer.riskLevel, description: measured.description },
  };
}
