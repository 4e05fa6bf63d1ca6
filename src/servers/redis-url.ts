import { readFileSync } from 'node:fs';
import { Redis, type RedisOptions } from 'ioredis';
import { hostAndPort, parseServerUrl, ServerUrlError, shownUser } from './server-url.ts';

/** As with NATS, one string holds everything: the files for TLS are parameters of the query. */
const FILES = ['ca', 'cert', 'key'] as const;
export type RedisFile = (typeof FILES)[number];

const REDIS_PORT = 6379;
const MOST_DATABASES = 65_535;
/**
 * After a server became a replica we connect anew, since its name may mean another server now; but not at every command
 * while it is the same one.
 */
const LEAVE_REPLICA_EVERY_MS = 5_000;

interface RedisServer {
  readonly scheme: 'redis' | 'rediss' | 'unix';
  readonly user: string | null;
  readonly password: string | null;
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket; else empty. */
  readonly socket: string;
  readonly database: number;
  readonly files: Readonly<Partial<Record<RedisFile, string>>>;
}

/** Throws {@link ServerUrlError}. */
function parse(url: string): RedisServer {
  if (url.startsWith('/') || /^unix:\/\//iu.test(url)) return parseSocket(url.replace(/^unix:\/\//iu, ''));
  const { scheme, user, password, host, port, path, query } = parseServerUrl(url, 'redis');
  if (scheme !== 'redis' && scheme !== 'rediss')
    throw new ServerUrlError(`"${scheme}://" is not understood: redis://, rediss:// and the path of a Unix socket are`);
  if (url.includes(',')) {
    const servers = url.split(',').length;
    if (host.includes(',')) throw new ServerUrlError(`one Redis is named, not ${servers}`);
  }
  const files: Partial<Record<RedisFile, string>> = {};
  for (const [name, value] of query) {
    const file = FILES.find((each) => each === name);
    if (file === undefined && name !== 'db')
      throw new ServerUrlError(`the parameter "${name.slice(0, 40)}" is not understood: db, ${FILES.join(', ')} are`);
    if (file !== undefined) files[file] = value;
  }
  if (scheme === 'redis' && Object.keys(files).length > 0)
    throw new ServerUrlError('files for TLS are given, so the URL begins with rediss://');
  return {
    scheme,
    user,
    password,
    host,
    port: port ?? REDIS_PORT,
    socket: '',
    database: databaseOf(query.get('db') ?? path),
    files,
  };
}

function parseSocket(text: string): RedisServer {
  const question = text.indexOf('?');
  const query = new URLSearchParams(question === -1 ? '' : text.slice(question + 1));
  return {
    scheme: 'unix',
    user: query.get('user'),
    password: query.get('password'),
    host: '',
    port: 0,
    socket: question === -1 ? text : text.slice(0, question),
    database: databaseOf(query.get('db') ?? ''),
    files: {},
  };
}

function databaseOf(text: string): number {
  const database = Number(text);
  if (!Number.isInteger(database) || database < 0 || database > MOST_DATABASES)
    throw new ServerUrlError(`"${text.slice(0, 40)}" is no number of a database`);
  return database;
}

/** Options of the client for this URL. Throws {@link ServerUrlError}, or the error of reading a file for TLS. */
export function redisOptions(
  url: string,
): Pick<RedisOptions, 'path' | 'host' | 'port' | 'username' | 'password' | 'db' | 'tls'> {
  const { scheme, user, password, host, port, socket, database, files } = parse(url);
  const tls = Object.fromEntries(Object.entries(files).map(([name, file]) => [name, readFileSync(file)]));
  return {
    ...(scheme === 'unix' ? { path: socket } : { host, port }),
    ...(user === null ? {} : { username: user }),
    ...(password === null ? {} : { password }),
    ...(database === 0 ? {} : { db: database }),
    ...(scheme === 'rediss' ? { tls } : {}),
  };
}

/** How a client waits and gives up. The URL says where it connects. */
type ClientSettings = Pick<
  RedisOptions,
  | 'autoResubscribe'
  | 'commandTimeout'
  | 'connectTimeout'
  | 'disconnectTimeout'
  | 'enableOfflineQueue'
  | 'lazyConnect'
  | 'maxRetriesPerRequest'
  | 'retryStrategy'
>;

/**
 * A client for this URL. Reconnects when the server answers that it has become a replica: its name may mean another
 * server now.
 */
export function connectRedis(url: string, options: ClientSettings = {}): Redis {
  let left = Number.NEGATIVE_INFINITY;
  const reconnectOnError = ({ message }: Error): boolean => {
    if (!/\bREADONLY\b/u.test(message.slice(0, 400)) || performance.now() - left < LEAVE_REPLICA_EVERY_MS) return false;
    left = performance.now();
    return true;
  };
  return new Redis({ ...options, reconnectOnError, ...redisOptions(url) });
}

export interface RedisLogin {
  readonly user?: string;
  readonly password?: string;
  readonly files: Readonly<Partial<Record<RedisFile, string>>>;
}

/**
 * The URL with this login and these files; where they are not given it keeps its own. Throws {@link ServerUrlError}.
 */
export function withRedisLogin(url: string, { user, password, files }: RedisLogin): string {
  const own = parse(url);
  // A name alone in the URL is a password until one comes from elsewhere.
  const name = user ?? (password !== undefined && own.user === null ? own.password : own.user);
  const secret = password ?? own.password;
  if (own.scheme === 'unix') {
    const query = new URLSearchParams({
      ...(name === null ? {} : { user: name }),
      ...(secret === null ? {} : { password: secret }),
      ...(own.database === 0 ? {} : { db: String(own.database) }),
    }).toString();
    return `${own.socket}${query === '' ? '' : `?${query}`}`;
  }
  const login =
    secret === null ? '' : `${name === null ? '' : encodeURIComponent(name)}:${encodeURIComponent(secret)}@`;
  const query = new URLSearchParams({ ...own.files, ...files }).toString();
  const scheme = Object.keys(files).length > 0 ? 'rediss' : own.scheme;
  return `${scheme}://${login}${hostAndPort(own, REDIS_PORT)}${databasePath(own)}${query === '' ? '' : `?${query}`}`;
}

const databasePath = ({ database }: Pick<RedisServer, 'database'>): string => (database === 0 ? '' : `/${database}`);

/** For people: the server and the user's name, without password. Never throws. */
export function shownRedis(url: string): string {
  try {
    const server = parse(url);
    if (server.scheme === 'unix') return server.socket;
    return `${server.scheme}://${shownUser(server)}${hostAndPort(server, REDIS_PORT)}${databasePath(server)}`;
  } catch {
    return 'a URL that cannot be read';
  }
}

/** The user in words: `user "gantry"`. */
export function redisUser(url: string): string {
  const { user, password } = parse(url);
  if (password === null) return 'a client without user and password';
  return user === null ? 'the default user' : `user "${user}"`;
}
