import { randomUUID } from 'node:crypto';
import { APIError } from 'openai';
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';
import type { ResponseFormat } from '../keys/config.schema.ts';
import type { TransitSample } from '../keys/guard.ts';
import type { CallOutcome } from '../keys/outcome.ts';
import type { Secret } from '../keys/secret.ts';
import { newSpanId } from '../messages/ids.ts';
import { joinSignals } from '../runtime/joined-signal.ts';
import type { Answer } from './answer.ts';
import { readCompletion, unreadOutcome } from './completion.ts';
import { classifyFailure, redact } from './failure.ts';
import { createExchange } from './exchange.ts';
import { LeanClient } from './lean-client.ts';
import type { Prompt } from './prompt.ts';
import { transitOf } from './transit.ts';
import { ResponseFormats, responseFormatField, type Step } from './response-format.ts';
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
  /** Called once, when the request has been written to its connection, `agoMs` ago; not at all when that never happened. */
  readonly onSent?: (agoMs: number) => void;
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

/** W3C trace context: version, trace, span, flags. */
const TRACE = 'traceparent';

/** Chat completions with a picture. Connections are kept and reused. Nothing is logged and no message carries a key. */
export function createVlmClient(): VlmClient {
  const formats = new ResponseFormats();
  const exchange = createExchange();
  /** One client for each key's name; replaced when its secret or endpoint changes, so it grows no larger than the key file. */
  const clients = new Map<string, { readonly access: VlmAccess; readonly client: LeanClient }>();

  function clientFor(access: VlmAccess): LeanClient {
    const known = clients.get(access.keyName);
    if (known !== undefined && known.access.secret === access.secret && known.access.baseUrl === access.baseUrl) return known.client;
    const client = new LeanClient({ apiKey: access.secret.reveal(), baseUrl: access.baseUrl, exchange });
    clients.set(access.keyName, { access, client });
    return client;
  }

  async function call(request: VlmRequest): Promise<VlmReply> {
    const { access, timeoutMs } = request;
    const target = `${access.baseUrl} ${access.model}`;
    const step = formats.current(target, access.responseFormat);
    const over = joinSignals([request.signal]);
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = request.signal?.aborted !== true;
      over.abort();
    }, Math.max(1, Math.ceil(timeoutMs)));
    let sentAt: number | null = null;
    const onSent = (): void => {
      sentAt = performance.now();
      request.onSent?.(0);
    };
    try {
      const headers = { [TRACE]: `00-${request.traceId}-${newSpanId()}-01` };
      const response = await clientFor(access).complete({ headers, body: bodyOf(request, step), signal: over.signal, onSent });
      const arrivedAt = performance.now();
      const roundTripMs = sentAt === null ? null : arrivedAt - sentAt;
      const completion: unknown = JSON.parse(await response.text());
      const reply = fromCompletion(completion, access);
      return reply.ok ? { ...reply, transit: transitOf(response.headers, roundTripMs), parseMs: performance.now() - arrivedAt } : reply;
    } catch (error) {
      const ending = { timedOut, abandoned: request.signal?.aborted === true && !timedOut };
      const failure = classifyFailure(error, ending, access.secret, Date.now());
      if (failure.kind === 'ok') throw error;
      const formatRefused = failure.kind === 'rejected-request' && formats.refused(target, access.responseFormat, step, failure.message);
      const headers = error instanceof APIError && error.headers instanceof Headers ? error.headers : null;
      const transit = headers === null ? null : transitOf(headers, sentAt === null ? null : performance.now() - sentAt);
      return { ok: false, failure, formatRefused, transit, promptTokens: 0, completionTokens: 0 };
    } finally {
      clearTimeout(timer);
      over.release();
    }
  }

  return { call };
}

/** Stands in a body for the picture; no prompt holds it. */
const PICTURE = randomUUID();

/**
 * The bytes of a request. The library's own writer looks at every value of a body on the way; and a picture that is part
 * of a string is copied with it again and again.
 */
function bodyOf({ access, prompt, jpeg }: VlmRequest, step: Step): Uint8Array {
  const body: ChatCompletionCreateParamsNonStreaming = {
    model: access.model,
    temperature: 0,
    max_tokens: MAX_ANSWER_TOKENS,
    messages: [
      { role: 'system', content: prompt.system },
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url: `data:image/jpeg;base64,${PICTURE}` } },
          { type: 'text', text: prompt.user },
        ],
      },
    ],
    ...responseFormatField(step),
  };
  const [before = '', after = ''] = JSON.stringify(body).split(PICTURE);
  const picture = Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength).toString('base64');
  const begin = Buffer.byteLength(before);
  const bytes = Buffer.allocUnsafe(begin + picture.length + Buffer.byteLength(after));
  bytes.write(before, 'utf8');
  bytes.write(picture, begin, 'latin1');
  bytes.write(after, begin + picture.length, 'utf8');
  return bytes;
}

/** A reply of what a body says. No message carries the key. */
function fromCompletion(completion: unknown, access: VlmAccess): VlmReply {
  const read = readCompletion(completion);
  const { promptTokens, completionTokens } = read;
  if (read.ok) return { ok: true, answer: read.answer, model: read.model ?? access.model, promptTokens, completionTokens };
  const failure = unreadOutcome(read.reason, redact(read.message, access.secret));
  return { ok: false, failure, formatRefused: false, promptTokens, completionTokens };
}
