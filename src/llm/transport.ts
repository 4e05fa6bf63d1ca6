import type { ClientOptions } from 'openai';
import { Agent, DecoratorHandler, Dispatcher, EnvHttpProxyAgent, fetch, type RequestInit, Response } from 'undici';

/** An answer has a few kB; a larger one is none. Counted after decompression. */
export const LARGEST_ANSWER_BYTES = 1_000_000;
/**
 * An idle connection is closed after this long: later, servers and firewalls may have dropped it without a word.
 */
const KEEP_ALIVE_MS = 4_000;

/** The library's `fetch` over the pool of connections below, and the pool itself. */
export interface Transport {
  readonly fetch: NonNullable<ClientOptions['fetch']>;
  readonly pool: Dispatcher;
}

/**
 * Kept HTTP/1.1 connections for the client. Redirects are refused (the key would go along), answers are bounded, and
 * nothing is sent twice. Time-outs are the caller's, by signal.
 */
export function createTransport(): Transport {
  const options = {
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  };
  // As Node's own fetch: HTTPS_PROXY and its like count when NODE_USE_ENV_PROXY is 1.
  const throughProxy = process.env['NODE_USE_ENV_PROXY'] === '1';
  const pool = throughProxy ? new EnvHttpProxyAgent({ ...options, proxyTunnel: false }) : new Agent(options);
  return { fetch: boundedFetch as unknown as Transport['fetch'], pool };
}

/**
 * One call's view of the pool, given to the library as the call's `fetchOptions.dispatcher`. It tells when the request
 * was written, and keeps the whole text of an error body: the library keeps no more than its field `error`, which many
 * providers' errors don't have.
 */
export class CallDispatcher extends Dispatcher {
  readonly #pool: Dispatcher;
  readonly #onSent: () => void;
  readonly largest: number;
  /** The body of a response that was not 2xx; null while there is none. */
  errorBody: string | null = null;

  /**
   * `onSent` is called once, when the request has been written to its connection; never when it is not. `largest`: bytes
   * of an answer at most.
   */
  constructor(pool: Dispatcher, onSent: () => void, largest: number) {
    super();
    this.#pool = pool;
    this.#onSent = onSent;
    this.largest = largest;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#pool.dispatch(options, new SentHandler(handler, this.#onSent));
  }
}

class SentHandler extends DecoratorHandler implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #onSent: () => void;

  constructor(handler: Dispatcher.DispatchHandler, onSent: () => void) {
    super(handler);
    this.#handler = handler;
    this.#onSent = onSent;
  }

  onRequestSent(): void {
    this.#onSent();
    this.#handler.onRequestSent?.();
  }
}

async function boundedFetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
  const call = init.dispatcher instanceof CallDispatcher ? init.dispatcher : null;
  const response = await fetch(url, { ...init, redirect: 'manual' });
  if (response.ok || call === null) return withinBound(response, call?.largest ?? LARGEST_ANSWER_BYTES);
  call.errorBody = await beginningOf(response, LARGEST_ANSWER_BYTES);
  return new Response(null, { status: response.status, headers: response.headers });
}

/** The first bytes of a body as text, the whole where it is no longer. */
async function beginningOf({ body }: Response, most: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (body !== null) {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.byteLength;
      // Leaving the loop gives the rest up.
      if (size >= most) break;
    }
  }
  return Buffer.concat(chunks).subarray(0, most).toString('utf8');
}

/** The same response, whose body fails as soon as it is larger than allowed: a small one may unpack to gigabytes. */
function withinBound(response: Response, largest: number): Response {
  if (response.body === null) return response;
  let size = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      size += chunk.byteLength;
      if (size > largest) controller.error(new Error(`the answer is larger than ${largest} bytes`));
      else controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(counter), { status: response.status, headers: response.headers });
}
