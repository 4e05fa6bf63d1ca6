import type { AnswerCase } from './answers.ts';
import type { Fault } from './faults.ts';
import type { ChatRequest } from './request.ts';
import type { SimulatedAnswer } from './simulated-answer.ts';

/** A key that the simulator accepts, with the limits that it enforces. */
export interface SimulatedKey {
  /** Name in records and messages; default `key-001`, `key-002`, ... */
  readonly name?: string;
  readonly key: string;
  /** Calls per sliding second and per sliding minute. */
  readonly qps: number;
  readonly rpm: number;
  /** Tokens, of prompt and answer, per sliding minute; default no limit. */
  readonly tpm?: number;
  /** Keys of one group share one budget: the limits of the group's first key. */
  readonly group?: string;
}

/**
 * Behaviour in place of a good answer.
 * - `hang`: never answers. `hang-body`: sends headers and half a body, then nothing. `drop`: closes the connection.
 * - `status`: an error with this status. `broken-json`: 200 with a body that is no JSON.
 * - `malformed`: the model's text is cut-off JSON. `empty`: no text. `refusal`: the model declines.
 * - `prose`: JSON between sentences. `fenced`: JSON in a code fence. `wrapper`: the wrapper shape.
 * - `odd-level`: an unknown level word. `slow`: a good answer after `ms`.
 * - `no-formats`: a request with `response_format` is refused with 400, others are answered well.
 * - `says`: an answer as real models give it, see {@link AnswerCase}. `sends`: 200 with this body.
 * - Faults of real providers, see {@link Fault}.
 */
export type Behaviour =
  | { readonly kind: Fault }
  | {
      readonly kind:
        | 'hang'
        | 'hang-body'
        | 'drop'
        | 'broken-json'
        | 'malformed'
        | 'empty'
        | 'refusal'
        | 'prose'
        | 'fenced'
        | 'wrapper'
        | 'odd-level'
        | 'no-formats';
    }
  | { readonly kind: 'status'; readonly status: number; readonly message?: string; readonly retryAfter?: string }
  | { readonly kind: 'slow'; readonly ms: number }
  | { readonly kind: 'says'; readonly answer: AnswerCase }
  | { readonly kind: 'sends'; readonly body: string };

export interface BehaviourOptions {
  /** Share of the calls that it applies to, 0 to 1; default 1. */
  readonly probability?: number;
  /** Number of calls that it applies to, at most; default no bound. */
  readonly times?: number;
  /** Name of the only key it applies to; default every key. */
  readonly key?: string;
}

export interface SimulatorOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  readonly keys: readonly SimulatedKey[];
  /** The model that its entries for a key file name. Default `sim-vl`. */
  readonly model?: string;
  /** Further models that it has; their answers differ from those of the first. Default none. */
  readonly otherModels?: readonly string[];
  /** The same seed and requests give the same answers and delays. Default 1. */
  readonly seed?: number;
  /** Delay of answers, log-normal or evenly spread between two bounds. Default none. */
  readonly latency?:
    | { readonly medianMs: number; readonly p95Ms: number }
    | { readonly leastMs: number; readonly mostMs: number };
  /** The model's answer to a request; null, or absent: from the figures in its text. */
  readonly answerTo?: (request: ChatRequest) => SimulatedAnswer | null;
  /** Whether calls refused with 429 count against the limits as well. Default false. */
  readonly countRejected?: boolean;
  /** Delays each request's arrival by a uniformly random time up to this: jitter of the network. Default 0. */
  readonly jitterMs?: number;
  /** Whether answers carry `req-arrive-time` and `req-cost-time`, as DashScope's do. Default true. */
  readonly timingHeaders?: boolean;
  readonly log?: (fields: object, message: string) => void;
}

/** One call as it arrived. */
export interface RecordedCall {
  /** Epoch ms with fractions, at the arrival of the request's headers. */
  readonly at: number;
  /** The key's name; `?` for an unknown key. */
  readonly key: string;
  readonly budget: string;
  /** Status of the answer; 0 while, or if, there is none. */
  readonly status: number;
  /** Bytes of the request's body. */
  readonly bytes: number;
  /** From `at` to the end of the answer; null while, or if, there is none. */
  readonly ms: number | null;
  readonly traceId: string | null;
  /** Tokens that it used, or would have used; 0 until the body is read, or if it cannot be. */
  readonly tokens: number;
  /** Those of its prompt: texts and pictures, counted as Qwen-VL does. */
  readonly promptTokens: number;
  /** Pictures of the request. */
  readonly pictures: number;
  /** The model that it asked for; '' until the body is read, or if it cannot be. */
  readonly model: string;
}

/** A window with more calls, or tokens, than the limit allows. */
export interface Violation {
  readonly budget: string;
  readonly spanMs: number;
  readonly limit: number;
  readonly unit: 'calls' | 'tokens';
  /** Calls, or tokens, in the window. */
  readonly calls: number;
  /** Epoch ms of the window's first call. */
  readonly from: number;
}

/** A running simulator of an OpenAI-compatible provider. */
export interface ProviderSimulator {
  /** The `base_url`, ending in `/v1`. */
  readonly url: string;
  readonly port: number;
  readonly model: string;
  /** Answers calls with this key with 401 from now on. Throws when there is no such name. */
  revoke(name: string): void;
  restore(name: string): void;
  /** Adds a behaviour; the newest that applies to a call wins. Returns a function that removes it. */
  setBehaviour(behaviour: Behaviour, options?: BehaviourOptions): () => void;
  clearBehaviours(): void;
  /** The newest 100,000 calls, oldest first, rejected ones among them. */
  calls(): readonly RecordedCall[];
  /** Windows with more calls or tokens than allowed, by brute force over all recorded arrivals. */
  violations(): readonly Violation[];
  /** TCP connections accepted so far. */
  connections(): number;
  /** Entries for `api_keys` of a key file that use this simulator, with the enforced limits. */
  keyEntries(): readonly SimulatedKeyEntry[];
  close(): Promise<void>;
}

/** An entry of `config/api_keys.yaml`. */
export interface SimulatedKeyEntry {
  readonly name: string;
  readonly key: string;
  readonly qps_limit: number;
  readonly rpm_limit: number;
  readonly tpm_limit?: number;
  readonly priority: number;
  readonly enabled: boolean;
  readonly base_url: string;
  readonly model: string;
  readonly quota_group?: string;
}
