import { APIError } from 'openai';
import { Stream } from 'openai/core/streaming';
import { errorInAnswer } from './provider-error.ts';

/** A body that came whole: what its JSON holds, or the text where it is none. */
export type Body = { readonly kind: 'json'; readonly value: unknown } | { readonly kind: 'text'; readonly text: string };

/**
 * Reads the body of a 2xx, streamed or not, whichever was asked for: some providers stream every answer, others none.
 * A streamed answer is put together to the shape of one that was not. Rejects when the body breaks off.
 */
export async function readResponse(response: Response): Promise<Body> {
  const type = response.headers.get('content-type') ?? '';
  if (/text\/event-stream/iu.test(type)) return { kind: 'json', value: await joinStream(response) };
  const text = await response.text();
  // Some name no type, or another one.
  if (text.trimStart().startsWith('data:')) return { kind: 'json', value: await joinStream(new Response(text)) };
  try {
    return { kind: 'json', value: JSON.parse(text) };
  } catch {
    return { kind: 'text', text };
  }
}

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The pieces of a streamed answer as one chat completion; an error among them is the answer. */
async function joinStream(response: Response): Promise<unknown> {
  const joined = new JoinedAnswer();
  try {
    for await (const chunk of Stream.fromSSEResponse<unknown>(response, new AbortController())) joined.add(chunk);
  } catch (thrown) {
    // The library's way to say that a piece was an error; one without a status came in the stream.
    if (thrown instanceof APIError && thrown.status === undefined && thrown.error !== undefined) return { error: thrown.error };
    throw thrown;
  }
  return joined.completion();
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
    if (typeof choice['finish_reason'] === 'string' && choice['finish_reason'] !== '') this.#finish = choice['finish_reason'];
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
      content: this.#parts.length > 0 ? [...this.#parts, ...(this.#text.length > 0 ? [{ type: 'text', text: this.#text.join('') }] : [])] : this.#text.join(''),
      ...(this.#reasoning.length > 0 ? { reasoning_content: this.#reasoning.join('') } : {}),
      ...(this.#refusal.length > 0 ? { refusal: this.#refusal.join('') } : {}),
    };
    // A stream that ends without saying why was cut.
    const choice = { index: 0, finish_reason: this.#finish ?? 'length', message };
    return { object: 'chat.completion', model: this.#model, choices: [choice], usage: this.#usage };
  }
}
