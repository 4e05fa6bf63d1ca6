/** Why a server's URL cannot be used. The message never holds the URL's user, password or token. */
export class ServerUrlError extends Error {
  override readonly name = 'ServerUrlError';
}

/** One server's URL in its parts, decoded. */
export interface ServerUrl {
  readonly scheme: string;
  /** Null without a user part, and for a lone token or password, which is in `password`. */
  readonly user: string | null;
  readonly password: string | null;
  /** Without the brackets of an IPv6 address. */
  readonly host: string;
  /** Null when the URL names none. */
  readonly port: number | null;
  /** After the first slash, without it. */
  readonly path: string;
  readonly query: URLSearchParams;
}

const LONGEST = 4_096;
const SCHEME = /^([a-z][a-z0-9+.-]{0,20}):\/\//iu;
const HOST_AND_PORT = /^(\[[0-9a-f:.%]+\]|[^[\]:/?#\s]+)(?::(\d{1,5}))?$/iu;

/**
 * Reads `scheme://user:password@host:port/path?query`; `scheme` is the default. The user part ends at the last `@` of
 * all, since people type passwords with `@`, `/`, `?` and `#` in them; `%40` and the like are decoded where they are
 * well-formed. Throws {@link ServerUrlError}.
 */
export function parseServerUrl(text: string, scheme: string): ServerUrl {
  if (text.length > LONGEST)
    throw new ServerUrlError(`a URL of ${text.length} characters is too long, at most ${LONGEST} are read`);
  const trimmed = text.trim();
  const named = SCHEME.exec(trimmed);
  const rest = named === null ? trimmed : trimmed.slice(named[0].length);
  const at = rest.lastIndexOf('@');
  const server = rest.slice(at + 1);
  const end = server.search(/[/?#]/u);
  const tail = end === -1 ? '' : server.slice(end);
  const question = tail.indexOf('?');
  const path = question === -1 ? tail : tail.slice(0, question);
  return {
    scheme: (named?.[1] ?? scheme).toLowerCase(),
    ...userOf(at === -1 ? null : rest.slice(0, at)),
    ...addressOf(end === -1 ? server : server.slice(0, end)),
    path: decoded(path.replace(/^\//u, '')),
    query: new URLSearchParams(question === -1 ? '' : tail.slice(question + 1)),
  };
}

function addressOf(text: string): Pick<ServerUrl, 'host' | 'port'> {
  const [, host, digits] = HOST_AND_PORT.exec(text) ?? [];
  const port = digits === undefined ? null : Number(digits);
  if (host === undefined || (port !== null && (port < 1 || port > 65_535)))
    throw new ServerUrlError(`"${text.slice(0, 100)}" is no host or host:port (IPv6 addresses stand in brackets)`);
  return { host: host.replace(/^\[|\]$/gu, ''), port };
}

function userOf(part: string | null): Pick<ServerUrl, 'user' | 'password'> {
  if (part === null || part === '') return { user: null, password: null };
  const colon = part.indexOf(':');
  if (colon === -1) return { user: null, password: decoded(part) };
  const user = decoded(part.slice(0, colon));
  return { user: user === '' ? null : user, password: decoded(part.slice(colon + 1)) };
}

/** Unchanged when it is not well-formed: `100%` is a valid password. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** `host:port`, with brackets around IPv6. */
export const hostAndPort = ({ host, port }: Pick<ServerUrl, 'host' | 'port'>, usualPort: number): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port ?? usualPort}`;

/** The user part as it may be shown: the name, never password or token. */
export function shownUser({ user, password }: Pick<ServerUrl, 'user' | 'password'>): string {
  if (password === null) return '';
  return user === null ? '***@' : `${user}:***@`;
}
