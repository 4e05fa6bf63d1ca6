/** Talks to Gantry's HTTP API in the name of a session, an API token or the access token. */
import { createSignal } from 'solid-js';
import type { ErrorBody } from '../../../src/http/errors/http-error.ts';

const TOKEN = 'gantry-token';
const REPLY_MS = 10_000;

/** An answer that is an error: `code`, `message`, and the `field` it is about. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly field: string | null;
  /** Seconds to wait before the next try; null where the server names none. */
  readonly retryAfter: number | null;

  constructor(status: number, body: Pick<ErrorBody, 'code' | 'message' | 'field'>, retryAfter: number | null = null) {
    super(body.message);
    this.status = status;
    this.code = body.code;
    this.field = body.field;
    this.retryAfter = retryAfter;
  }
}

/** The token entered since the page was opened. */
let entered: string | null = null;
/** Of the session; sent with every change. */
let csrf: string | null = null;

const [refusals, setRefusals] = createSignal(0);
/** Grows with each request that was refused for want of a sign-in: the page then asks for one. */
export { refusals };

/** Reads a token given in the address (`#token=…`), which servers and logs do not see, and removes it there. */
export function takeTokenFromAddress(): void {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given === null) return;
  setToken(given);
  history.replaceState(null, '', location.pathname + location.search);
}

function token(): string | null {
  if (entered !== null) return entered;
  try {
    return sessionStorage.getItem(TOKEN);
  } catch {
    // The browser may deny storage to a page in a frame of another site.
    return null;
  }
}

/** Null forgets the token. */
export function setToken(value: string | null): void {
  entered = value;
  try {
    if (value === null) sessionStorage.removeItem(TOKEN);
    else sessionStorage.setItem(TOKEN, value);
  } catch {
    // Not stored: the page asks for it again after a reload.
  }
}

export const setCsrf = (value: string | null): void => {
  csrf = value;
};

export interface RequestOptions {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly body?: object;
  /** Beside those of every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: an end after 10 s. */
  readonly signal?: AbortSignal;
}

/**
 * @param path of the API, e.g. `/api/cameras`
 * @returns the parsed reply, whose type the caller names; null for an empty one. Rejects with an {@link ApiError}
 */
export const request = async <T>(path: string, options: RequestOptions = {}): Promise<T> =>
  (await requestTagged<T>(path, options)).body;

export interface Tagged<T> {
  readonly body: T;
  /** The `ETag` of the reply; null for none. */
  readonly tag: string | null;
}

/** As {@link request}, with the tag of the reply. */
export async function requestTagged<T>(path: string, options: RequestOptions = {}): Promise<Tagged<T>> {
  const known = token();
  const knownCsrf = csrf;
  const reply = await fetch(here(path), {
    method: options.method ?? 'GET',
    headers: headersFor(options, known),
    cache: 'no-store',
    signal: options.signal ?? AbortSignal.timeout(REPLY_MS),
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  // Somebody signed in meanwhile.
  if (reply.status === 401 && (token() !== known || csrf !== knownCsrf)) return requestTagged(path, options);
  const text = await reply.text();
  // Health answers 503 with a report of the same shape.
  if (reply.ok || (reply.status === 503 && path === '/api/health')) {
    return { body: JSON.parse(text === '' ? 'null' : text) as T, tag: reply.headers.get('etag') };
  }
  throw errorOf(reply, text);
}

function headersFor(options: RequestOptions, known: string | null): Record<string, string> {
  const headers: Record<string, string> = { ...options.headers };
  if (known !== null) headers['authorization'] = `Bearer ${known}`;
  else if (csrf !== null && (options.method ?? 'GET') !== 'GET') headers['x-csrf-token'] = csrf;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  return headers;
}

function errorOf(reply: Response, text: string): ApiError {
  const retryAfter = Number(reply.headers.get('retry-after'));
  const body = errorBody(reply.status, text);
  // A wrong password is answered 401 as well, and isn't a reason to ask again.
  if (reply.status === 401 && body.code !== 'LOGIN_FAILED') setRefusals((count) => count + 1);
  return new ApiError(reply.status, body, retryAfter > 0 ? retryAfter : null);
}

function errorBody(status: number, text: string): Pick<ErrorBody, 'code' | 'message' | 'field'> {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string') {
      return body as ErrorBody;
    }
  } catch {
    // Not from Gantry, most likely a proxy's page: only the status is known.
  }
  return { code: 'UNEXPECTED', message: `the server answered ${status}`, field: null };
}

/** Headers of requests that the page does not make itself, as by a worker. */
export function authorization(): Record<string, string> {
  const known = token();
  return known === null ? {} : { authorization: `Bearer ${known}` };
}

/** An address of this server, relative to the page: a proxy may put a prefix before all paths. */
export const here = (path: string): URL => new URL(`.${path}`, document.baseURI);

/** Asks for a file; by fetch, so that the token goes in a header and not in the address. */
async function loadReply(path: string, timeoutMs: number, signal?: AbortSignal): Promise<Response> {
  const known = token();
  const timeout = AbortSignal.timeout(timeoutMs);
  const reply = await fetch(here(path), {
    headers: known === null ? {} : { authorization: `Bearer ${known}` },
    signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
  });
  if (!reply.ok) throw errorOf(reply, await reply.text());
  return reply;
}

/**
 * Loads a picture, a clip or another file.
 *
 * @returns rejects with an {@link ApiError} when it is not kept any more
 */
export const loadFile = async (path: string, timeoutMs: number, signal?: AbortSignal): Promise<Blob> =>
  (await loadReply(path, timeoutMs, signal)).blob();

/**
 * Loads a file and hands it to the browser to save.
 *
 * @returns whether the file holds all that was asked for. Rejects with an {@link ApiError}
 */
export async function saveFile(path: string, name: string, timeoutMs: number): Promise<{ readonly whole: boolean }> {
  const reply = await loadReply(path, timeoutMs);
  const url = URL.createObjectURL(await reply.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read the file by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  return { whole: reply.headers.get('x-next') === null };
}

/** Loads a stored picture. Rejects with an {@link ApiError} when it is not kept any more. */
export const loadPicture = (imageId: string, signal?: AbortSignal): Promise<Blob> =>
  loadFile(`/api/images/${imageId}`, REPLY_MS, signal);

/** Loads a stored picture into an element. Rejects when it is not kept any more. */
export async function showPicture(imageId: string, image: HTMLImageElement): Promise<void> {
  const url = URL.createObjectURL(await loadPicture(imageId));
  try {
    image.src = url;
    await image.decode();
  } finally {
    // The decoded picture no longer needs its address.
    URL.revokeObjectURL(url);
  }
}

/**
 * Address of a WebSocket of this server. A browser cannot send a header with it, so where a token is used it carries a
 * ticket, valid for a minute. Rejects with an {@link ApiError} when the token is wrong.
 */
export async function socketUrl(path: string): Promise<URL> {
  const url = here(path);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  if (token() !== null) {
    const { ticket } = await request<{ ticket: string }>('/api/tickets', { method: 'POST' });
    url.searchParams.set('ticket', ticket);
  }
  return url;
}

/** An error in words for people; `otherwise` where the server did not answer. */
export const reasonOf = (thrown: unknown, otherwise: string): string =>
  thrown instanceof ApiError ? thrown.message : otherwise;
