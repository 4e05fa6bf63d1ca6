import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';

/** An answer has a few kB; what is larger is no answer. */
const MAX_ANSWER_BYTES = 1_000_000;
const KEPT = 256;
/** A connection that nobody used for so long is closed: after longer, servers and firewalls may have dropped it without a word. */
const KEPT_MS = 4_000;

/** Who watches over a request. */
export interface Watch {
  /**
   * Called once, as soon as the request is written to its connection; when it ends before it is written whole, then. Not
   * at all when there never was a connection. Never before the writing: what this process does between telling and
   * writing takes longer while it is young, and would pass for a slow way to the provider.
   */
  readonly onSent: () => void;
  /** Gives it up. A client that is handed a signal wraps it in ones of its own, at a cost; this one is listened to, no more. */
  readonly signal: AbortSignal;
}

/**
 * A `fetch` for small JSON calls over Node's own HTTP client, with kept connections: half the work of the built-in one,
 * whose streams nothing here needs. It follows no redirect (the key would go along) and takes answers of at most 1 MB.
 * `watchOf` tells by the headers of a request who watches over it.
 */
export function createFetch(watchOf: (headers: Headers) => Watch | undefined): (url: string | URL | Request, init?: RequestInit) => Promise<Response> {
  // As Node's own fetch: HTTPS_PROXY and its like count when NODE_USE_ENV_PROXY is 1.
  const proxy = process.env['NODE_USE_ENV_PROXY'] === '1' ? { proxyEnv: process.env } : {};
  const kept = { keepAlive: true, maxFreeSockets: KEPT, timeout: KEPT_MS, ...proxy };
  const agents = { http: new HttpAgent(kept), https: new HttpsAgent(kept) };

  return (url, init = {}) => {
    const target = new URL(url instanceof Request ? url.url : url);
    const headers = init.headers instanceof Headers ? init.headers : new Headers(init.headers);
    const { body } = init;
    const watch = watchOf(headers);
    const signals = [init.signal, watch?.signal];
    if (typeof body !== 'string' && !(body instanceof Uint8Array)) return Promise.reject(new TypeError('only a body of text or bytes can be sent'));
    return new Promise((resolve, reject) => {
      if (signals.some((signal) => signal?.aborted === true)) {
        reject(abortError());
        return;
      }
      const options = { method: init.method ?? 'POST', headers: { ...Object.fromEntries(headers), 'content-length': String(Buffer.byteLength(body)) } };
      const request: ClientRequest = target.protocol === 'https:' ? httpsRequest(target, { ...options, agent: agents.https }) : httpRequest(target, { ...options, agent: agents.http });
      const abort = (): void => void request.destroy(abortError());
      for (const signal of signals) signal?.addEventListener('abort', abort, { once: true });
      let connected = false;
      let told = false;
      const left = (): void => {
        if (!connected || told) return;
        told = true;
        watch?.onSent();
      };
      const finish = (work: () => void): void => {
        left();
        for (const signal of signals) signal?.removeEventListener('abort', abort);
        work();
      };
      request.once('socket', (socket: Socket) => {
        if (socket.connecting) socket.once(target.protocol === 'https:' ? 'secureConnect' : 'connect', () => (connected = true));
        else connected = true;
      });
      request.once('finish', left);
      request.once('error', (error) => finish(() => reject(error)));
      request.once('response', (response) => {
        read(response).then(
          (bytes) => finish(() => resolve(new WholeResponse(bytes, { status: response.statusCode ?? 0, statusText: response.statusMessage ?? '', headers: headersOf(response) }))),
          (thrown: unknown) => finish(() => reject(thrown)),
        );
      });
      request.end(body);
    });
  };
}

/** A response that has come in whole. The platform's own puts a stream around bytes, only to read it again. */
class WholeResponse extends Response {
  override readonly text: () => Promise<string>;
  override readonly json: () => Promise<unknown>;

  constructor(bytes: Buffer, init: ResponseInit) {
    super(null, init);
    this.text = () => Promise.resolve(bytes.toString('utf8'));
    this.json = () => this.text().then((text): unknown => JSON.parse(text));
  }
}

function read(response: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MAX_ANSWER_BYTES) response.destroy(new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`));
    });
    response.once('end', () => resolve(Buffer.concat(chunks)));
    response.once('error', reject);
    response.once('close', () => reject(new Error('the connection ended within the answer')));
  });
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) headers.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '');
  return headers;
}

const abortError = (): DOMException => new DOMException('This operation was aborted', 'AbortError');
