import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Binary } from '../provision/binaries.ts';
import type { OnProgress } from '../provision/provision-error.ts';
import { ensureRedisServer } from '../provision/redis-packages.ts';
import { writeWhole } from '../storage/files.ts';
import { type Credentials, makeCredentials, passwordHash } from './credentials.ts';
import { ManagedProcess } from './managed-process.ts';
import { startRedisStandIn } from './redis-stand-in.ts';
import { type EmbeddedService, type OnServiceState, serviceOf, type ServiceLog } from './service.ts';
import { onFreePort, untilAnswers } from './tcp.ts';

export interface RedisServerOptions {
  /** The server's own folder: append-only file, pid file. */
  readonly dataDir: string;
  /** Default 0: any free port. It listens on 127.0.0.1 only. */
  readonly port?: number;
  readonly cacheDir?: string;
  readonly log: ServiceLog;
  readonly onState?: OnServiceState;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

const HOST = '127.0.0.1';

/**
 * Options of Redis, here and in docker-compose.yml.
 *
 * `volatile-lru`, because keys without an expiry (`alerts:*`, cameras) must never be evicted, which rules out
 * `allkeys-*`, and `volatile-ttl` would evict the keys that expire soonest: the windows of the key limiter and the
 * locks of cameras, which live for seconds and must stay. Under `volatile-lru` they are safe, because they are used all
 * the time; old frames, written once and hardly read, go first.
 *
 * `save ""`: the append-only file is the one store; RDB snapshots would only fork beside it.
 */
export const REDIS_OPTIONS: Readonly<Record<string, string>> = {
  appendonly: 'yes',
  appendfsync: 'everysec',
  save: '',
  maxmemory: '2gb',
  'maxmemory-policy': 'volatile-lru',
};

/**
 * A Redis for this Gantry: the real one (PATH, else unpacked from Debian's packages) as a child process, restarted on
 * the same port when it dies; else the stand-in inside this process, which stores nothing on disk and says so in
 * `notice`. Passwords are new at each start. The real one has two users, see {@link redisConfig}; their passwords are
 * in a file that only this user can read, as hashes, and never among its arguments.
 * @throws {EmbeddedError} as {@link ManagedProcess.start}.
 */
export async function startRedisServer(options: RedisServerOptions): Promise<EmbeddedService> {
  const { cacheDir, onProgress, signal } = options;
  const program = await ensureRedisServer({
    ...(cacheDir === undefined ? {} : { cacheDir }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  if (program.binary !== null) return startRealRedis(options, program.binary);
  options.log.warn(
    { service: 'redis', reason: program.reason },
    'there is no real Redis; using the stand-in, which stores nothing on disk',
  );
  return startRedisStandIn({
    port: options.port ?? 0,
    reason: program.reason,
    log: options.log,
    ...(options.onState === undefined ? {} : { onState: options.onState }),
  });
}

async function startRealRedis(options: RedisServerOptions, binary: Binary): Promise<EmbeddedService> {
  const dataDir = resolve(options.dataDir);
  const configFile = join(dataDir, 'redis-server.conf');
  const [operator, own] = [makeCredentials('operator'), makeCredentials('gantry')];
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  return onFreePort(HOST, options.port ?? 0, async (port) => {
    const config = redisConfig({ port, dataDir, operator, own });
    const urlOf = ({ user, password }: Credentials): string => `redis://${user}:${password}@${HOST}:${port}`;
    const login = `AUTH ${own.user} ${own.password}\r\nPING\r\n`;
    const running = await ManagedProcess.start({
      name: 'redis-server',
      command: binary.path,
      args: [configFile],
      env: binary.env,
      prepare: () => writeWhole(configFile, config),
      // It answers -LOADING while it reads its append-only file.
      ready: (ended) =>
        untilAnswers({ host: HOST, port, send: login, isReady: (answer) => answer.includes('+PONG') }, ended),
      // Loading a large append-only file takes this long.
      readyTimeoutMs: 60_000,
      pidFile: join(dataDir, 'redis-server.pid.json'),
      log: options.log,
      ...(options.onState === undefined ? {} : { onState: options.onState }),
    });
    const urls = { url: urlOf(operator), ownUrl: urlOf(own) };
    return serviceOf(running, { name: 'redis', ...urls, kind: 'redis-server', version: binary.version });
  });
}

export interface RedisConfig {
  readonly port: number;
  readonly dataDir: string;
  readonly operator: Credentials;
  readonly own: Credentials;
}

/**
 * Redis's configuration file. `operator`, for the operator's tools, may do everything. `own`, for Gantry itself, may
 * not change or end the server, load code or write files (`@dangerous`: CONFIG, DEBUG, MODULE, SHUTDOWN, ACL, SAVE,
 * REPLICAOF, FLUSHALL, KEYS and the like), except for INFO, which clients send when they connect.
 */
export function redisConfig({ port, dataDir, operator, own }: RedisConfig): string {
  const settings = { bind: HOST, port: String(port), dir: dataDir, daemonize: 'no', ...REDIS_OPTIONS };
  return [
    ...Object.entries(settings).map(([key, value]) => `${key} ${JSON.stringify(value)}`),
    'user default off',
    `user ${operator.user} on #${passwordHash(operator)} ~* &* +@all`,
    `user ${own.user} on #${passwordHash(own)} ~* &* +@all -@dangerous +info`,
    '',
  ].join('\n');
}
