export type Fields = Readonly<Record<string, unknown>>;
export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Keys under which proxies put a completion or an error. */
export const WRAPPERS = ['data', 'result', 'response', 'output', 'body'] as const;

/** A model's message, in one form for all providers. */
export interface Message {
  readonly content: unknown;
  readonly refusal: unknown;
  /** The content as the server parsed it. */
  readonly parsed: unknown;
  /** Arguments of tool calls, as text or as objects. */
  readonly arguments: readonly unknown[];
  /** Reasoning came in a field or part of its own. */
  readonly reasoned: boolean;
}

/** Most tool calls, and most parts, of a message; one with more is not read. */
const MOST_CALLS = 64;
const MOST_PARTS = 1_000;
const REASONING = [
  'reasoning_content',
  'reasoning',
  'reasoning_details',
  'reasoning_text',
  'thinking',
  'thinking_blocks',
] as const;

/** The message of a choice; null when it has none. The `text` of an old-style completion is its content. */
export function messageOf(choice: Fields): Message | null {
  const message = [choice['message'], choice['delta']].find(isFields);
  if (message === undefined) {
    const { text } = choice;
    return typeof text === 'string'
      ? { content: text, refusal: null, parsed: null, arguments: [], reasoned: false }
      : null;
  }
  const calls: readonly unknown[] = Array.isArray(message['tool_calls']) ? message['tool_calls'] : [];
  if (calls.length > MOST_CALLS || partsOf(message['content']).length > MOST_PARTS) return null;
  const functions = [
    ...calls.map((call) => (isFields(call) ? (call['function'] ?? call) : null)),
    message['function_call'],
  ];
  return {
    content: message['content'],
    refusal: message['refusal'],
    parsed: message['parsed'],
    arguments: functions.flatMap((each) => (isFields(each) && isGiven(each['arguments']) ? [each['arguments']] : [])),
    reasoned: REASONING.some((name) => isGiven(message[name])) || partsOf(message['content']).some(isReasoning),
  };
}

/**
 * Everything a message says: texts, and values that a server parsed; without reasoning in fields or parts of its own.
 */
export const saidIn = ({ content, parsed, arguments: given }: Message): readonly unknown[] =>
  [...contentOf(content), parsed, ...given].filter(isGiven);

const isGiven = (value: unknown): boolean =>
  typeof value === 'string'
    ? value.trim() !== ''
    : typeof value === 'object' && value !== null && Object.keys(value).length > 0;

/** The text of a content, its parts joined, and the parts that hold no text: such an object may be the answer. */
function contentOf(content: unknown): readonly unknown[] {
  const answering = partsOf(content).filter((part) => !isReasoning(part));
  const texts = answering.map((part) => (typeof part === 'string' ? part : isFields(part) ? textOf(part) : ''));
  return [texts.join(''), ...answering.filter((_, index) => texts[index] === null)];
}

const partsOf = (content: unknown): readonly unknown[] => (Array.isArray(content) ? content : [content]);

/**
 * Whether a part is reasoning, by its type (`thinking`, `redacted_thinking`, `reasoning`) or mark (`thought: true`).
 */
const isReasoning = (part: unknown): boolean =>
  isFields(part) &&
  (part['thought'] === true ||
    (typeof part['type'] === 'string' && /think|reason|thought/i.test(part['type'].slice(0, 40))));

function textOf(part: Fields): string | null {
  for (const value of [part['text'], part['content'], part['output_text']]) {
    if (typeof value === 'string') return value;
    if (isFields(value) && typeof value['value'] === 'string') return value['value'];
  }
  return null;
}
