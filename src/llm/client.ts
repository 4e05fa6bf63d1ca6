import OpenAI from 'openai';
import type { ChatCompletion } from 'openai/resources/chat/completions';
import type { ResponseFormat } from '../keys/config.schema.ts';
import type { TransitSample } from '../keys/guard.ts';
import type { CallOutcome } from '../keys/outcome.ts';
import type { Secret } from '../keys/secret.ts';
import { readAnswer, type Answer } from './answer.ts';
import { classifyFailure, redact } from './failure.ts';
import type { Prompt } from './prompt.ts';
import { transitOf } from './transit.ts';
import { watchSending } from './sending.ts';
import { ResponseFormats, responseFormatField } from './response-format.ts';
import { MAX_ANSWER_TOKENS } from './token-bound.ts';

/** What a call needs of a key; a lease's grant has this shape. */
export interface VlmAccess {
  readonly keyName: string;
  readonly secret: Secret;
  readonly baseUrl: string;
  readonly model: string;
  readonly responseFormat: ResponseFormat;
}

export interface VlmRequest {
  readonly access: VlmAccess;
  readonly prompt: Prompt;
  readonly jpeg: Uint8Array;
  /** 32 hex digits; sent as W3C `traceparent`. */
  readonly traceId: string;
  /** Milliseconds for the whole call, body included. */
  readonly timeoutMs: number;
  /** Gives the call up: outcome `abandoned`. */
  readonly signal?: AbortSignal;
  /** Called once, at the moment the request is written to its connection; not at all when that never happened. */
  readonly onSent?: () => void;
}

export type VlmReply =
  | {
      readonly ok: true;
      readonly answer: Answer;
      readonly model: string;
      readonly promptTokens: number;
      readonly completionTokens: number;
      /** What the provider told of the way there; null or absent when it told nothing. */
      readonly transit?: TransitSample | null;
      /** Milliseconds it took to read the answer. */
      readonly parseMs?: number;
    }
  | {
      readonly ok: false;
      readonly failure: Exclude<CallOutcome, { kind: 'ok' }>;
      /** The provider does not take this format of answer; the next call asks for another. No fault of request or key. */
      readonly formatRefused: boolean;
      /** As with an answer: a refused request arrived, too. */
      readonly transit?: TransitSample | null;
      /** Paid also when the answer cannot be read. */
      readonly promptTokens: number;
      readonly completionTokens: number;
    };

export interface VlmClient {
  /** One call, never repeated. Never rejects. */
  call(request: VlmRequest): Promise<VlmReply>;
}

/**
 * Chat completions with a picture. Connections are kept and reused (Node's fetch keeps a pool per origin). Nothing is
 * logged and no message carries a key.
 */
export function createVlmClient(): VlmClient {
  const formats = new ResponseFormats();
  /** One client for each key's name; replaced when its secret or endpoint changes, so it grows no larger than the key file. */
  const clients = new Map<string, { readonly access: VlmAccess; readonly client: OpenAI }>();

  function clientFor(access: VlmAccess): OpenAI {
    const known = clients.get(access.keyName);
    if (known !== undefined && known.access.secret === access.secret && known.access.baseUrl === access.baseUrl) return known.client;
    const client = new OpenAI({ apiKey: access.secret.reveal(), baseURL: access.baseUrl, maxRetries: 0, logLevel: 'off', organization: null, project: null });
    clients.set(access.keyName, { access, client });
    return client;
  }

  async function call(request: VlmRequest): Promise<VlmReply> {
    const { access, timeoutMs } = request;
    const target = `${access.baseUrl} ${access.model}`;
    const step = formats.current(target, access.responseFormat);
    const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)));
    let sentAt: number | null = null;
    const watch = watchSending(() => {
      sentAt ??= performance.now();
      request.onSent?.();
    });
    const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal]);
    try {
      const { data, response } = await clientFor(access).chat.completions.create(
        {
          model: access.model,
          temperature: 0,
          max_tokens: MAX_ANSWER_TOKENS,
          messages: [
            { role: 'system', content: request.prompt.system },
            {
              role: 'user',
              content: [
                { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${Buffer.from(request.jpeg).toString('base64')}` } },
                { type: 'text', text: request.prompt.user },
              ],
            },
          ],
          ...responseFormatField(step),
        },
        // The library's own time-out ends with the headers; the signal covers the body too.
        { signal, timeout: 2 * timeoutMs + 1_000, headers: { traceparent: `00-${request.traceId}-${watch.spanId}-01` } },
      ).withResponse();
      const roundTripMs = sentAt === null ? null : performance.now() - sentAt;
      const arrivedAt = performance.now();
      const reply = fromCompletion(data, access);
      return reply.ok ? { ...reply, transit: transitOf(response.headers, roundTripMs), parseMs: performance.now() - arrivedAt } : reply;
    } catch (error) {
      const ending = { timedOut: timeout.aborted, abandoned: request.signal?.aborted === true && !timeout.aborted };
      const failure = classifyFailure(error, ending, access.secret, Date.now());
      if (failure.kind === 'ok') throw error;
      const formatRefused = failure.kind === 'rejected-request' && formats.refused(target, access.responseFormat, step, failure.message);
      const headers = error instanceof OpenAI.APIError && error.headers instanceof Headers ? error.headers : null;
      const transit = headers === null ? null : transitOf(headers, sentAt === null ? null : performance.now() - sentAt);
      return { ok: false, failure, formatRefused, transit, promptTokens: 0, completionTokens: 0 };
    } finally {
      watch.end();
    }
  }

  return { call };
}

/** A provider's body is not trusted to have the type the library declares. */
function fromCompletion(completion: Partial<ChatCompletion> | null | undefined, access: VlmAccess): VlmReply {
  const tokens = { promptTokens: countOf(completion?.usage?.prompt_tokens), completionTokens: countOf(completion?.usage?.completion_tokens) };
  const unreadable = (message: string): VlmReply => ({ ok: false, failure: { kind: 'unreadable', message: redact(message, access.secret) }, formatRefused: false, ...tokens });
  const choice = Array.isArray(completion?.choices) ? completion.choices[0] : undefined;
  const message: Partial<ChatCompletion['choices'][number]['message']> | null | undefined = choice?.message;
  if (choice === undefined || message === undefined || message === null) return unreadable('the response has no message');
  if (typeof message.refusal === 'string' && message.refusal !== '') return unreadable('the model declined to answer');
  if (typeof message.content !== 'string') return unreadable(choice.finish_reason === 'content_filter' ? 'the content filter withheld the answer' : 'the response has no text');
  const read = readAnswer(message.content);
  if (!read.ok) return unreadable(choice.finish_reason === 'length' ? 'the answer was cut off' : read.message);
  return { ok: true, answer: read.answer, model: typeof completion?.model === 'string' ? completion.model : access.model, ...tokens };
}

const countOf = (value: unknown): number => (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0);
