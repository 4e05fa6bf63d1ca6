/** What an aggregate says about risk, in the terms of the page. */

/** @typedef {import('../src/messages/aggregate.ts').Aggregate} Aggregate */
/** @typedef {import('../src/messages/assessment.ts').RiskLevel} RiskLevel */

/** @type {Readonly<Record<RiskLevel, string>>} */
export const COLOUR = { none: '#4ea66b', low: '#d9c21a', medium: '#f08c1a', high: '#f0384b', unknown: '#9a7bea' };

/** @type {Readonly<Record<string, string>>} */
const MISSING = {
  late: 'the judgement came too late',
  expired: 'nobody judged it in time',
  failed: 'it could not be judged',
  shed: 'it was left out to keep up',
};

/** Level of a group; a group without a judgement is unknown. @param {Aggregate} aggregate @param {number} groupIndex @returns {RiskLevel} */
export const levelOf = (aggregate, groupIndex) =>
  aggregate.riskAssessment.results.find((result) => result.groupIndex === groupIndex)?.riskLevel ?? 'unknown';

/** The sentence shown beside the level. @param {Aggregate} aggregate */
export function summary(aggregate) {
  const { maxRiskLevel, results, missingGroups } = aggregate.riskAssessment;
  if (aggregate.trafficGroups.length === 0) return 'No group of road users';
  const worst = results.find((result) => result.riskLevel === maxRiskLevel);
  const text = worst?.description ?? '';
  if (text !== '') return text;
  const missing = missingGroups[0];
  return missing === undefined ? '' : `Group ${missing.groupIndex}: ${MISSING[missing.reason] ?? missing.reason}`;
}

/** Who judged, in a word or two. @param {Aggregate} aggregate */
export function sourceName(aggregate) {
  const { source } = aggregate.riskAssessment;
  if (source === 'none') return '';
  return source === 'rules' ? 'rules' : aggregate.llmModel === null ? source : `${source} · ${aggregate.llmModel}`;
}
