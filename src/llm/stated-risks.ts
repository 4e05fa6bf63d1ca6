import { worstRisk, type RiskLevel } from '../messages/assessment.ts';
import { plainForm, statedLevel, type StatedLevel } from './level-words.ts';
import { JsonObject } from './tolerant-json.ts';

/** An object of an answer that states a level, or says outright that nothing is dangerous. */
export interface StatedRisk {
  readonly level: RiskLevel;
  /** Its fields by plain name (lower case, letters and digits only). Of a repeated name the first counts. */
  readonly fields: ReadonlyMap<string, unknown>;
}

export interface StatedRisks {
  readonly found: readonly StatedRisk[];
  /** Some level is no level word, or is missing where one belongs. */
  readonly unclear: boolean;
  /** Some object flags dangerous driving. */
  readonly flagged: boolean;
  /** Part was not read, because it nests too deep or is too large. */
  readonly partial: boolean;
}

const MAX_DEPTH = 64;
/** Entries read at most; an answer has about ten. */
const MOST_ENTRIES = 5_000;
/** Levels of JSON packed in strings of JSON. */
const MOST_UNPACKED = 3;

const LEVEL_NAME = new RegExp(
  '(?:risk|danger|hazard|threat)s?(?:level|rating|grade|category|class|severity|assessment|degree)$' +
    '|^(?:level|risk|severity|danger|rating)$',
);
const CHINESE_LEVEL_NAME = /(?:风险|危险|危害)(?:等级|级别|程度|水平|评级|评估)$|^(?:等级|级别|风险|危险程度)$/;
/** Names that need not hold a level, such as "risk": "rear-end collision". */
const LOOSE_NAME = /^(?:level|risk|severity|danger|rating|等级|级别|风险)$|(?:assessment|评估)$/;
const FLAGS = new Set([
  'hasdangerousdriving',
  'isdangerous',
  'hasdanger',
  '是否危险',
  '存在危险驾驶',
  '是否存在危险驾驶',
]);

/** Fields that hold no answer: the model's thoughts, and repetitions of the question. */
const NO_ANSWER = new Set(
  [
    'reasoning reasoningcontent reasoningdetails reason thinking thought thoughts chainofthought cot scratchpad',
    'draft drafts rationale 思考 思考过程 推理 推理过程 草稿',
    'example examples default enum schema jsonschema responseformat format template 示例',
  ]
    .join(' ')
    .split(' '),
);
/** Texts and figures of an answer. They never state a level, because they may quote text from the picture. */
const LEAVES = new Set(
  ['description desc explanation risktypes confidence dangerobjectcount triggerobjectids', '描述 说明 风险类型 置信度']
    .join(' ')
    .split(' '),
);

/** A field's name without case, punctuation and script variants: `risk_level` and `RiskLevel` become one. */
export const plainName = (name: string): string => plainForm(name.slice(0, 80)).replace(/[^\p{L}\p{N}]/gu, '');

/**
 * Finds the stated risks in values: plain, in lists, in wrappers of any name, or in JSON packed in strings, which
 * `unpack` reads. Reads a bounded part of each value; `partial` says when that was not all. Linear.
 */
export function risksIn(values: readonly unknown[], unpack: (text: string) => readonly unknown[]): StatedRisks {
  const walk = new Walk(unpack);
  for (const value of values) walk.visit(value, 0, 0);
  return walk;
}

class Walk implements StatedRisks {
  readonly found: StatedRisk[] = [];
  unclear = false;
  flagged = false;
  partial = false;
  readonly #unpack: (text: string) => readonly unknown[];
  #left = MOST_ENTRIES;

  constructor(unpack: (text: string) => readonly unknown[]) {
    this.#unpack = unpack;
  }

