import OpenAI, { APIError } from 'openai';
import type { ChatCompletionCreateParamsNonStreaming } from 'openai/resources/chat/completions';
import { DEFAULT_OUTPUT_TOKENS, type ExtraBody, MOST_IMAGES, type ResponseFormat } from '../keys/key-config.schema.ts';
import type { TransitSample } from '../keys/transit-guard.ts';
import type { Secret } from '../keys/secret.ts';
import { newSpanId } from '../messages/ids.ts';
import { traceparent } from '../messages/trace-context.ts';
import { joinSignals } from '../runtime/joined-signal.ts';
import { Adaptations, type ChosenShape } from './adaptations.ts';
import type { Answer } from './answer.ts';
import { readCompletion, unreadOutcome } from './completion.ts';
import { brokenCall, type Failure, redact, refusedOutcome, textOf } from './failure.ts';
import type { Picture } from './picture.ts';
import type { Prompt } from './prompt.ts';
import { errorInAnswer, type ProviderError, readProviderError } from './provider-error.ts';
import { requestBody } from './request-body.ts';
import { differencesOf, type Wanted } from './request-shape.ts';
import { readBody } from './response-reader.ts';
import { type SentRequest, transitOf } from './transit.ts';
import { CallDispatcher, createTransport, LARGEST_ANSWER_BYTES, type Transport } from './transport.ts';

/** A key as a call needs it; a lease's grant has this shape. */
export interface VlmAccess {
  readonly keyName: string;
  readonly secret: Secret;
  readonly baseUrl: string;
  readonly model: string;
  readonly responseFormat: ResponseFormat;
  /** Default {@link DEFAULT_OUTPUT_TOKENS}. */
  readonly maxOutputTokens?: number;
  /** Fields added to the body; default none. */
  readonly extraBody?: ExtraBody | null;
  /** Pictures of one call at most; default {@link MOST_IMAGES}. */
  readonly maxImages?: number;
}

export interface VlmRequest {
  readonly access: VlmAccess;
  readonly prompt: Prompt;
  /** At least one, the most important first: those that the key or its provider does not take are left out. */
  readonly pictures: readonly Picture[];
  /** 32 hex digits; sent as W3C `traceparent`, with the span of the call (default: a new one) and its flag. */
  readonly traceId: string;
  readonly spanId?: string;
  /** Whether the trace is exported. Default false. */
  readonly sampled?: boolean;
  /** Milliseconds for the whole call, body included. */
  readonly timeoutMs: number;
  /** Aborts the call: outcome `abandoned`. */
  readonly signal?: AbortSignal;
  /**
   * Called once, `agoMs` after the request was written to its connection; never when it was not written. `delayMs`: how
   * late the caller's thread has been lately, for want of a core or by its own work; default 0.
   */
  readonly onSent?: (agoMs: number, delayMs?: number) => void;
}

interface ReplyParts {
  /** The request's way to the provider, from the headers of any response; null or absent when they don't tell. */
  readonly transit?: TransitSample | null;
  /** Tokens are paid for even when the answer cannot be read. */
  readonly promptTokens: number;
  readonly completionTokens: number;
  /** Differences between the request and the plain one; absent when no call was made. */
  readonly adaptations?: readonly string[];
  /** Rate-limit headers of the response. */
  readonly limits?: Readonly<Record<string, string>>;
}

export type VlmReply = ReplyParts &
  (
    | {
        readonly ok: true;
        readonly answer: Answer;
        readonly model: string;
        /** The answer as the model wrote it, cut. */
        readonly reply?: string;
        /** Milliseconds spent reading the answer. */
        readonly parseMs?: number;
      }
    | {
        readonly ok: false;
        /** `stepped-down`: the next request will have another shape, so a retry is worthwhile. */
        readonly failure: Failure;
      }
  );

export interface VlmClient {
  /** Makes one call, without retries. Never rejects. */
  call(request: VlmRequest): Promise<VlmReply>;
}

