import { readFileSync } from 'node:fs';
import { type ConnectionOptions, credsAuthenticator, nkeyAuthenticator, type TlsOptions } from 'nats';
import { hostAndPort, parseServerUrl, type ServerUrl, ServerUrlError, shownUser } from './server-url.ts';

/**
 * The address of NATS is one string wherever it is passed on (to a thread, in the runtime file, to a tool): servers
 * separated by commas, with the files for TLS and log-in as parameters of the query. User and password, or a token,
 * apply to all servers. With `tls://` or any file for TLS nothing is sent in clear.
 */
const FILES = ['ca', 'cert', 'key', 'nkey', 'creds'] as const;
export type NatsFile = (typeof FILES)[number];

const NATS_PORT = 4222;
const MOST_SERVERS = 32;

interface NatsServers {
  readonly servers: readonly ServerUrl[];
  readonly user: string | null;
  readonly password: string | null;
  readonly files: Readonly<Partial<Record<NatsFile, string>>>;
  readonly tls: boolean;
}

/** `nats://u:p@a,b, tls://c` is three servers. A comma before the last `@` of a URL belongs to its password. */
function split(list: string): string[] {
  return list.split(/,(?=\s*[a-z][a-z0-9+.-]{0,20}:\/\/)/iu).flatMap((text) => {
    const at = text.lastIndexOf('@');
    const [first = '', ...others] = text.slice(at + 1).split(',');
    const scheme = /^\s*[a-z][a-z0-9+.-]{0,20}:\/\//iu.exec(text)?.[0].trim() ?? '';
    return [
      `${text.slice(0, at + 1)}${first}`,
      ...others.map((other) => (other.trim() === '' ? '' : `${scheme}${other.trim()}`)),
    ];
  });
}

/** Throws {@link ServerUrlError}. */
function parse(url: string): NatsServers {
  const texts = split(url)
    .map((each) => each.trim())
    .filter((each) => each !== '');
  if (texts.length === 0 || texts.length > MOST_SERVERS)
    throw new ServerUrlError(`1 to ${MOST_SERVERS} servers are needed, not ${texts.length}`);
  const servers = texts.map((each) => parseServerUrl(each, 'nats'));
  const other = servers.find(({ scheme }) => scheme !== 'nats' && scheme !== 'tls');
  if (other !== undefined) throw new ServerUrlError(`"${other.scheme}://" is not understood: nats:// and tls:// are`);
  const [first, ...others] = servers.filter(({ password }) => password !== null);
  if (others.some(({ user, password }) => user !== first?.user || password !== first.password))
    throw new ServerUrlError('all servers of a list are logged in at alike: name user and password once');
  const files: Partial<Record<NatsFile, string>> = {};
  for (const { query } of servers) {
    for (const [name, value] of query) {
      const file = FILES.find((each) => each === name);
      if (file === undefined)
        throw new ServerUrlError(`the parameter "${name.slice(0, 40)}" is not understood: ${FILES.join(', ')} are`);
      files[file] = value;
    }
  }
  const tls = files.ca !== undefined || files.cert !== undefined || servers.some(({ scheme }) => scheme === 'tls');
  return { servers, user: first?.user ?? null, password: first?.password ?? null, files, tls };
}

/**
 * Options of the client for this URL. Files are read at every connection, so new ones are used. Throws {@link
 * ServerUrlError}.
 */
export function natsOptions(
  url: string,
): Pick<ConnectionOptions, 'servers' | 'user' | 'pass' | 'token' | 'tls' | 'authenticator'> {
  const { servers, user, password, files, tls } = parse(url);
  return {
    servers: servers.map((each) => hostAndPort(each, NATS_PORT)),
    ...loginOf(user, password, files),
    ...(tls ? { tls: tlsOf(files) } : {}),
  };
}

function loginOf(
  user: string | null,
  password: string | null,
  { creds, nkey }: NatsServers['files'],
): Pick<ConnectionOptions, 'user' | 'pass' | 'token' | 'authenticator'> {
  if (creds !== undefined) return { authenticator: credsAuthenticator(() => readFileSync(creds)) };
  if (nkey !== undefined)
    return { authenticator: nkeyAuthenticator(() => Buffer.from(readFileSync(nkey, 'utf8').trim())) };
  if (password === null) return {};
  return user === null ? { token: password } : { user, pass: password };
}

const tlsOf = ({ ca, cert, key }: NatsServers['files']): TlsOptions => ({
  ...(ca === undefined ? {} : { caFile: ca }),
  ...(cert === undefined ? {} : { certFile: cert }),
  ...(key === undefined ? {} : { keyFile: key }),
});

export interface NatsLogin {
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  readonly files: Readonly<Partial<Record<NatsFile, string>>>;
}

/**
 * The URL with this login and these files; where they are not given it keeps its own. Throws {@link ServerUrlError}.
 */
export function withNatsLogin(url: string, { user, password, token, files }: NatsLogin): string {
  const { servers, ...own } = parse(url);
  // A name alone in the URL, `nats://gantry@host`, is a token until a password comes from elsewhere.
  const name = user ?? (password !== undefined && own.user === null ? own.password : own.user);
  const secret = token ?? password ?? own.password;
  const isToken = token !== undefined || name === null;
  const login =
    secret === null
      ? ''
      : isToken
        ? `${encodeURIComponent(secret)}@`
        : `${encodeURIComponent(name)}:${encodeURIComponent(secret)}@`;
  const query = new URLSearchParams({ ...own.files, ...files }).toString();
  const list = servers.map((each) => `${each.scheme}://${login}${hostAndPort(each, NATS_PORT)}`);
  return `${list.join(',')}${query === '' ? '' : `?${query}`}`;
}

/** For people: the servers and the user's name, without password and token. Never throws. */
export function shownNats(url: string): string {
  try {
    return parse(url)
      .servers.map((each) => `${each.scheme}://${shownUser(each)}${hostAndPort(each, NATS_PORT)}`)
      .join(', ');
  } catch {
    return 'a URL that cannot be read';
  }
}

/** The user in words: `user "gantry"`. */
export function natsUser(url: string): string {
  const { user, password, files } = parse(url);
  if (files.creds !== undefined) return `the credentials file ${files.creds}`;
  if (files.nkey !== undefined) return `the nkey of ${files.nkey}`;
  if (password === null) return 'a client without user and password';
  return user === null ? 'the token' : `user "${user}"`;
}

/** True when the connection uses TLS without a certificate of the client. */
export function lacksCertificate(url: string): boolean {
  const { tls, files } = parse(url);
  return tls && files.cert === undefined;
}

/** A context of the NATS CLI for this URL: `nats --context FILE`, whose name must end in `.json`. */
export function natsContext(url: string): Readonly<Record<string, string>> {
  const { servers, user, password, files } = parse(url);
  const login =
    files.creds !== undefined || files.nkey !== undefined || password === null
      ? {}
      : user === null
        ? { token: password }
        : { user, password };
  return {
    description: 'Gantry',
    url: servers.map((each) => `${each.scheme}://${hostAndPort(each, NATS_PORT)}`).join(','),
    ...login,
    ...files,
  };
}
