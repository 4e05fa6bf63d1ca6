import { type RiskLevel, worstRisk } from '../messages/assessment.ts';
import { clipped, MOST } from '../messages/bounds.ts';
import type { DetectedObject } from '../messages/detection.ts';
import type { MeasuredIncident } from '../messages/incident.ts';
import type { Answer } from './answer.ts';
import { describeIncident, INCIDENT_WORDS } from './incident-words.ts';
import type { Language } from './language.ts';

/** An incident, with the level that counts where a model has answered about it. */
export type LevelledIncident = MeasuredIncident & { readonly verdict?: { readonly level: RiskLevel } };

/** A group and the incidents in which its members take part; or an incident alone, as the group of its members. */
export interface MeasuredSubject {
  readonly members: readonly Pick<DetectedObject, 'objectId' | 'confidence'>[];
  readonly incidents: readonly LevelledIncident[];
}

const NOTHING: Readonly<Record<Language, string>> = { en: 'Nothing unusual.', zh: '未见异常。' };
const MOST_TYPES = 3;
/** By level, for members that are surely there. */
const CONFIDENCE: Readonly<Record<RiskLevel, number>> = { none: 0.6, low: 0.6, medium: 0.7, high: 0.8, unknown: 0 };
/** Metres that were estimated are worth less. */
const ESTIMATED = 0.8;

/**
 * Assesses a group without a model, by what was measured: its worst incident decides the level, `none` without one;
 * `riskTypes` names up to three. Pure.
 */
export function assessByMeasurements({ members, incidents }: MeasuredSubject, language: Language): Answer {
  const riskLevel = worstRisk(incidents.map(levelOf));
  const decisive = incidents.filter((incident) => levelOf(incident) === riskLevel);
  const [worst] = decisive;
  const involved = new Set(decisive.flatMap(({ objects }) => objects));
  const triggers = riskLevel === 'none' ? [] : members.filter(({ objectId }) => involved.has(objectId));
  const sure = Math.min(1, ...(triggers.length > 0 ? triggers : members).map(({ confidence }) => confidence));
  const scale = worst === undefined || worst.calibrated ? 1 : ESTIMATED;
  const kinds =
    riskLevel === 'none' ? [] : [...decisive, ...incidents].map(({ kind }) => INCIDENT_WORDS[language][kind]);
  return {
    riskLevel,
    confidence: Math.round(CONFIDENCE[riskLevel] * (0.6 + 0.4 * sure) * scale * 100) / 100,
    riskTypes: [...new Set(kinds)].slice(0, MOST_TYPES),
    description: worst === undefined ? NOTHING[language] : clipped(describeIncident(worst, language), MOST.description),
    dangerObjectCount: triggers.length,
    triggerObjectIds: triggers.map(({ objectId }) => objectId).toSorted((a, b) => a - b),
  };
}

const levelOf = ({ severity, verdict }: LevelledIncident): RiskLevel => verdict?.level ?? severity;
