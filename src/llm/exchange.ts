import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici';

/** An answer has a few kB; what is larger is no answer. */
const MAX_ANSWER_BYTES = 1_000_000;
/** A connection that nobody used for so long is closed: after longer, servers and firewalls may have dropped it without a word. */
const KEPT_MS = 4_000;

export interface Outgoing {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /**
   * Called once, as soon as the request is written to its connection; not at all when it never is. Never before the
   * writing: what this process does between telling and writing takes longer while it is young, and would pass for a slow
   * way to the provider.
   */
  readonly onSent: () => void;
  /** Gives it up. */
  readonly signal: AbortSignal;
}

export interface Incoming {
  readonly status: number;
  /** Names in lower case; what came more than once is a list. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Posts and resolves with the whole answer, of whatever status. Rejects when there is none (`AbortError` when given up). */
export type Exchange = (outgoing: Outgoing) => Promise<Incoming>;

/**
 * Small calls over kept HTTP/1.1 connections, by undici below its `fetch`, whose streams nothing here needs. No redirect is
 * followed (the key would go along), and nothing is said twice. Time-outs are the caller's, by `signal`.
 */
export function createExchange(): Exchange {
  const options = { keepAliveTimeout: KEPT_MS, keepAliveMaxTimeout: KEPT_MS, headersTimeout: 0, bodyTimeout: 0, allowH2: false };
  // As Node's own fetch: HTTPS_PROXY and its like count when NODE_USE_ENV_PROXY is 1.
  const agent: Dispatcher = process.env['NODE_USE_ENV_PROXY'] === '1' ? new EnvHttpProxyAgent({ ...options, proxyTunnel: false }) : new Agent(options);
  const targets = new Targets();
  return (outgoing) =>
    new Promise((resolve, reject) => {
      if (outgoing.signal.aborted) {
        reject(abortError());
        return;
      }
      agent.dispatch({ ...targets.of(outgoing.url), method: 'POST', headers: outgoing.headers, body: outgoing.body }, new Waiting(outgoing, resolve, reject));
    });
}

/** One exchange under way. */
class Waiting implements Dispatcher.DispatchHandler {
  readonly #outgoing: Outgoing;
  readonly #resolve: (incoming: Incoming) => void;
  readonly #reject: (error: Error) => void;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | null = null;
  #size = 0;
  #head: Omit<Incoming, 'body'> | null = null;

  constructor(outgoing: Outgoing, resolve: (incoming: Incoming) => void, reject: (error: Error) => void) {
    this.#outgoing = outgoing;
    this.#resolve = resolve;
    this.#reject = reject;
    outgoing.signal.addEventListener('abort', this.#abort, { once: true });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Given up while it waited for its connection.
    if (this.#outgoing.signal.aborted) controller.abort(abortError());
  }

  onRequestSent(): void {
    this.#outgoing.onSent();
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Incoming['headers']): void {
    this.#head = { status, headers };
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size > MAX_ANSWER_BYTES) controller.abort(new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`));
  }

  onResponseEnd(): void {
    this.#over();
    if (this.#head === null) this.#reject(new Error('an answer ended before it began'));
    else this.#resolve({ ...this.#head, body: this.#chunks.length === 1 && this.#chunks[0] !== undefined ? this.#chunks[0] : Buffer.concat(this.#chunks) });
  }

  onResponseError(_: unknown, error: Error): void {
    this.#over();
    this.#reject(error);
  }

  readonly #abort = (): void => {
    this.#controller?.abort(abortError());
    this.#reject(abortError());
  };

  #over(): void {
    this.#outgoing.signal.removeEventListener('abort', this.#abort);
  }
}

/** Where URLs lead. Each is taken apart once: there are no more than a few endpoints. */
class Targets {
  static readonly #MOST = 100;
  readonly #known = new Map<string, { readonly origin: string; readonly path: string }>();

  of(url: string): { readonly origin: string; readonly path: string } {
    const known = this.#known.get(url);
    if (known !== undefined) return known;
    const { origin, pathname, search } = new URL(url);
    const target = { origin, path: pathname + search };
    if (this.#known.size >= Targets.#MOST) this.#known.clear();
    this.#known.set(url, target);
    return target;
  }
}

const abortError = (): DOMException => new DOMException('This operation was aborted', 'AbortError');
