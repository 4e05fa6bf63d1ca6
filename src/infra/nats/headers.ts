import type { Msg } from 'nats';

/**
 * The client's own reading of headers is quadratic in their number (5,000 short ones: 0.4 s), so larger ones are not
 * read at all. Ours, with those that the server adds, have below 1 kB.
 */
export const MOST_HEADER_BYTES = 8 * 1024;
const FIRST_LINE = /^NATS\/1\.0[^\r\n]*\r\n/u;

/** First value by name. */
export type Headers = ReadonlyMap<string, string>;
export const NO_HEADERS: Headers = new Map();

/** Of subject, headers and body together: the client knows, and its types do not say so. */
const sizeOf = (message: Msg): number =>
  'size' in message && typeof message.size === 'function' ? Number(message.size()) : message.data.length;

/** Bytes of its headers. */
export function headerBytes(message: Msg): number {
  const { subject, reply = '', data } = message;
  return sizeOf(message) - Buffer.byteLength(subject) - Buffer.byteLength(reply) - data.length;
}

/** None where it has none, or more than {@link MOST_HEADER_BYTES}. Never throws. */
export function headersOf(message: Msg): Headers {
  const bytes = headerBytes(message);
  if (bytes === 0 || bytes > MOST_HEADER_BYTES) return NO_HEADERS;
  try {
    return new Map([...(message.headers ?? [])].map(([name, values]) => [name, values[0] ?? '']));
  } catch {
    // A name that the client does not take for one.
    return NO_HEADERS;
  }
}

/** Of headers as they are on the wire. */
export function parseHeaders(bytes: Uint8Array): Headers {
  if (bytes.length > MOST_HEADER_BYTES) return NO_HEADERS;
  const found = new Map<string, string>();
  for (const line of Buffer.from(bytes).toString('utf8').replace(FIRST_LINE, '').split('\r\n')) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon));
    if (name !== '' && !found.has(name)) found.set(name, line.slice(colon + 1).trim());
  }
  return found;
}

export interface ServerWord {
  readonly code: number;
  readonly description: string;
  /** Empty for a header that is not there. */
  get(name: string): string;
}

/** What the server says in place of a message: status 0 where it says nothing. Never throws. */
export function statusOf(message: Msg): ServerWord {
  if (message.data.length > 0 || sizeOf(message) > MOST_HEADER_BYTES) return NONE;
  try {
    const { headers } = message;
    if (headers === undefined) return NONE;
    return { code: headers.code, description: headers.description, get: (name) => headers.get(name) };
  } catch {
    return NONE;
  }
}

const NONE: ServerWord = { code: 0, description: '', get: () => '' };
