import { clipped } from '../messages/bounds.ts';
import type { CallOutcome, UnreadReason } from '../keys/outcome.ts';
import { worstRisk } from '../messages/assessment.ts';
import type { Answer } from './answer.ts';
import { type Fields, isFields, type Message, messageOf, saidIn, WRAPPERS } from './completion-parts.ts';
import { errorInAnswer } from './provider-error.ts';
import { readAnswer, type ReadAnswer } from './read-answer.ts';

interface Tokens {
  /** As the provider counted them; 0 when it did not say. */
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** The content of a chat completion. Tokens are paid for even when its answer cannot be read. */
export type ReadCompletion = Tokens &
  (
    | (Answered & { readonly model: string | null })
    | { readonly ok: false; readonly reason: UnreadReason; readonly message: string }
  );

interface Answered {
  readonly ok: true;
  readonly answer: Answer;
  readonly finish: string | null;
  /** The answer as the model wrote it, cut to `MOST.text`. */
  readonly reply: string;
}

interface Unread {
  readonly ok: false;
  readonly reason: UnreadReason;
  readonly message: string;
}
type Read = Answered | Unread;

/** How a provider says that an answer ended early. `broken-off`: it gave up in the middle. */
type EarlyEnd = 'cut' | 'broken-off' | 'filtered';
const EARLY_ENDS: Readonly<Record<EarlyEnd, string>> = {
  cut: 'length max_tokens max_output_tokens max_new_tokens token_limit model_length incomplete',
  'broken-off': 'error network_error abort aborted cancelled canceled timeout insufficient_system_resource',
  filtered:
    'content_filter content_filtered safety sensitive blocklist prohibited_content recitation spii image_safety ' +
    'guardrail_intervened refusal',
};
const EARLY_END_OF = new Map(
  Object.entries(EARLY_ENDS).flatMap(([end, reasons]) =>
    reasons.split(' ').map((reason) => [reason, end as EarlyEnd] as const),
  ),
);

/**
 * Reads the body of a 200: its answer, or why there is none. `completion` is the body's JSON, of any shape. Of
 * several choices the worst answer counts. An `error` in the body is reported as such; the caller classifies it. Never
 * throws; linear in the body.
 */
export function readCompletion(completion: unknown): ReadCompletion {
  const body = unwrapped(completion);
  const tokens = tokensIn(body);
  const reads = choicesOf(body).map(readChoice);
  const read = worstOf(reads) ?? nothingIn(body);
  if (!read.ok) return { ...read, ...tokens };
  const model = body['model'];
  return { ...read, model: typeof model === 'string' && model !== '' ? model.slice(0, 200) : null, ...tokens };
}

/** Reasons that blame the content of the picture: another key would get the same. */
const REFUSALS: ReadonlySet<UnreadReason> = new Set(['refusal', 'content-filter']);

/** The outcome of a call whose body could not be read. */
export const unreadOutcome = (reason: UnreadReason, message: string): Exclude<CallOutcome, { kind: 'ok' }> =>
  REFUSALS.has(reason) ? { kind: 'content-refused', message } : { kind: 'unreadable', reason, message };

function unwrapped(completion: unknown): Fields {
  let body: unknown = completion;
  for (let depth = 0; depth < 3; depth++) {
    if (Array.isArray(body)) body = body[0] as unknown;
    if (!isFields(body)) return {};
    if (hasAnswer(body)) return body;
    const outer: Fields = body;
    const inner = WRAPPERS.map((name) => outer[name]).find(
      (value) =>
        (isFields(value) && hasAnswer(value)) ||
        (isFields(value) && depth < 2 && WRAPPERS.some((name) => isFields(value[name]))),
    );
    if (inner === undefined) return body;
    body = { usage: outer['usage'], ...(inner as Fields) };
  }
  return isFields(body) ? body : {};
}

const hasAnswer = (body: Fields): boolean =>
  Array.isArray(body['choices']) || isFields(body['message']) || isBareText(body);
/** DashScope's own form: an `output` with a text and a finish reason. */
const isBareText = (body: Fields): boolean =>
  typeof body['text'] === 'string' && typeof body['finish_reason'] === 'string';

/** One choice is asked for. A body with more than this is not read at all. */
const MOST_CHOICES = 64;

/** The choices of a body; a body that is itself a message counts as a choice. */
function choicesOf(body: Fields): readonly Fields[] {
  const choices: unknown = body['choices'];
  if (Array.isArray(choices)) return choices.length > MOST_CHOICES ? [] : choices.filter(isFields);
  return isFields(body['message']) || isBareText(body) ? [body] : [];
}

function nothingIn(body: Fields): Unread {
  if (errorInAnswer(body) !== null) return IN_BODY;
  const feedback = body['promptFeedback'] ?? body['prompt_feedback'];
  if (isFields(feedback) && typeof feedback['blockReason'] === 'string') return FILTERED_OUT;
  return unread('not-a-completion', 'the response is not a chat completion');
}

function readChoice(choice: Fields): Read {
  const message = messageOf(choice);
  if (message === null) return choice['error'] === undefined ? NO_MESSAGE : IN_BODY;
  const finish = finishOf(choice);
  const earlyEnd = earlyEndOf(finish);
  const reads = saidIn(message).map((said) => withFinish(readAnswer(said, earlyEnd !== undefined), finish, said));
  const read = worstOf(reads.filter((one) => one.ok || one.reason !== 'empty'));
  return read !== undefined && (read.ok || isPart(read)) ? read : whyNoAnswer(message, earlyEnd, read);
}

/** Of a message without an answer. `read`: why its content holds none; undefined when it has no content. */
function whyNoAnswer(message: Message, earlyEnd: EarlyEnd | undefined, read: Unread | undefined): Unread {
  if (typeof message.refusal === 'string' && message.refusal.trim() !== '') return DECLINED;
  if (earlyEnd === 'filtered') return FILTERED_OUT;
  const reasonedOnly = read === undefined ? message.reasoned || earlyEnd === 'cut' : read.reason === 'reasoning-only';
  if (reasonedOnly) return earlyEnd === 'cut' ? OUT_OF_TOKENS : REASONED_ONLY;
  return read ?? EMPTY;
}

/** Gemini's reason says more behind a colon: "content_filter: SAFETY". */
const earlyEndOf = (finish: string | null): EarlyEnd | undefined =>
  EARLY_END_OF.get((finish ?? '').toLowerCase().split(':', 1)[0] ?? '');

const withFinish = (read: ReadAnswer, finish: string | null, said: unknown): Read =>
  read.ok ? { ...read, finish, reply: clipped(typeof said === 'string' ? said.trim() : JSON.stringify(said)) } : read;
const unread = (reason: UnreadReason, message: string): Unread => ({ ok: false, reason, message });
const IN_BODY = unread('error-in-body', 'the response holds an error instead of an answer');
const FILTERED_OUT = unread('content-filter', 'the content filter withheld the answer');
const DECLINED = unread('refusal', 'the model declined to answer');
const OUT_OF_TOKENS = unread('reasoning-only', 'the model used up all its tokens for reasoning');
const REASONED_ONLY = unread('reasoning-only', 'the model reasoned and gave no answer');
const EMPTY = unread('empty', 'the answer is empty');
const NO_MESSAGE = unread('not-a-completion', 'the response has no message');

/** Whether part of an answer arrived, so that it must not count as empty, whatever the finish reason. */
const isPart = ({ reason }: Unread): boolean => reason === 'cut-off' || reason === 'bad-level';

/**
 * The decisive one of several readings: an answer of level `high`; else a cut or unclear one, which may have been
 * `high`; else the worst answer. Undefined when there is none.
 */
function worstOf(reads: readonly Read[]): Read | undefined {
  const worst = worstRisk(reads.flatMap((read) => (read.ok ? [read.answer.riskLevel] : [])));
  const unsure = worst === 'high' ? undefined : reads.find((read) => !read.ok && isPart(read));
  return unsure ?? reads.find((read) => read.ok && read.answer.riskLevel === worst) ?? reads[0];
}

function finishOf(choice: Fields): string | null {
  const given = [choice['finish_reason'], choice['finishReason'], choice['done_reason'], choice['stop_reason']];
  const finish = given.find((value) => typeof value === 'string');
  return typeof finish === 'string' ? finish.slice(0, 64) : null;
}

function tokensIn(body: Fields): Tokens {
  const usage = isFields(body['usage']) ? body['usage'] : {};
  return {
    promptTokens: countOf(usage['prompt_tokens'] ?? usage['input_tokens']),
    completionTokens: countOf(usage['completion_tokens'] ?? usage['output_tokens']),
  };
}

const countOf = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
