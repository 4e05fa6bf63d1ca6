/** The risk of an aggregate, in words. */
import type { Aggregate } from '../../../src/messages/aggregate.ts';
import type { GroupAssessment, RiskLevel } from '../../../src/messages/assessment.ts';
import { t } from '../i18n/index.ts';
import { incidentText, leadingIncident } from './incidents.ts';

/** Colours over pictures, the same in both themes. */
export const COLOUR: Readonly<Record<RiskLevel, string>> = {
  none: '#4ea66b',
  low: '#d9c21a',
  medium: '#f08c1a',
  high: '#f0384b',
  unknown: '#9a7bea',
};

/** Order of danger: the greater, the worse. */
export const DANGER: Readonly<Record<RiskLevel, number>> = { none: 0, low: 2, unknown: 1, medium: 3, high: 4 };

/** Why rules answered; the codes of failures have a mark of their own. */
const RULES_REASONS = ['pending', 'late', 'budget', 'superseded'] as const;

export const levelName = (level: RiskLevel): string => t(`picture.level.${level}`);

/** Level of a group; `unknown` without an assessment. */
export const levelOf = (aggregate: Aggregate, groupIndex: number): RiskLevel =>
  aggregate.riskAssessment.results.find((result) => result.groupIndex === groupIndex)?.riskLevel ?? 'unknown';

/** The results that decide the level of a frame. */
const decisive = ({ riskAssessment: { maxRiskLevel, results } }: Aggregate): GroupAssessment[] =>
  results.filter((result) => result.riskLevel === maxRiskLevel);

/** The sentence shown beside the level. */
export function summary(aggregate: Aggregate): string {
  const { missingGroups, maxRiskLevel } = aggregate.riskAssessment;
  const incident = leadingIncident(aggregate);
  if (incident !== null && incident.verdict.level === maxRiskLevel) {
    const { source, description } = incident.verdict;
    return source === 'vlm' && description !== ''
      ? `${incidentText(incident)}. ${description}`
      : incidentText(incident);
  }
  if (aggregate.trafficGroups.length === 0) return t('picture.noGroup');
  const worst = decisive(aggregate);
  const disputed = worst.find((result) => result.disputed !== undefined)?.disputed;
  const text = worst[0]?.description ?? '';
  // The measurement comes first: the frame has its level by it.
  if (disputed !== undefined) {
    return t('picture.modelSays', { measured: disputed.description, level: levelName(disputed.model), text });
  }
  if (text !== '') return text;
  const missing = missingGroups[0];
  if (missing === undefined) return '';
  return t('picture.missingGroup', { group: missing.groupIndex, reason: t(`picture.missing.${missing.reason}`) });
}

export interface Mark {
  readonly name: string;
  readonly title: string;
}

/** Marks, with their meaning, for a frame whose assessment needs a second look. */
export function marks(aggregate: Aggregate): Mark[] {
  const { results } = aggregate.riskAssessment;
  const disputed = results.find((result) => result.disputed !== undefined);
  const byRules = results.find((result) => result.degradedReason !== undefined);
  const found: Mark[] = [];
  const denied = aggregate.incidents.find(({ verdict }) => verdict.status === 'disputed')?.verdict;
  if (denied !== undefined) {
    const model = denied.modelLevel === undefined ? t('picture.nothing') : levelName(denied.modelLevel);
    const title = t('picture.incidentDisputed', { measured: levelName(denied.level), model });
    found.push({ name: t('picture.disputed'), title });
  }
  if (disputed?.disputed !== undefined) {
    const { measured, model, description } = disputed.disputed;
    const title = t('picture.groupDisputed', {
      group: disputed.groupIndex,
      measured: levelName(measured),
      model: levelName(model),
      text: description,
    });
    found.push({ name: t('picture.disputed'), title });
  }
  if (byRules?.degradedReason !== undefined) {
    const { groupIndex: group, degradedReason } = byRules;
    const title = t('picture.groupByRules', { group, reason: degradedReason.message });
    found.push({ name: t('picture.byRules'), title });
  }
  return found;
}

/** The source of a frame's assessment, and its age or reason, in a few words. */
export function sourceName(aggregate: Aggregate): string {
  const { source } = aggregate.riskAssessment;
  if (source === 'none') return '';
  const [worst] = decisive(aggregate);
  if ((worst?.source ?? source) === 'rules') {
    const reason = RULES_REASONS.find((each) => each === worst?.reason);
    const rules = t('picture.rules');
    return reason === undefined ? rules : `${rules} · ${t(`picture.rulesReason.${reason}`)}`;
  }
  const model = aggregate.llmModel === null ? source : `${source} · ${aggregate.llmModel}`;
  return worst?.carried === true ? `${model} · ${ageAtFrame(aggregate, worst)}` : model;
}

/** How much older a carried assessment is than its frame. */
function ageAtFrame({ timestamp }: Aggregate, { assessedAt = timestamp }: GroupAssessment): string {
  const seconds = Math.max(0, Math.round((Date.parse(timestamp) - Date.parse(assessedAt)) / 1_000));
  return t('picture.secondsBefore', { seconds });
}

/** Whether `a` is a later frame than `b`, or a later revision of it. */
export function isNewer(a: Aggregate, b: Aggregate): boolean {
  const ahead = Date.parse(a.timestamp) - Date.parse(b.timestamp);
  return ahead > 0 || (ahead === 0 && a.revision > b.revision);
}
