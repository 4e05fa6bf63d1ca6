import { nestsTooDeep, parseBounded } from './bounded-json.ts';
import { errorInAnswer } from './provider-error.ts';

/** A body that came whole: what its JSON holds, or the text where it is none. */
export type Body =
  { readonly kind: 'json'; readonly value: unknown } | { readonly kind: 'text'; readonly text: string };

/**
 * Reads the body of a 2xx, streamed or not, whichever was asked for: some providers stream every answer, others none,
 * and some name another type. A streamed answer is put together to the shape of one that was not.
 */
export function readBody(text: string): Body {
  const value = parseBounded(text);
  if (value !== undefined) return { kind: 'json', value };
  return (nestsTooDeep(text) ? null : joinStream(text)) ?? { kind: 'text', text };
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The pieces of a streamed answer as one chat completion; an error among them is the answer. Null when the text is no
 * stream, or breaks off within a piece. The library's own reader of streams is for texts that come bit by bit: of one
 * that is there whole it takes seconds for a megabyte of line feeds.
 */
function joinStream(text: string): Body | null {
  const joined = new JoinedAnswer();
  let pieces = 0;
  let failed = false;
  for (const line of linesOf(text)) {
    if (line.startsWith('event:')) failed = line.slice(6).trim() === 'error';
    if (!line.startsWith('data:')) continue;
    const data = line.slice(5).trim();
    if (data === '[DONE]') break;
    if (data === '') continue;
    const piece = parseBounded(data);
    if (piece === undefined) return null;
    joined.add(failed && errorInAnswer(piece) === null ? { error: piece } : piece);
    pieces += 1;
  }
  return pieces === 0 ? null : { kind: 'json', value: joined.completion() };
}

function* linesOf(text: string): Generator<string> {
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n', at);
    const next = end < 0 ? text.length : end;
    yield text.slice(at, next);
    at = next + 1;
  }
}

class JoinedAnswer {
  readonly #text: string[] = [];
  readonly #reasoning: string[] = [];
  readonly #parts: unknown[] = [];
  readonly #refusal: string[] = [];
  #model: unknown = undefined;
  #error: unknown = undefined;
  #usage: unknown = undefined;
  #finish: string | null = null;
  #whole: unknown = undefined;

  add(chunk: unknown): void {
    if (!isFields(chunk)) return;
    if (this.#error === undefined && errorInAnswer(chunk) !== null) this.#error = chunk;
    this.#model ??= chunk['model'];
    if (isFields(chunk['usage'])) this.#usage = chunk['usage'];
    const choice: unknown = Array.isArray(chunk['choices']) ? chunk['choices'][0] : undefined;
    if (!isFields(choice)) return;
    if (typeof choice['finish_reason'] === 'string' && choice['finish_reason'] !== '')
      this.#finish = choice['finish_reason'];
    // An answer that was not taken apart at all.
    if (isFields(choice['message']) && !isFields(choice['delta'])) this.#whole = choice['message'];
    const delta = choice['delta'];
    if (!isFields(delta)) return;
    const content = delta['content'];
    if (typeof content === 'string') this.#text.push(content);
    else if (Array.isArray(content)) for (const part of content) this.#parts.push(part);
    for (const name of ['reasoning_content', 'reasoning']) {
      const piece = delta[name];
      if (typeof piece === 'string') this.#reasoning.push(piece);
    }
    if (typeof delta['refusal'] === 'string') this.#refusal.push(delta['refusal']);
  }

  completion(): unknown {
    if (this.#error !== undefined) return this.#error;
    const message = this.#whole ?? {
      role: 'assistant',
      content:
        this.#parts.length > 0
          ? [...this.#parts, ...(this.#text.length > 0 ? [{ type: 'text', text: this.#text.join('') }] : [])]
          : this.#text.join(''),
      ...(this.#reasoning.length > 0 ? { reasoning_content: this.#reasoning.join('') } : {}),
      ...(this.#refusal.length > 0 ? { refusal: this.#refusal.join('') } : {}),
    };
    // A stream that ends without saying why was cut.
    const choice = { index: 0, finish_reason: this.#finish ?? 'length', message };
    return { object: 'chat.completion', model: this.#model, choices: [choice], usage: this.#usage };
  }
}
