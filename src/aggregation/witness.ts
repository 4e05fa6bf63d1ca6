import type { RiskLevel } from '../messages/assessment.ts';
import type { IncidentSeverity, IncidentVerdict } from '../messages/incident.ts';
import type { EventKind } from '../messages/scene-constants.ts';

/** Kinds that one answer cannot silence: text in a picture, or a picture a moment too late, must not talk them away. */
export const NEVER_SILENCED: ReadonlySet<EventKind> = new Set(['collision', 'wrong-way', 'person-on-road']);

const STEP: Readonly<Record<Exclude<RiskLevel, 'unknown'>, number>> = { none: 0, low: 1, medium: 2, high: 3 };

/** The effect of a model's answer on a measured level. */
export type Testimony = Pick<IncidentVerdict, 'status' | 'level'>;

/**
 * The level that counts once the model has been asked about a measured incident. It may confirm, raise or lower. For
 * the kinds of {@link NEVER_SILENCED} it lowers a high to medium at most; `none`, and a level that would take the
 * danger away, is disputed: the measured level stands. `unknown` changes nothing. Pure.
 */
export function heardWitness(kind: EventKind, measured: IncidentSeverity, model: RiskLevel): Testimony {
  if (model === 'unknown') return { status: 'measured', level: measured };
  if (model === measured) return { status: 'confirmed', level: measured };
  if (STEP[model] > STEP[measured]) return { status: 'raised', level: model };
  if (!NEVER_SILENCED.has(kind)) return { status: 'lowered', level: model };
  if (model === 'none' || measured !== 'high') return { status: 'disputed', level: measured };
  return { status: 'lowered', level: 'medium' };
}
