import type { AnswerCase } from './answers.ts';
import type { Fault } from './faults.ts';

/** A key the simulator accepts, with the limits it enforces. */
export interface SimulatedKey {
  /** For records and messages; default `key-001`, `key-002`, ... */
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
 * What the simulator does instead of answering well.
 * - `hang`: never answers. `hang-body`: headers, half a body, then silence. `drop`: closes the connection.
 * - `status`: an error with this status. `broken-json`: 200 with a body that is no JSON.
 * - `malformed`: the model's text is cut-off JSON. `empty`: no text. `refusal`: the model declines.
 * - `prose`: JSON amid sentences. `fenced`: JSON in a code fence. `wrapper`: the wrapper shape.
 * - `odd-level`: a level word nobody knows. `slow`: a good answer after `ms`.
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
  /** Share of the calls it applies to, 0 to 1; default 1. */
  readonly probability?: number;
  /** Calls it applies to at most; default no bound. */
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
  /** The one model it has. Default `sim-vl`. */
  readonly model?: string;
  /** Same seed, same requests: same answers and delays. Default 1. */
  readonly seed?: number;
  /** Log-normal delay of answers. Default median 0: at once. */
  readonly latency?: { readonly medianMs: number; readonly p95Ms: number };
  /** Whether calls refused with 429 use up the budget as well. Default false. */
  readonly countRejected?: boolean;
  /** Each request arrives up to this much later than its bytes did, evenly spread: a way of uneven length. Default 0. */
  readonly jitterMs?: number;
  /** Whether answers say when their request arrived and how long it took (`req-arrive-time`, `req-cost-time`, as DashScope does). Default true. */
  readonly timingHeaders?: boolean;
  readonly log?: (fields: object, message: string) => void;
}

/** One call as it arrived. */
export interface RecordedCall {
  /** Epoch ms with fractions, when the request's headers were there. */
  readonly at: number;
  /** The key's name; `?` for a key it does not know. */
  readonly key: string;
  readonly budget: string;
  /** Status answered; 0 while, or when, none was. */
  readonly status: number;
  /** Bytes of the request's body. */
  readonly bytes: number;
  /** From `at` to the end of the answer; null while, or when, there was none. */
  readonly ms: number | null;
  readonly traceId: string | null;
  /** All it used, or would have; 0 while the body is not read, or when it could not be. */
  readonly tokens: number;
}

/** More calls, or tokens, in a window than the limit allows. */
export interface Violation {
  readonly budget: string;
  readonly spanMs: number;
  readonly limit: number;
  readonly unit: 'calls' | 'tokens';
  /** Of that unit, in the window. */
  readonly calls: number;
  /** Epoch ms of the window's first call. */
  readonly from: number;
}

/** A running simulator of an OpenAI-compatible provider. */
export interface ProviderSimulator {
  /** To be given as `base_url`, ending in `/v1`. */
  readonly url: string;
  readonly port: number;
  readonly model: string;
  /** Calls with this key are answered 401 from now on. Throws when there is no such name. */
  revoke(name: string): void;
  restore(name: string): void;
  /** Adds a behaviour; the newest that applies to a call wins. Returns what takes it away again. */
  setBehaviour(behaviour: Behaviour, options?: BehaviourOptions): () => void;
  clearBehaviours(): void;
  /** The newest 100,000 calls, oldest first, rejected ones among them. */
  calls(): readonly RecordedCall[];
  /** Windows of the record that hold more calls than allowed, counted by brute force over all arrivals. */
  violations(): readonly Violation[];
  /** TCP connections accepted so far. */
  connections(): number;
  /** Entries for `api_keys` of a key configuration that use this simulator, limits as enforced. */
  keyEntries(): readonly SimulatedKeyEntry[];
  close(): Promise<void>;
}

/** Shape of an entry of `config/api_keys.yaml`. */
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
