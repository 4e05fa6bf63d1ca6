/** Talks to Gantry's HTTP API; knows the access token, when there is one. */

const TOKEN = 'gantry-token';

/** An answer that is an error: `code`, `message`, and the `field` it is about. */
export class ApiError extends Error {
  /** @param {number} status @param {{ code: string, message: string, field: string | null }} body */
  constructor(status, body) {
    super(body.message);
    this.name = 'ApiError';
    this.status = status;
    this.code = body.code;
    this.field = body.field;
  }
}

/** Reads a token given in the address (`#token=…`), which servers and logs do not see, and removes it there. */
export function takeTokenFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given === null) return;
  setToken(given);
  history.replaceState(null, '', location.pathname + location.search);
}

/** The token entered since the page was opened. @type {string | null} */
let entered = null;

/** @returns {string | null} */
function token() {
  if (entered !== null) return entered;
  try {
    return sessionStorage.getItem(TOKEN);
  } catch {
    // The browser may deny storage to a page in a frame of another site.
    return null;
  }
}

/** @param {string} value */
export function setToken(value) {
  entered = value;
  try {
    sessionStorage.setItem(TOKEN, value);
  } catch {
    // Not stored: the page asks for it again after a reload.
  }
}

/**
 * @template T what the API answers at this path
 * @param {string} path
 * @param {{ method?: string, body?: object, signal?: AbortSignal }} [options]
 * @returns {Promise<T>} the parsed reply; null for an empty one. Rejects with an {@link ApiError}
 */
export async function request(path, options = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  const known = token();
  if (known !== null) headers['authorization'] = `Bearer ${known}`;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  const reply = await fetch(here(path), {
    method: options.method ?? 'GET',
    headers,
    cache: 'no-store',
    signal: options.signal ?? AbortSignal.timeout(10_000),
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  // Another token was entered meanwhile.
  if (reply.status === 401 && token() !== known) return request(path, options);
  const text = await reply.text();
  // Health answers 503 with a report of the same shape.
  if (reply.ok || (reply.status === 503 && path === '/api/health')) return JSON.parse(text === '' ? 'null' : text);
  throw new ApiError(reply.status, errorBody(reply.status, text));
}

/** @param {number} status @param {string} text */
function errorBody(status, text) {
  try {
    const body = JSON.parse(text);
    if (typeof body.message === 'string') return body;
  } catch {
    // Not from Gantry, most likely a proxy's page: only the status is known.
  }
  return { code: 'UNEXPECTED', message: `the server answered ${status}`, field: null };
}

/** An address of this server, relative to the page: a proxy may put a prefix before all paths. @param {string} path */
const here = (path) => new URL(`.${path}`, document.baseURI);

/**
 * Loads a picture or a clip; by fetch, so that the access token goes in a header and not in the address.
 * @param {string} path
 * @param {number} timeoutMs
 * @returns {Promise<Blob>} rejects with an {@link ApiError} when it is not kept any more
 */
export async function loadFile(path, timeoutMs) {
  const known = token();
  const reply = await fetch(here(path), {
    headers: known === null ? {} : { authorization: `Bearer ${known}` },
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (!reply.ok) throw new ApiError(reply.status, errorBody(reply.status, await reply.text()));
  return reply.blob();
}

/**
 * Loads a stored picture into an element.
 * @param {string} imageId
 * @param {HTMLImageElement} image
 * @returns {Promise<void>} rejects when the picture is not kept any more
 */
export async function showPicture(imageId, image) {
  const url = URL.createObjectURL(await loadFile(`/api/images/${imageId}`, 10_000));
  try {
    image.src = url;
    await image.decode();
  } finally {
    // The decoded picture no longer needs its address.
    URL.revokeObjectURL(url);
  }
}

/**
 * Address of a WebSocket of this server. A browser cannot send a header with it, so it carries a ticket, valid for a
 * minute.
 * @param {string} path
 * @returns {Promise<URL>} rejects with an {@link ApiError} when the access token is wrong
 */
export async function socketUrl(path) {
  const url = here(path);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  if (token() !== null) url.searchParams.set('ticket', await ticket());
  return url;
}

async function ticket() {
  /** @type {{ ticket: string }} */
  const reply = await request('/api/tickets', { method: 'POST' });
  return reply.ticket;
}
