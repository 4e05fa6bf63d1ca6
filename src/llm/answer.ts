import { z } from 'zod';
import { RISK_LEVELS, type GroupAssessment } from '../messages/assessment.ts';
import type { DetectedObject } from '../messages/detection.ts';

const MAX_TYPES = 3;
const MAX_TYPE_LENGTH = 60;
const MAX_DESCRIPTION = 500;
const MOST_IDS = 1_000;

/**
 * The model's answer about one group. The same schema is sent with the request (structured output) and checks the
 * reply.
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

/** A group of a frame, as a task has it. */
export interface AnsweredGroup {
  readonly group: { readonly groupIndex: number };
  readonly members: readonly Pick<DetectedObject, 'objectId'>[];
}

/** The answer as an assessment of the task's group, without objects that are not in it. */
export function toGroupAssessment(answer: Answer, task: AnsweredGroup): GroupAssessment {
  const members = new Set(task.members.map((member) => member.objectId));
  return {
    groupIndex: task.group.groupIndex,
    ...answer,
    // Nothing was detected in an uploaded picture, so there is no count to compare with.
    dangerObjectCount: members.size === 0 ? answer.dangerObjectCount : Math.min(answer.dangerObjectCount, members.size),
    triggerObjectIds: [...new Set(answer.triggerObjectIds)].filter((id) => members.has(id)),
  };
}

/**
 * An answer of this level with the model's other fields, keyed by plain name. Values that are nearly right are
 * converted: percentages, single texts, ids as text. All others are left out.
 */
export function answerOf(riskLevel: Answer['riskLevel'], fields: ReadonlyMap<string, unknown>): Answer {
  const first = (...names: readonly string[]): unknown =>
    names.map((name) => fields.get(name)).find((value) => value !== undefined && value !== null);
  const triggerObjectIds = idsOf(first('triggerobjectids', 'objectids', 'ids'));
  return {
    riskLevel,
    confidence: confidenceOf(first('confidence', '置信度')),
    riskTypes: riskLevel === 'none' ? [] : typesOf(first('risktypes', 'risktype', '风险类型')),
    description: textOf(first('description', 'desc', '描述', '说明'), MAX_DESCRIPTION),
    dangerObjectCount: countOf(first('dangerobjectcount')) ?? triggerObjectIds.length,
    triggerObjectIds,
  };
}

/** A share from 0 to 1, 0 for none. A number from 1 to 100, or a text with a percent sign, is a percentage. */
function confidenceOf(value: unknown): number {
  if (typeof value === 'string') return confidenceOfText(value.slice(0, 64).normalize('NFKC').trim());
  const number = typeof value === 'number' ? value : Number.NaN;
  return shareOf(number > 1 ? number / 100 : number);
}

function confidenceOfText(text: string): number {
  const [, whole, of, percent] = /^[^\d]{0,3}(\d{1,3}(?:[.,]\d{1,9})?)(?:\s?\/\s?(\d{1,3}))?\s?(%)?/.exec(text) ?? [];
  const number = Number.parseFloat((whole ?? '').replace(',', '.'));
  if (of !== undefined) return shareOf(number / Number(of));
  return shareOf(percent === '%' || number > 1 ? number / 100 : number);
}

const shareOf = (number: number): number => (number >= 0 && number <= 1 ? number : 0);

/** Control characters and marks of the writing direction, which logs and pages must not show. */
// eslint-disable-next-line no-control-regex
const UNSHOWN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\uFEFF]+/g;

/** The text on one line; cut to `length` first, so that the work is bounded. */
const textOf = (value: unknown, length: number): string =>
  typeof value === 'string' ? value.trim().slice(0, length).replace(UNSHOWN, ' ').toWellFormed().trim() : '';

function typesOf(value: unknown): string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value.slice(0, 50) : [value];
  return list
    .map((entry) => textOf(entry, MAX_TYPE_LENGTH))
    .filter((text) => text !== '')
    .slice(0, MAX_TYPES);
}

/** A count or an id, from a number or a text such as "#12". */
function countOf(value: unknown): number | undefined {
  const number =
    typeof value === 'string' ? Number(/^[#a-z:\s]{0,12}(\d{1,15})\b/i.exec(value)?.[1] ?? Number.NaN) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

const idsOf = (value: unknown): number[] =>
  Array.isArray(value) ? value.slice(0, MOST_IDS).flatMap((id: unknown) => countOf(id) ?? []) : [];