  /** True when the value holds a stated risk, or something in its place. */
  visit(value: unknown, depth: number, unpacked: number): boolean {
    if (typeof value === 'string') return this.#text(value, depth, unpacked);
    if (typeof value !== 'object' || value === null) return false;
    const entries = Array.isArray(value) ? [] : entriesOf(value);
    this.#left -= 1 + (Array.isArray(value) ? value.length : entries.length);
    if (depth > MAX_DEPTH || this.#left < 0) {
      this.partial = true;
      return false;
    }
    if (!Array.isArray(value)) return this.#object(entries, depth, unpacked);
    let some = false;
    for (const item of value) some = this.visit(item, depth + 1, unpacked) || some;
    return some;
  }

  #text(text: string, depth: number, unpacked: number): boolean {
    if (unpacked >= MOST_UNPACKED || !/[{[｛]/.test(text)) return false;
    let some = false;
    for (const value of this.#unpack(text)) some = this.visit(value, depth + 1, unpacked + 1) || some;
    return some;
  }

  #object(entries: readonly (readonly [string, unknown])[], depth: number, unpacked: number): boolean {
    const fields = new Map<string, unknown>();
    const levels: RiskLevel[] = [];
    let some = false;
    for (const [key, value] of entries) {
      const name = plainName(key);
      if (!fields.has(name)) fields.set(name, value);
      if (NO_ANSWER.has(name) || LEAVES.has(name)) continue;
      const stated = LEVEL_NAME.test(name) || CHINESE_LEVEL_NAME.test(name) ? levelIn(value) : null;
      if (FLAGS.has(name)) this.flagged ||= isYes(value);
      else if (stated === null || stated === 'unclear')
        some = this.#inner(name, value, stated, depth, unpacked) || some;
      else if (stated !== 'template') levels.push(stated);
    }
    if (levels.length > 0) this.found.push({ level: worstRisk(levels), fields });
    else if (!some && isEmptyList(fields.get('results'))) this.#nothingListed(fields);
    else return some;
    return true;
  }

  /** A field's value that is no level itself. True when it holds a risk, or should. */
  #inner(name: string, value: unknown, stated: 'unclear' | null, depth: number, unpacked: number): boolean {
    if (this.visit(value, depth + 1, unpacked)) return true;
    const isMissing =
      (stated === 'unclear' && !LOOSE_NAME.test(name)) ||
      (name === 'results' && Array.isArray(value) && value.length > 0);
    this.unclear ||= isMissing;
    return isMissing;
  }

  /** For an object without results and level: it is a risk only when it says outright that nothing is dangerous. */
  #nothingListed(fields: ReadonlyMap<string, unknown>): void {
    if (isNo(fields.get('hasdangerousdriving'))) this.found.push({ level: 'none', fields });
    else this.unclear = true;
  }
}

/** Reads the value of a field that is named like a level. */
function levelIn(value: unknown): StatedLevel {
  if (typeof value === 'string') return statedLevel(value);
  if (Array.isArray(value)) return levelOfList(value);
  if (typeof value !== 'object' || value === null) return 'unclear';
  const fields = new Map(entriesOf(value).map(([key, field]) => [plainName(key), field]));
  const inner = ['value', 'level', 'risklevel', 'name', 'label'].map((name) => fields.get(name));
  const stated = inner.find((field): field is string => typeof field === 'string');
  if (stated !== undefined) return statedLevel(stated);
  return fields.has('enum') || fields.has('type') ? 'template' : 'unclear';
}

function levelOfList(list: readonly unknown[]): StatedLevel {
  const stated = list.slice(0, 10).map((each) => (typeof each === 'string' ? statedLevel(each) : 'unclear'));
  const levels = stated.flatMap((level) => (level === 'unclear' || level === 'template' ? [] : [level]));
  if (levels.length >= 4) return 'template';
  return levels.length === 0 || levels.length < list.length ? 'unclear' : worstRisk(levels);
}

const entriesOf = (value: object): readonly (readonly [string, unknown])[] =>
  value instanceof JsonObject ? value.entries : Object.entries(value);

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const isYes = (value: unknown): boolean =>
  value === true || (typeof value === 'string' && /^\s{0,9}(?:true|yes|是|有)\s{0,9}$/i.test(value));
const isNo = (value: unknown): boolean =>
  value === false || (typeof value === 'string' && /^\s{0,9}(?:false|no|否)\s{0,9}$/i.test(value));
