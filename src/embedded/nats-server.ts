import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { findNatsServer } from '../provision/binaries.ts';
import type { Binary } from '../provision/binaries.ts';
import { writeWhole } from '../storage/files.ts';
import { type Credentials, makeCredentials } from './credentials.ts';
import { ManagedProcess } from './managed-process.ts';
import { type EmbeddedService, type OnServiceState, serviceOf, type ServiceLog } from './service.ts';
import { onFreePort, untilAnswers } from './tcp.ts';

export interface NatsServerOptions {
  /** The server's own folder: streams, configuration, pid file. */
  readonly dataDir: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Limit of all streams together, in MB; default 4096. */
  readonly storeMb?: number;
  /** Default: `findNatsServer()`. */
  readonly binary?: Binary;
  readonly log: ServiceLog;
  readonly onState?: OnServiceState;
}

const MAX_PAYLOAD = 1024 * 1024;
/** The server reserves each stream's limit, so all limits together must fit. */
const STORE_MB = 4_096;
const MAX_MEMORY_STORE = 256 * 1024 ** 2;

/**
 * Go looks for work on every core whenever a message arrives. On two cores that costs a fifth more CPU, and disturbs
 * the other core. The server needs a third of one core for 250 groups a second, so a quarter of the cores is plenty. An
 * operator's own `GOMAXPROCS` stays.
 */
function threadsEnv(): Readonly<Record<string, string>> {
  return process.env['GOMAXPROCS'] === undefined
    ? { GOMAXPROCS: String(Math.max(1, Math.floor(availableParallelism() / 4))) }
    : {};
}

/**
 * A nats-server with JetStream as a child process: messages up to 1 MB, 4 GB of streams on disk, 256 MB in memory.
 * Restarted on the same port when it dies, so that clients reconnect. User and password are new at each start; they are
 * in its configuration file, which only this user can read, and never among its arguments.
 * @throws {EmbeddedError} as {@link ManagedProcess.start}; {@link ProvisionError} `PROGRAM_MISSING`.
 */
export async function startNatsServer(options: NatsServerOptions): Promise<EmbeddedService> {
  const host = options.host ?? '127.0.0.1';
  const dataDir = resolve(options.dataDir);
  const binary = options.binary ?? (await findNatsServer());
  const configFile = join(dataDir, 'nats-server.conf');
  const credentials = makeCredentials('gantry');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const { user, password } = credentials;
  const login = `CONNECT ${JSON.stringify({ user, pass: password, verbose: false })}\r\nPING\r\n`;
  const isReady = (answer: string): boolean => answer.includes('"jetstream":true') && answer.includes('PONG\r\n');

  return onFreePort(host, options.port ?? 0, async (port) => {
    const storeMb = options.storeMb ?? STORE_MB;
    const config = natsConfig({ host, port, credentials, storeDir: join(dataDir, 'jetstream'), storeMb });
    const running = await ManagedProcess.start({
      name: 'nats-server',
      command: binary.path,
      args: ['--config', configFile],
      env: { ...binary.env, ...threadsEnv() },
      prepare: () => writeWhole(configFile, config),
      // It listens only after JetStream has recovered its streams. The login tells it from another server on the port.
      ready: (signal) => untilAnswers({ host, port, send: login, isReady }, signal),
      readyTimeoutMs: 20_000,
      pidFile: join(dataDir, 'nats-server.pid.json'),
      log: options.log,
      ...(options.onState === undefined ? {} : { onState: options.onState }),
    });
    const url = `nats://${user}:${password}@${host}:${port}`;
    return serviceOf(running, { name: 'nats', url, ownUrl: url, kind: 'nats-server', version: binary.version });
  });
}

export interface NatsConfig {
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials;
  readonly storeDir: string;
  readonly storeMb: number;
}

/** nats-server's configuration file. */
export function natsConfig(config: NatsConfig): string {
  const { user, password } = config.credentials;
  return [
    `listen: ${JSON.stringify(`${config.host}:${config.port}`)}`,
    `authorization { user: ${JSON.stringify(user)}, password: ${JSON.stringify(password)} }`,
    `max_payload: ${MAX_PAYLOAD}`,
    'jetstream {',
    `  store_dir: ${JSON.stringify(config.storeDir)}`,
    `  max_file_store: ${config.storeMb * 1024 ** 2}`,
    `  max_memory_store: ${MAX_MEMORY_STORE}`,
    '}',
    '',
  ].join('\n');
}
