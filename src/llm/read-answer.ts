import type { UnreadReason } from '../keys/outcome.ts';
import { worstRisk, type RiskLevel } from '../messages/assessment.ts';
import { answerOf, type Answer } from './answer.ts';
import { valuesIn, type FoundValue, type ValuesInText } from './json-in-text.ts';
import { risksIn, plainName, type StatedRisk, type StatedRisks } from './stated-risks.ts';
import { labelledFields, labelledLevels } from './labelled-levels.ts';
import type { StatedLevel } from './level-words.ts';
import { answerMarks, answerPart } from './reasoning.ts';
import type { JsonObject } from './tolerant-json.ts';

export type ReadAnswer =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly reason: UnreadReason; readonly message: string };

/** An answer has a few hundred characters. Of a longer text only the end is read, if reasoning stands before it. */
const LONGEST_ANSWER = 65_536;

/**
 * Reads an answer from a model's text, reasoning included, or from a value that a server parsed already. `cut`: the
 * provider reports that the text was cut.
 *
 * - Reasoning is no answer, and neither is a repetition of the question or its schema.
 * - Accepted are JSON, plain, fenced or in prose, flat or in wrappers, repaired where it has a single reading; else
 *   labelled levels in text.
 * - Of several levels the worst counts. A cut answer counts only if it states `high`, because the missing part may
 *   state a worse level than the rest.
 * - A level comes only from a level word, and `none` only from words that say so.
 *
 * Linear in the text. Never throws.
 */
export function readAnswer(said: unknown, cut = false): ReadAnswer {
  if (typeof said !== 'string') return answerFrom([], risksIn([said], unpack), { part: '', cut, incomplete: false });
  if (said.length <= LONGEST_ANSWER) return readText(unquoted(said), cut);
  const trimmed = said.trim();
  if (trimmed.length <= LONGEST_ANSWER) return readText(unquoted(trimmed), cut);
  const end = said.slice(-LONGEST_ANSWER);
  const range = answerPart(end, () => []);
  const reasons = range !== null && range.from > 0 && !startsLikeJson(said);
  if (reasons) return readText(end, cut);
  const begin = said.slice(0, 1_000);
  const before = answerPart(begin, () => []);
  return before !== null && begin.slice(before.from, before.to).trim() === ''
    ? REASONED_ONLY
    : unread('no-json', `the answer has ${said.length} characters`);
}

