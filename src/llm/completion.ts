import type { CallOutcome, UnreadReason } from '../keys/outcome.ts';
import { readAnswer, type Answer } from './answer.ts';

interface Tokens {
  /** As the provider counted; 0 when it did not say. */
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** What a chat completion says. Tokens are paid also when its answer cannot be read. */
export type ReadCompletion = Tokens &
  (
    | { readonly ok: true; readonly answer: Answer; readonly model: string | null; readonly finish: string | null }
    | { readonly ok: false; readonly reason: UnreadReason; readonly message: string }
  );

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Reads the body of a 200: the answer of its first choice, or why there is none. `completion` is whatever the body's
 * JSON held. An `error` in the body is only named here; its class is the caller's to find. Never throws.
 */
export function readCompletion(completion: unknown): ReadCompletion {
  const body = isFields(completion) ? completion : {};
  const usage = isFields(body['usage']) ? body['usage'] : {};
  const tokens = {
    promptTokens: countOf(usage['prompt_tokens']),
    completionTokens: countOf(usage['completion_tokens']),
  };
  const unread = (reason: UnreadReason, message: string): ReadCompletion => ({ ok: false, reason, message, ...tokens });
  const choice: unknown = Array.isArray(body['choices']) ? body['choices'][0] : undefined;
  const message = isFields(choice) ? choice['message'] : undefined;
  if (!isFields(choice) || !isFields(message)) return unread('not-a-completion', 'the response has no message');
  const finish = typeof choice['finish_reason'] === 'string' ? choice['finish_reason'] : null;
  const { refusal, content } = message;
  if (typeof refusal === 'string' && refusal !== '') return unread('refusal', 'the model declined to answer');
  if (finish === 'content_filter') return unread('content-filter', 'the content filter withheld the answer');
  if (typeof content !== 'string') return unread('empty', 'the response has no text');
  const read = readAnswer(content);
  if (!read.ok && finish === 'length') return unread('cut-off', 'the answer was cut off');
  if (!read.ok) return unread('no-json', read.message);
  const model = typeof body['model'] === 'string' ? body['model'] : null;
  return { ok: true, answer: read.answer, model, finish, ...tokens };
}

/** Reasons by which the provider or its model refuses what is in the picture: another key would say the same. */
const REFUSALS: ReadonlySet<UnreadReason> = new Set(['refusal', 'content-filter']);

/** A body that could not be read, as the outcome of its call. */
export const unreadOutcome = (reason: UnreadReason, message: string): Exclude<CallOutcome, { kind: 'ok' }> =>
  REFUSALS.has(reason) ? { kind: 'content-refused', message } : { kind: 'unreadable', reason, message };

const countOf = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