export interface VlmClientOptions {
  /** Epoch ms; default the system's clock. */
  readonly now?: () => number;
}

/** W3C trace context: version, trace, span, flags. */
const TRACE = 'traceparent';
/** Bytes that a streamed answer needs for each token, at most. */
const STREAMED_TOKEN_BYTES = 500;
const LIMIT_HEADER = /^(?:x-)?ratelimit-|^retry-after/iu;
const MOST_LIMITS = 12;
/** Headers that would tell providers about this machine; the library sends them unless they are null. */
const UNSENT = ['arch', 'lang', 'os', 'package-version', 'runtime', 'runtime-version', 'retry-count', 'timeout'];
const HEADERS = {
  'user-agent': 'Gantry',
  ...Object.fromEntries(UNSENT.map((name) => [`x-stainless-${name}`, null])),
};

/** A client for chat completions with pictures, over kept connections. Logs nothing; no message carries a key. */
export function createVlmClient({ now = Date.now }: VlmClientOptions = {}): VlmClient {
  const adaptations = new Adaptations(now);
  const clients = new Clients(createTransport());

  async function call(request: VlmRequest): Promise<VlmReply> {
    const { access } = request;
    const wanted: Wanted = {
      responseFormat: access.responseFormat,
      extraFields: Object.keys(access.extraBody ?? {}),
      pictures: sentPictures(request).length,
    };
    const target = `${access.baseUrl}\n${access.model}`;
    const chosen = adaptations.choose(target, wanted);
    const made = await exchange(request, chosen, clients);
    const parts = {
      transit: made.headers === null ? null : transitOf(made.headers, made.sent),
      adaptations: differencesOf(chosen.shape, wanted),
      limits: made.headers === null ? {} : limitsIn(made.headers),
      promptTokens: 0,
      completionTokens: 0,
    };
    if (made.kind === 'broken') return { ok: false, failure: made.failure, ...parts };
    if (made.kind === 'refused') {
      const again = adaptations.refused(target, wanted, chosen, made.error);
      const failure = again
        ? ({ kind: 'stepped-down', message: redact(textOf(made.error), access.secret) } as const)
        : refusedOutcome(made.error, { secret: access.secret, model: access.model, headers: made.headers, now: now() });
      return { ok: false, failure, ...parts };
    }
    adaptations.answered(target, wanted, chosen);
    const readAt = performance.now();
    const read = readCompletion(made.completion);
    const tokens = { promptTokens: read.promptTokens, completionTokens: read.completionTokens };
    if (!read.ok)
      return {
        ok: false,
        failure: unreadOutcome(read.reason, redact(read.message, access.secret)),
        ...parts,
        ...tokens,
      };
    return {
      ok: true,
      answer: read.answer,
      model: read.model ?? access.model,
      reply: redact(read.reply, access.secret),
      ...parts,
      ...tokens,
      parseMs: performance.now() - readAt,
    };
  }

  return { call };
}

interface Received {
  readonly headers: Headers | null;
  /** Null when the request was never written. */
  readonly sent: SentRequest | null;
}

/** The end of one exchange with the provider: a completion, an error from it, or no response. */
type Exchanged = Received &
  (
    | { readonly kind: 'completion'; readonly completion: unknown }
    | { readonly kind: 'refused'; readonly error: ProviderError }
    | { readonly kind: 'broken'; readonly failure: Failure }
  );