function readText(text: string, cut: boolean): ReadAnswer {
  const whole = valuesIn(text);
  const range = answerPart(text, () => whole.found.filter(quotes));
  const part = range === null ? text : text.slice(range.from, range.to);
  if (part.trim() === '') {
    return range === null ? unread('empty', 'the answer is empty') : REASONED_ONLY;
  }
  const values = markedIn(part, range === null ? whole : valuesIn(part));
  const { open, found, from } = values;
  const settled = !cut && open !== null && isWhole(open.settled) ? open.settled : null;
  const stated = risksIn([...found.map(({ value }) => value), settled], unpack);
  const sure = found
    .filter(({ doubtful }) => !doubtful)
    .map((each) => ({ from: each.from - from, to: each.to - from }));
  const labelled = settled === null ? labelledLevels(part.slice(from), sure) : [];
  const behind = part.slice(Math.max(0, ...found.map(({ to }) => to)));
  const endsWhole =
    stated.found.length > 0 && !/[^\s`}\]]/.test(behind) && (range === null || range.to === text.length);
  return answerFrom(labelled, stated, {
    part: part.slice(from),
    cut: cut && !endsWhole,
    incomplete: (open !== null && settled === null) || values.gaveUp,
  });
}

interface Circumstances {
  readonly part: string;
  readonly cut: boolean;
  readonly incomplete: boolean;
}

function answerFrom(
  labelled: readonly StatedLevel[],
  stated: StatedRisks,
  { part, cut, incomplete }: Circumstances,
): ReadAnswer {
  const inJson = stated.found.map(({ level }) => level);
  if (inJson.includes('high')) return { ok: true, answer: build('high', stated.found, part) };
  if (cut) return unread('cut-off', 'the answer was cut off');
  if (incomplete || stated.partial)
    return unread('cut-off', 'the answer does not end, or is too large to be read whole');
  const levels = [
    ...inJson,
    ...labelled.flatMap((level) => (level === 'unclear' || level === 'template' ? [] : [level])),
  ];
  const level = worstRisk(levels);
  const unclear = stated.unclear || (levels.length === 0 && labelled.includes('unclear'));
  if (unclear && level !== 'medium' && level !== 'high') return unread('bad-level', 'the answer names no known level');
  if (levels.length === 0)
    return isRefusal(part)
      ? unread('refusal', 'the model declined to answer')
      : unread('no-json', 'the answer holds no JSON of the shape asked for');
  if (stated.flagged && (level === 'none' || level === 'low'))
    return unread('bad-level', 'the answer contradicts itself');
  return { ok: true, answer: build(level, stated.found, part) };
}

const unread = (reason: UnreadReason, message: string): ReadAnswer => ({ ok: false, reason, message });
const REASONED_ONLY = unread('reasoning-only', 'the model reasoned and gave no answer');

/**
 * The answer of this level, with the texts of a risk of that level, or else of the first risk that has a description.
 */
function build(level: RiskLevel, found: readonly StatedRisk[], part: string): Answer {
  const ofLevel = found.filter((risk) => risk.level === level);
  const spoken = (risk: StatedRisk): boolean => risk.fields.has('description');
  const best = ofLevel.find(spoken) ?? found.find(spoken) ?? ofLevel[0];
  return answerOf(level, best?.fields ?? labelledFields(part));
}

/** The JSON values in a string, behind its reasoning if it has any. */
function unpack(text: string): readonly unknown[] {
  const range = answerPart(text, () => []);
  return valuesIn(range === null ? text : text.slice(range.from, range.to)).found.map(({ value }) => value);
}

const statesRisk = ({ value }: FoundValue): boolean => risksIn([value], unpack).found.length > 0;
/** Whether marks of reasoning inside a value are text that it quotes. */
const quotes = (found: FoundValue): boolean => !found.doubtful && statesRisk(found);
const startsLikeJson = (text: string): boolean => /^\s{0,99}(?:```[a-z]{0,20}\s{0,9})?["{[]/i.test(text);

/** The content of a text that is itself a JSON string; any other text as it is. */
function unquoted(text: string): string {
  const trimmed = text.trim();
  if (!trimmed.startsWith('"')) return text;
  try {
    const inner: unknown = JSON.parse(trimmed);
    return typeof inner === 'string' && /[{[]/.test(inner) ? inner : text;
  } catch {
    return text;
  }
}

/** The values behind the text's own mark of its answer; all values when there is no mark, or nothing follows it. */
function markedIn(part: string, values: ValuesInText): ValuesInText & { readonly from: number } {
  const within = (at: number): boolean => values.found.some(({ from, to }) => from < at && at < to);
  for (const mark of answerMarks(part, 0)) {
    if (within(mark) || !values.found.some((each) => each.from >= mark && statesRisk(each))) continue;
    const open = values.open !== null && values.open.from >= mark ? values.open : null;
    return { ...values, open, from: mark, found: values.found.filter(({ from }) => from >= mark) };
  }
  return { ...values, from: 0 };
}

/** Whether every requested field is there, so that only the closing bracket can be missing. */
const isWhole = (settled: JsonObject | null): boolean => {
  const names = new Set(settled?.entries.map(([key]) => plainName(key)));
  return ['risklevel', 'confidence', 'risktypes', 'description', 'dangerobjectcount', 'triggerobjectids'].every(
    (name) => names.has(name),
  );
};

const REFUSES = new RegExp(
  '^[\\s"\'*]{0,9}(?:' +
    [
      "(?:i['’]?m|i am) (?:very |really |so )?sorry|sorry\\b|i apologi[sz]e",
      "i (?:can(?:no|['’])t|am unable|['’]m unable|won['’]t)|unfortunately,? i\\b|as an ai\\b",
      '(?:非常|很)?(?:抱歉|对不起)|我(?:无法|不能)|作为.{0,4}(?:AI|人工智能)',
    ].join('|') +
    ')',
  'i',
);
/** Whether a text without a level begins with the words by which models decline. */
const isRefusal = (part: string): boolean => REFUSES.test(part.slice(0, 200));
