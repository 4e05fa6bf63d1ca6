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

/** A token may be given once in the address (`#token=…`), where servers and logs do not see it. */
export function takeTokenFromAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return;
  setToken(token);
  history.replaceState(null, '', location.pathname + location.search);
}

/** @returns {string | null} */
const token = () => sessionStorage.getItem(TOKEN);

/** @param {string} value */
export const setToken = (value) => sessionStorage.setItem(TOKEN, value);

/**
 * @param {string} path
 * @param {{ method?: string, body?: object, signal?: AbortSignal }} [options]
 * @returns {Promise<any>} the parsed reply; null for an empty one
 */
export async function request(path, options = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  const known = token();
  if (known !== null) headers['authorization'] = `Bearer ${known}`;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  const reply = await fetch(path, {
    method: options.method ?? 'GET',
    headers,
    cache: 'no-store',
    signal: options.signal ?? AbortSignal.timeout(10_000),
    ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
  });
  const text = await reply.text();
  // Health answers 503 with a report of the same shape.
  if (reply.ok || (reply.status === 503 && path === '/api/health')) return text === '' ? null : JSON.parse(text);
  throw new ApiError(reply.status, errorBody(reply.status, text));
}

/** @param {number} status @param {string} text */
function errorBody(status, text) {
  try {
    const body = JSON.parse(text);
    if (typeof body.message === 'string') return body;
  } catch {
    // Not from Gantry: a proxy's page, most likely. The status says what there is to say.
  }
  return { code: 'UNEXPECTED', message: `the server answered ${status}`, field: null };
}

/** Address of a stored picture. @param {string} imageId */
export const imageUrl = (imageId) => withToken(`/api/images/${imageId}`);

/** Address of a WebSocket of this server. @param {string} path */
export const socketUrl = (path) => withToken(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`);

/** @param {string} url */
function withToken(url) {
  const known = token();
  return known === null ? url : `${url}?token=${encodeURIComponent(known)}`;
}
