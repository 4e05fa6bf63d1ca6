import { worstRisk, type RiskLevel } from '../messages/assessment.ts';

/**
 * A level as an answer states it. `unclear`: no level word, or only a negated one. `template`: the list of all levels,
 * repeated from the question or the schema.
 */
export type StatedLevel = RiskLevel | 'unclear' | 'template';

/** Characters read of a stated level. */
const LONGEST = 600;

const SERIOUS = ['significant', 'substantial', 'dangerous', 'urgent', 'emergency', 'acute', 'highrisk'];
const WORDS: Readonly<Record<RiskLevel, readonly string[]>> = {
  // "Safe" and "normal" are missing on purpose: traffic of level low is safe, too.
  none: ['none'],
  low: ['lowrisk', 'low', 'lowest', 'minor', 'slight', 'minimal', 'mild', 'negligible'],
  medium: ['mediumrisk', 'medium', 'moderate', 'mid', 'middle', 'intermediate', 'med'],
  high: ['high', 'highest', 'severe', 'serious', 'critical', 'extreme', 'grave', 'major', ...SERIOUS],
  unknown: ['unknown', 'undetermined', 'indeterminate', 'uncertain'],
};
/** "较大" and "一般" as in the four grades of risk of Chinese safety law. */
const CHINESE: Readonly<Record<RiskLevel, readonly string[]>> = {
  none: ['没有', '毫无', '无', '零'],
  low: ['较低', '偏低', '极低', '很低', '低', '轻微', '轻度', '较轻', '较小'],
  medium: ['中等', '中度', '中', '一般'],
  high: ['较高', '偏高', '极高', '很高', '高度', '高危', '高', '严重', '危急', '紧急', '重大', '特大', '较大'],
  unknown: ['未知', '不确定', '无法判断', '无法确定', '不明'],
};
const NOUNS = ['risk', 'risks', 'danger', 'hazard', 'threat'];
const FILLERS = new Set([
  ...NOUNS,
  ...'level levels degree severity rating grade very extremely quite rather fairly relatively'.split(' '),
  ...'risklevel the a is overall of probably likely clearly definitely'.split(' '),
]);
const CHINESE_FILLERS = [
  '风险',
  '危险',
  '等级',
  '级别',
  '程度',
  '水平',
  '级',
  '度',
  '非常',
  '的',
  '为',
  '是',
  '属于',
  '险',
];
/** Words that deny the level that follows. */
const NEGATIONS = new Set(['not', 'no', 'non', 'never', 'without', 'isnt', 'neither', 'nor', 'zero']);
const JOINTS = new Set(['to', 'or', 'and', 'through', 'between']);
const CHINESE_JOINTS = ['至', '到', '或', '和', '与'];

const byWord = new Map(
  Object.entries(WORDS).flatMap(([level, words]) => words.map((word) => [word, level as RiskLevel])),
);
interface ChineseWord {
  readonly word: string;
  readonly level: RiskLevel | 'filler' | 'joint';
}
/** Longest first: 中等 before 中. */
const chineseWords: readonly ChineseWord[] = [
  ...Object.entries(CHINESE).flatMap(([level, words]) => words.map((word) => ({ word, level: level as RiskLevel }))),
  ...CHINESE_FILLERS.map((word) => ({ word, level: 'filler' as const })),
  ...CHINESE_JOINTS.map((word) => ({ word, level: 'joint' as const })),
].toSorted((a, b) => b.word.length - a.word.length);

const TRADITIONAL: Readonly<Record<string, string>> = {
  無: '无',
  險: '险',
  風: '风',
  級: '级',
  別: '别',
  嚴: '严',
  較: '较',
  極: '极',
  輕: '轻',
  緊: '紧',
  確: '确',
  判: '判',
  斷: '断',
  為: '为',
  屬: '属',
  於: '于',
  總: '总',
  體: '体',
};

/** The form of a text for looking words up: NFKC, lower case, simplified Chinese, no zero-width characters. */
export const plainForm = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll('\uFE0F', '')
    .replace(/[\uFEFF\u200B-\u200F\u2060]/g, '')
    .replace(/[無險風級別嚴較極輕緊確斷為屬於總體]/g, (char) => TRADITIONAL[char] ?? char);

/** The beginning of an explanation behind the words of the level. */
const EXPLANATION = /[:([{,.;。、\n—–]| - |\b(?:because|since|due|as|with|but|if)\b|因为|由于|但/;

/**
 * Reads a level from a text. Of several levels the highest counts: "low to medium" is medium. It is unclear when an
 * explanation behind the level names a higher one.
 */
export function statedLevel(value: string): StatedLevel {
  const trimmed = value.trim();
  const plain = plainForm(trimmed.slice(0, LONGEST)).replace(/^[^\p{L}]+/u, '');
  if (isTemplate(plain)) return 'template';
  const at = plain.search(EXPLANATION);
  const head = wordsIn(at < 0 ? plain : plain.slice(0, at));
  if (isNone(head)) return at < 0 ? 'none' : 'unclear';
  if (head.stray || head.negated) return 'unclear';
  // "Level 3: high", "risk: high".
  if (head.levels.length === 0) return at < 0 ? 'unclear' : statedLevel(plain.slice(at + 1));
  const level = worstRisk(head.levels);
  const raised = at >= 0 && worstRisk([level, ...wordsIn(plain.slice(at)).levels]) !== level;
  const unseen = trimmed.length > LONGEST && level !== 'high';
  return raised || unseen ? 'unclear' : level;
}

/** "No risk", "zero danger". */
const isNone = (words: Words): boolean =>
  words.negated && !words.stray && words.levels.length === 0 && words.nouns === 1 && words.count === 2;

const isTemplate = (plain: string): boolean => ['low', 'medium', 'high'].every((word) => plain.includes(word));

interface Words {
  readonly levels: RiskLevel[];
  /** Words for risk itself. */
  nouns: number;
  count: number;
  negated: boolean;
  /** Some word does not belong beside a level. */
  stray: boolean;
}

function wordsIn(plain: string): Words {
  const words: Words = { levels: [], nouns: 0, count: 0, negated: false, stray: false };
  for (const [word] of plain.replaceAll("'", '').matchAll(/[a-z]+|\p{Script=Han}+|\p{L}/gu)) {
    words.count++;
    const level = byWord.get(word);
    if (level !== undefined) words.levels.push(level);
    else if (NEGATIONS.has(word)) words.negated = true;
    else if (/\p{Script=Han}/u.test(word)) chineseIn(word, words);
    else if (NOUNS.includes(word)) words.nouns++;
    else if (!FILLERS.has(word) && !JOINTS.has(word)) words.stray = true;
  }
  return words;
}

/** Splits a run of Chinese into the longest known words. 不, 非 and 没 deny, and so does 无 before another level. */
function chineseIn(run: string, words: Words): void {
  let nothing = false;
  for (let i = 0; i < run.length;) {
    const found = chineseWords.find(({ word }) => run.startsWith(word, i));
    if (found === undefined) {
      if (run[i] === '不' || run[i] === '非' || run[i] === '没') words.negated = true;
      words.stray = true;
      i++;
      continue;
    }
    if (found.level === 'joint') nothing = false;
    else if (found.level !== 'filler') {
      if (nothing) words.negated = true;
      words.levels.push(found.level);
      nothing ||= found.level === 'none';
    }
    i += found.word.length;
  }
}
