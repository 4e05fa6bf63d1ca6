import type { ClientOptions } from 'openai';
import { Agent, DecoratorHandler, Dispatcher, EnvHttpProxyAgent, fetch, type RequestInit, Response } from 'undici';

/** Bytes after decompression. An answer has a few kB. */
export const LARGEST_ANSWER_BYTES = 1_000_000;
/** Idle connections are closed after this long, before servers and firewalls drop them silently. */
const KEEP_ALIVE_MS = 4_000;

/** The library's `fetch` over the pool of connections below, and the pool itself. */
export interface Transport {
  readonly fetch: NonNullable<ClientOptions['fetch']>;
  readonly pool: Dispatcher;
}

/**
 * A pool of persistent HTTP/1.1 connections. Redirects are refused, because they would carry the key along; answers are
 * bounded, and nothing is sent twice. The caller times out by signal.
 */
export function createTransport(): Transport {
  const options = {
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
    allowH2: false,
  };
  // As with Node's own fetch, HTTPS_PROXY and the like count only when NODE_USE_ENV_PROXY is 1.
  const throughProxy = process.env['NODE_USE_ENV_PROXY'] === '1';
  const pool = throughProxy ? new EnvHttpProxyAgent({ ...options, proxyTunnel: false }) : new Agent(options);
  return { fetch: boundedFetch as unknown as Transport['fetch'], pool };
}

/**
 * One call's view of the pool, given to the library as `fetchOptions.dispatcher`. It reports when the request is
 * written, and keeps the whole text of an error body: the library keeps only its field `error`, which many providers
 * don't send.
 */
export class CallDispatcher extends Dispatcher {
  readonly #pool: Dispatcher;
  readonly #writing: Writing;
  readonly largest: number;
  /** The body of a response that was not 2xx; null while there is none. */
  errorBody: string | null = null;

  /**
   * `onSent` is called once, when the request has been written to its connection, with the ms that writing it took;
   * never if it is not. `largest`: bytes of an answer, at most.
   */
  constructor(pool: Dispatcher, onSent: (writeMs: number) => void, largest: number) {
    super();
    this.#pool = pool;
    this.#writing = new Writing(onSent);
    this.largest = largest;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    return this.#pool.dispatch(options, new SentHandler(handler, this.#writing));
  }

  /** The call is over. Also a request of which only a part was written has reached the provider: it is reported now. */
  ended(): void {
    this.#writing.ended();
  }
}

/** The writing of one request: from the moment before its first byte to the report. */
class Writing {
  readonly #onSent: (writeMs: number) => void;
  #startedAt = 0;
  #state: 'before' | 'under-way' | 'reported' = 'before';

  constructor(onSent: (writeMs: number) => void) {
    this.#onSent = onSent;
  }

  starts(): void {
    this.#startedAt = performance.now();
  }

  begun(): void {
    if (this.#state === 'before') this.#state = 'under-way';
  }

  ended(): void {
    if (this.#state !== 'under-way') return;
    this.#state = 'reported';
    this.#onSent(performance.now() - this.#startedAt);
  }
}

class SentHandler extends DecoratorHandler implements Dispatcher.DispatchHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #writing: Writing;

  constructor(handler: Dispatcher.DispatchHandler, writing: Writing) {
    super(handler);
    this.#handler = handler;
    this.#writing = writing;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#writing.starts();
    this.#handler.onRequestStart?.(controller, context);
  }

  onBodySent(chunk: Buffer): void {
    this.#writing.begun();
    this.#handler.onBodySent?.(chunk);
  }

  onRequestSent(): void {
    this.#writing.begun();
    this.#writing.ended();
    this.#handler.onRequestSent?.();
  }
}

/** A `fetch` that reads every body whole, within a bound: a small one may unpack to gigabytes. */
async function boundedFetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
  const call = init.dispatcher instanceof CallDispatcher ? init.dispatcher : null;
  const response = await fetch(url, { ...init, redirect: 'manual' });
  const { status, headers } = response;
  const largest = call?.largest ?? LARGEST_ANSWER_BYTES;
  const body = await readWithin(response, largest);
  if (response.ok || call === null) {
    if (body.length > largest) throw new Error(`the answer is larger than ${largest} bytes`);
    return new Response(body.length === 0 ? null : inUtf8(body, headers.get('content-type')), { status, headers });
  }
  // The beginning is enough of a large error.
  call.errorBody = new TextDecoder().decode(
    inUtf8(body.subarray(0, LARGEST_ANSWER_BYTES), headers.get('content-type')),
  );
  return new Response(null, { status, headers });
}

const CHARSET = /;\s{0,9}charset\s{0,9}=\s{0,9}["']?([\w.:-]{1,40})/iu;

/** The body in UTF-8, decoded by its byte order mark or the header's charset where it is anything else. */
function inUtf8(body: Buffer, contentType: string | null): Uint8Array {
  const marked =
    body[0] === 0xff && body[1] === 0xfe ? 'utf-16le' : body[0] === 0xfe && body[1] === 0xff ? 'utf-16be' : '';
  const charset =
    marked === '' ? (CHARSET.exec((contentType ?? '').slice(0, 200))?.[1] ?? 'utf-8').toLowerCase() : marked;
  if (charset === 'utf-8' || charset === 'utf8') return new Uint8Array(body);
  try {
    return Buffer.from(new TextDecoder(charset).decode(body));
  } catch {
    // An unknown charset.
    return new Uint8Array(body);
  }
}

/** The decompressed body; of a larger one a little more than `largest` bytes, so that the excess shows. */
async function readWithin({ body }: Response, largest: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  if (body !== null) {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.byteLength;
      // Leaving the loop cancels the rest.
      if (size > largest) break;
    }
  }
  return Buffer.concat(chunks);
}
