import { nestsTooDeep, parseBounded } from './bounded-json.ts';
import { type Fields, isFields } from './completion-parts.ts';
import { errorInAnswer } from './provider-error.ts';

/** A whole body: the value of its JSON, or the text when it is no JSON. */
export type Body =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'text'; readonly text: string };

/**
 * Reads the body of a 2xx, streamed or not, regardless of the request: some providers stream every answer, others none,
 * and some declare a wrong type. A streamed answer is joined into one chat completion.
 */
export function readBody(text: string): Body {
  const value = parseBounded(text);
  if (value !== undefined) return { kind: 'json', value };
  return (nestsTooDeep(text) ? null : joinStream(text)) ?? { kind: 'text', text };
}

/**
 * Joins the pieces of a streamed answer into one chat completion, or into the error among them. Null when the text is
 * not a stream, or breaks off within a piece. The library's own reader is made for streams that arrive bit by bit: it
 * takes seconds for a megabyte of line feeds in a whole text.
 */
function joinStream(text: string): Body | null {
  const joined = new JoinedAnswer();
  let pieces = 0;
  let failed = false;
  let data: string[] = [];
  /** False when the lines so far are no piece. */
  const flush = (): boolean => {
    const read = piecesIn(data);
    data = [];
    for (const piece of read) {
      if (piece === undefined) return false;
      joined.add(failed && errorInAnswer(piece) === null ? { error: piece } : piece);
      pieces += 1;
    }
    return true;
  };
  for (const line of linesOf(text)) {
    const done = line.startsWith('data:') && line.slice(5).trim() === '[DONE]';
    if ((done || line === '') && data.length > 0 && !flush()) return null;
    if (done) break;
    if (line.startsWith('event:')) failed = line.slice(6).trim() === 'error';
    else if (line.startsWith('data:')) data.push(line.slice(5));
  }
  return !flush() || pieces === 0 ? null : { kind: 'json', value: joined.completion() };
}

/** A piece may span several lines, and some servers forget the empty line between pieces. */
function piecesIn(data: readonly string[]): readonly unknown[] {
  const given = data.filter((line) => line.trim() !== '');
  if (given.length === 0) return [];
  const whole = parseBounded(given.join('\n'));
  return whole === undefined && given.length > 1 ? given.map(parseBounded) : [whole];
}

/** Lines ended by CR LF, LF or a bare CR. */
function* linesOf(text: string): Generator<string> {
  const mark = text.includes('\n') ? '\n' : '\r';
  for (let at = 0; at < text.length;) {
    const end = text.indexOf(mark, at);
    const next = end < 0 ? text.length : end;
    yield text.slice(at, next).trim();
    at = next + 1;
  }
}

function pushText(pieces: string[], piece: unknown): void {
  if (typeof piece === 'string') pieces.push(piece);
}

class JoinedAnswer {
  readonly #text: string[] = [];
  readonly #reasoning: string[] = [];
  readonly #parts: unknown[] = [];
  readonly #refusal: string[] = [];
  /** Arguments of tool calls, by the call's index; there is one old-style function call at most. */
  readonly #arguments = new Map<unknown, string[]>();
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
    const { finish_reason: finish, delta, message } = choice;
    if (typeof finish === 'string' && finish !== '') this.#finish = finish;
    if (isFields(delta)) this.#delta(delta);
    // The server did not take its answer apart.
    else if (isFields(message)) this.#whole = message;
  }

  #delta(delta: Fields): void {
    const { content, tool_calls: calls } = delta;
    if (Array.isArray(content)) for (const part of content) this.#parts.push(part);
    pushText(this.#text, content);
    pushText(this.#reasoning, delta['reasoning_content']);
    pushText(this.#reasoning, delta['reasoning']);
    pushText(this.#refusal, delta['refusal']);
    if (Array.isArray(calls)) for (const call of calls) if (isFields(call)) this.#call(call['index'], call['function']);
    this.#call('function_call', delta['function_call']);
  }

  #call(index: unknown, called: unknown): void {
    const piece = isFields(called) ? called['arguments'] : undefined;
    if (typeof piece !== 'string') return;
    const known = this.#arguments.get(index);
    if (known === undefined) this.#arguments.set(index, [piece]);
    else known.push(piece);
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
      ...(this.#arguments.size > 0
        ? { tool_calls: [...this.#arguments.values()].map((pieces) => ({ function: { arguments: pieces.join('') } })) }
        : {}),
      ...(this.#refusal.length > 0 ? { refusal: this.#refusal.join('') } : {}),
    };
    const silent = [this.#text, this.#reasoning, this.#parts, this.#refusal].every(({ length }) => length === 0);
    const nothing = silent && this.#arguments.size === 0;
    // A stream that ends without a reason was cut, unless it was empty.
    const choice = { index: 0, finish_reason: this.#finish ?? (nothing ? null : 'length'), message };
    return { object: 'chat.completion', model: this.#model, choices: [choice], usage: this.#usage };
  }
}
