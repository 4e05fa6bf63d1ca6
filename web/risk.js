/** The risk of an aggregate, in words for the page. */

/** @typedef {import('../src/messages/aggregate.ts').Aggregate} Aggregate */
/** @typedef {import('../src/messages/assessment.ts').RiskLevel} RiskLevel */

/** @type {Readonly<Record<RiskLevel, string>>} */
export const COLOUR = { none: '#4ea66b', low: '#d9c21a', medium: '#f08c1a', high: '#f0384b', unknown: '#9a7bea' };

/** @type {Readonly<Record<string, string>>} */
const MISSING = {
  late: 'the assessment came too late',
  expired: 'it was not assessed in time',
  failed: 'it could not be assessed',
  shed: 'it was left out to keep up',
};

/**
 * Why rules answered, in a few words; the codes of failures have a mark of their own.
 * @type {Readonly<Record<string, string>>}
 */
const RULES_REASON = {
  pending: 'the model is being asked',
  late: 'the model has not answered yet',
  budget: 'no call to spare',
  superseded: 'a newer frame is being asked about',
};

/**
 * Level of a group; `unknown` without an assessment.
 * @param {Aggregate} aggregate
 * @param {number} groupIndex
 * @returns {RiskLevel}
 */
export const levelOf = (aggregate, groupIndex) =>
  aggregate.riskAssessment.results.find((result) => result.groupIndex === groupIndex)?.riskLevel ?? 'unknown';

/** The results that decide the level of a frame. @param {Aggregate} aggregate */
const decisive = ({ riskAssessment: { maxRiskLevel, results } }) =>
  results.filter((result) => result.riskLevel === maxRiskLevel);

/** The sentence shown beside the level. @param {Aggregate} aggregate */
export function summary(aggregate) {
  const { missingGroups } = aggregate.riskAssessment;
  if (aggregate.trafficGroups.length === 0) return 'No group of road users';
  const worst = decisive(aggregate);
  const disputed = worst.find((result) => result.disputed !== undefined)?.disputed;
  // The measurement comes first: the frame has its level by it.
  if (disputed !== undefined) {
    return `${disputed.description} The model says ${disputed.model}: ${worst[0]?.description ?? ''}`;
  }
  const text = worst[0]?.description ?? '';
  if (text !== '') return text;
  const missing = missingGroups[0];
  return missing === undefined ? '' : `Group ${missing.groupIndex}: ${MISSING[missing.reason] ?? missing.reason}`;
}

/** Marks, with their meaning, for a frame whose assessment needs a second look. @param {Aggregate} aggregate */
export function marks(aggregate) {
  const { results } = aggregate.riskAssessment;
  const disputed = results.find((result) => result.disputed !== undefined);
  const byRules = results.find((result) => result.degradedReason !== undefined);
  /** @type {{ name: string, title: string }[]} */
  const found = [];
  if (disputed?.disputed !== undefined) {
    const { measured, model, description } = disputed.disputed;
    const title = `Group ${disputed.groupIndex}: measured ${measured}, the model says ${model}. ${description}`;
    found.push({ name: 'disputed', title });
  }
  if (byRules?.degradedReason !== undefined) {
    const title = `Group ${byRules.groupIndex}: assessed by rules, not by the model: ${byRules.degradedReason.message}`;
    found.push({ name: 'by rules', title });
  }
  return found;
}

/** What assessed the frame, and when or why, in a few words. @param {Aggregate} aggregate */
export function sourceName(aggregate) {
  const { source } = aggregate.riskAssessment;
  if (source === 'none') return '';
  const [worst] = decisive(aggregate);
  if ((worst?.source ?? source) === 'rules') {
    const reason = RULES_REASON[worst?.reason ?? ''];
    return reason === undefined ? 'rules' : `rules · ${reason}`;
  }
  const model = aggregate.llmModel === null ? source : `${source} · ${aggregate.llmModel}`;
  return worst?.carried === true ? `${model} · ${ageAtFrame(aggregate, worst)}` : model;
}

/**
 * How much older a carried assessment is than its frame.
 * @param {Aggregate} aggregate
 * @param {{ assessedAt?: string | undefined }} result
 */
function ageAtFrame({ timestamp }, { assessedAt = timestamp }) {
  return `${Math.max(0, Math.round((Date.parse(timestamp) - Date.parse(assessedAt)) / 1_000))} s before`;
}