async function exchange(request: VlmRequest, { shape }: ChosenShape, clients: Clients): Promise<Exchanged> {
  const { access, timeoutMs, prompt } = request;
  const { maxOutputTokens = DEFAULT_OUTPUT_TOKENS, extraBody = null, model, secret } = access;
  const over = joinSignals([request.signal]);
  let timedOut = false;
  const limit = Math.max(1, Math.ceil(timeoutMs));
  const timer = setTimeout(() => {
    timedOut = request.signal?.aborted !== true;
    over.abort();
  }, limit);
  let written: Written | null = null;
  const onSent = (writeMs: number): void => {
    written = { at: performance.now(), writeMs };
    request.onSent?.(0);
  };
  const largest = LARGEST_ANSWER_BYTES + (shape.stream ? maxOutputTokens * STREAMED_TOKEN_BYTES : 0);
  const dispatcher = new CallDispatcher(clients.pool, onSent, largest);
  let received: Received = { headers: null, sent: null };
  try {
    // The declared type decides only how the library would read the body, which is done here.
    const body = requestBody(
      { model, prompt, pictures: sentPictures(request), maxOutputTokens, extraBody },
      shape,
    ) as ChatCompletionCreateParamsNonStreaming;
    const response = await clients
      .of(access)
      .chat.completions.create(body, {
        headers: { [TRACE]: traceparent(request.traceId, request.spanId ?? newSpanId(), request.sampled === true) },
        signal: over.signal,
        // Our own timer ends the whole call first; the library's covers the headers only.
        timeout: limit + 60_000,
        fetchOptions: { dispatcher },
      })
      .asResponse();
    received = receivedAt(response.headers, written);
    const answer = readBody(await response.text());
    const error = errorInAnswer(answer.kind === 'json' ? answer.value : answer.text);
    if (error !== null) return { kind: 'refused', error, ...received };
    if (answer.kind === 'json') return { kind: 'completion', completion: answer.value, ...received };
    return {
      kind: 'broken',
      failure: { kind: 'unreadable', reason: 'not-a-completion', message: 'the response is not JSON' },
      ...received,
    };
  } catch (thrown) {
    const ending = { timedOut, abandoned: request.signal?.aborted === true && !timedOut };
    const error = ending.timedOut || ending.abandoned ? null : errorOf(thrown, dispatcher);
    if (thrown instanceof APIError && thrown.headers !== undefined) received = receivedAt(thrown.headers, written);
    if (error !== null) return { kind: 'refused', error, ...received };
    return { kind: 'broken', failure: brokenCall(thrown, ending, secret), ...received };
  } finally {
    dispatcher.ended();
    clearTimeout(timer);
    over.release();
  }
}

const sentPictures = ({ access, pictures }: VlmRequest): readonly Picture[] =>
  pictures.slice(0, access.maxImages ?? MOST_IMAGES);

/** A request that was written at `at` by `performance.now()`, which took `writeMs`. */
interface Written {
  readonly at: number;
  readonly writeMs: number;
}

const receivedAt = (headers: Headers, written: Written | null): Received => ({
  headers,
  sent: written === null ? null : { roundTripMs: performance.now() - written.at, writeMs: written.writeMs },
});

const errorOf = (thrown: unknown, { errorBody }: CallDispatcher): ProviderError | null =>
  thrown instanceof APIError && typeof thrown.status === 'number'
    ? readProviderError(thrown.status, errorBody ?? '')
    : null;

const limitsIn = (headers: Headers): Record<string, string> =>
  Object.fromEntries(
    [...headers]
      .filter(([name]) => LIMIT_HEADER.test(name))
      .slice(0, MOST_LIMITS)
      .map(([name, value]) => [name.toLowerCase(), value.slice(0, 60)]),
  );

/** The library's clients, one for each key's name, replaced when its secret or endpoint changes. */
class Clients {
  readonly #transport: Transport;
  readonly #known = new Map<string, { readonly access: VlmAccess; readonly client: OpenAI }>();

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get pool(): Transport['pool'] {
    return this.#transport.pool;
  }

  of(access: VlmAccess): OpenAI {
    const known = this.#known.get(access.keyName);
    if (known?.access.secret === access.secret && known.access.baseUrl === access.baseUrl) return known.client;
    const client = new OpenAI({
      apiKey: access.secret.reveal(),
      baseURL: access.baseUrl,
      maxRetries: 0,
      logLevel: 'off',
      organization: null,
      project: null,
      defaultHeaders: HEADERS,
      fetch: this.#transport.fetch,
    });
    this.#known.set(access.keyName, { access, client });
    return client;
  }
}
