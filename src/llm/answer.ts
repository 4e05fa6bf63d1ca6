import { z } from 'zod';
import { RISK_LEVELS, worstRisk, type GroupAssessment, type RiskLevel } from '../messages/assessment.ts';
import type { AssessmentTask } from '../messages/task.ts';
import { jsonValuesIn } from './json-in-text.ts';

const MAX_TYPES = 3;
const MAX_TYPE_LENGTH = 60;
const MAX_DESCRIPTION = 500;

/**
 * What the model answers about one group. This one schema is sent with the request (structured output) and checks
 * what comes back.
 */
export const Answer = z.strictObject({
  riskLevel: z.enum(RISK_LEVELS),
  /** 0 when the model gave none. */
  confidence: z.number().min(0).max(1),
  riskTypes: z.array(z.string().max(MAX_TYPE_LENGTH)).max(MAX_TYPES),
  description: z.string().max(MAX_DESCRIPTION),
  dangerObjectCount: z.int().min(0),
  triggerObjectIds: z.array(z.int().min(0)),
});
export type Answer = z.infer<typeof Answer>;

const { $schema: _dialect, ...answerJsonSchema } = z.toJSONSchema(Answer);
/** The schema as JSON Schema, for `response_format`. */
export const ANSWER_JSON_SCHEMA: Record<string, unknown> = answerJsonSchema;

export type ReadAnswer =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly code: 'unreadable-answer'; readonly message: string };

/**
 * Reads a model's text: plain JSON, JSON in a code fence or amid prose; the flat shape of {@link Answer} or a wrapper
 * `{hasDangerousDriving, maxRiskLevel, results: [...]}`. Where the text holds several answers the worst counts. A
 * level is taken only from a level word; any other word is `unknown`, and so is an answer that contradicts itself.
 * `none` comes from nothing but a JSON that says so.
 */
export function readAnswer(text: string): ReadAnswer {
  const found = jsonValuesIn(text).flatMap((value) => fromValue(value) ?? []);
  const worst = worstOf(found);
  if (worst === undefined) {
    return { ok: false, code: 'unreadable-answer', message: text.trim() === '' ? 'the answer is empty' : 'the answer holds no JSON of the shape asked for' };
  }
  const checked = Answer.safeParse(worst);
  return checked.success ? { ok: true, answer: checked.data } : { ok: false, code: 'unreadable-answer', message: checked.error.issues[0]?.message ?? 'the answer breaks the schema' };
}

/** The judgement of the task's group; objects that are not in the group are left out. */
export function toGroupAssessment(answer: Answer, task: AssessmentTask): GroupAssessment {
  const members = new Set(task.members.map((member) => member.objectId));
  return {
    groupIndex: task.group.groupIndex,
    ...answer,
    // Nothing was counted on a picture that somebody handed in.
    dangerObjectCount: members.size === 0 ? answer.dangerObjectCount : Math.min(answer.dangerObjectCount, members.size),
    triggerObjectIds: [...new Set(answer.triggerObjectIds)].filter((id) => members.has(id)),
  };
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A field by its name, or by the same name in snake case. */
function field(fields: Fields, name: string): unknown {
  if (Object.hasOwn(fields, name)) return fields[name];
  const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.hasOwn(fields, snake) ? fields[snake] : undefined;
}

function fromValue(value: unknown): Answer | undefined {
  if (Array.isArray(value)) return worstOf(value.flatMap((entry) => (isFields(entry) ? (fromFlat(entry) ?? []) : [])));
  if (!isFields(value)) return undefined;
  return field(value, 'riskLevel') === undefined ? fromWrapper(value) : fromFlat(value);
}

function fromFlat(fields: Fields): Answer | undefined {
  const word = field(fields, 'riskLevel');
  if (word === undefined) return undefined;
  const stated = levelOf(word);
  const riskLevel = contradicts(field(fields, 'hasDangerousDriving'), stated) ? 'unknown' : stated;
  const triggerObjectIds = idsOf(field(fields, 'triggerObjectIds'));
  return {
    riskLevel,
    confidence: confidenceOf(field(fields, 'confidence')),
    riskTypes: riskLevel === 'none' ? [] : typesOf(field(fields, 'riskTypes')),
    description: textOf(field(fields, 'description'), MAX_DESCRIPTION),
    dangerObjectCount: countOf(field(fields, 'dangerObjectCount')) ?? triggerObjectIds.length,
    triggerObjectIds,
  };
}

function fromWrapper(fields: Fields): Answer | undefined {
  const results = field(fields, 'results');
  const most = field(fields, 'maxRiskLevel');
  const flag = field(fields, 'hasDangerousDriving');
  if (!Array.isArray(results) && most === undefined) return undefined;
  const entries = Array.isArray(results) ? results.map((entry) => (isFields(entry) ? (fromFlat(entry) ?? blank('unknown')) : blank('unknown'))) : [];
  const worst = worstOf(entries);
  const levels: RiskLevel[] = entries.map((entry) => entry.riskLevel);
  if (most !== undefined) levels.push(levelOf(most));
  // Nothing listed and no level: only an outspoken "nothing dangerous" is one.
  if (levels.length === 0) levels.push(flag === false ? 'none' : 'unknown');
  const level = worstRisk(levels);
  return { ...(worst ?? blank(level)), riskLevel: contradicts(flag, level) ? 'unknown' : level };
}

const blank = (riskLevel: RiskLevel): Answer => ({ riskLevel, confidence: 0, riskTypes: [], description: '', dangerObjectCount: 0, triggerObjectIds: [] });

/** "There is dangerous driving" beside a level that says there is not. The other way round the level stands. */
const contradicts = (flag: unknown, level: RiskLevel): boolean => flag === true && (level === 'none' || level === 'low');

function worstOf(answers: readonly Answer[]): Answer | undefined {
  const level = worstRisk(answers.map((answer) => answer.riskLevel));
  return answers.find((answer) => answer.riskLevel === level);
}

const LEVEL_WORDS: Readonly<Record<string, RiskLevel>> = { none: 'none', low: 'low', medium: 'medium', high: 'high', 无: 'none', 低: 'low', 中: 'medium', 高: 'high' };

function levelOf(word: unknown): RiskLevel {
  if (typeof word !== 'string') return 'unknown';
  const plain = word.trim().toLowerCase().replace(/\s*(risk|风险)$/u, '');
  return Object.hasOwn(LEVEL_WORDS, plain) ? (LEVEL_WORDS[plain] ?? 'unknown') : 'unknown';
}

/** A share from 0 to 1; a number up to 100, or a text with a percent sign, is taken as a percentage. */
function confidenceOf(value: unknown): number {
  const percent = typeof value === 'string' && value.trim().endsWith('%');
  const number = typeof value === 'number' ? value : typeof value === 'string' ? Number.parseFloat(value) : Number.NaN;
  const share = percent || number > 1 ? number / 100 : number;
  return share >= 0 && share <= 1 ? share : 0;
}

const textOf = (value: unknown, length: number): string => (typeof value === 'string' ? value.trim().slice(0, length) : '');

function typesOf(value: unknown): string[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  return list.map((entry) => textOf(entry, MAX_TYPE_LENGTH)).filter((text) => text !== '').slice(0, MAX_TYPES);
}

function countOf(value: unknown): number | undefined {
  const number = typeof value === 'string' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

const idsOf = (value: unknown): number[] => (Array.isArray(value) ? value.flatMap((id) => countOf(id) ?? []) : []);
