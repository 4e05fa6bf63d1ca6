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
  /** Folder of this server alone: append-only file, pid file. */
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
 * The options Redis runs with, here and in docker-compose.yml.
 *
 * `volatile-lru`, for three reasons. Keys without an expiry (`alerts:*`, cameras) must never be evicted, which rules
 * out `allkeys-*`. `volatile-ttl` would evict what expires soonest, and that is exactly the state that must not go: the
 * key limiter's windows and the cameras' locks live for seconds. Under `volatile-lru` they are safe, as they are
 * touched all the time, while old frames and crops, written once and hardly read, go first.
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
 * the same port when it dies; else the stand-in inside this process, which keeps nothing and says so in `notice`. Both
 * ask for a password made for this start. The real one knows two users, see {@link redisConfig}; their passwords are in
 * a file for this user's eyes only, as hashes, and never among its arguments.
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
    'no real Redis can be had; using the stand-in, which keeps nothing',
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
      // While it reads its append-only file it answers -LOADING.
      ready: (ended) =>
        untilAnswers({ host: HOST, port, send: login, isReady: (answer) => answer.includes('+PONG') }, ended),
      // A large append-only file takes its time.
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
 * Redis's configuration file. `operator` may do everything: the tools of whoever runs Gantry. `own` is what Gantry
 * itself uses: nothing that changes the server, ends it, loads code or writes files (`@dangerous`: CONFIG, DEBUG,
 * MODULE, SHUTDOWN, ACL, SAVE, REPLICAOF, FLUSHALL, KEYS and the like), but INFO, which clients ask for when they
 * connect.
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
