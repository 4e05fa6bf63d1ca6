/** The parts that a chaos run breaks: real ones, each in a process of its own, kept running as an init system would. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { REDIS_OPTIONS } from '../../src/embedded/redis-server.ts';
import type { RtspServer } from '../../src/embedded/rtsp-server.types.ts';
import { freePort, untilAnswers } from '../../src/embedded/tcp.ts';
import { findNatsServer } from '../../src/provision/binaries.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { OwnProcess } from '../support/own-process.ts';
import { demoCameras } from '../support/rtsp-cameras.ts';
import { until } from '../support/until.ts';
import type { NodeAnswer, NodeOrder, ProviderAnswer, ProviderOrder } from './record.ts';

const HOST = '127.0.0.1';
/** How long after an end a process is started again. */
const START_AGAIN_MS = 500;
const START_MS = 60_000;
export const REAL_CAMERA = 'street';

export interface WorldOptions {
  readonly seed: number;
  /** Cameras that are only simulated, and how often each has a frame. */
  readonly simulated: number;
  readonly everyMs: number;
  readonly redis: boolean;
}

export class World {
  readonly folder: string;
  readonly journal: string;
  readonly options: WorldOptions;
  readonly #kept = new Map<string, OwnProcess>();
  readonly #answers: ProviderAnswer[] = [];
  #ports = { nats: 0, redis: 0 };
  #rtsp: RtspServer | null = null;
  #ending = false;
  #url = '';

  private constructor(folder: string, options: WorldOptions) {
    this.folder = folder;
    this.journal = join(folder, 'journal.jsonl');
    this.options = options;
    process.on('exit', this.#killAll);
  }

  static async start(options: WorldOptions): Promise<World> {
    const world = new World(await mkdtemp(join(tmpdir(), 'gantry-chaos-')), options);
    try {
      await world.#start();
      return world;
    } catch (thrown) {
      await world.stop();
      throw thrown;
    }
  }

  get natsUrl(): string {
    return `nats://${HOST}:${this.#ports.nats}`;
  }

  get redisUrl(): string {
    return `redis://${HOST}:${this.#ports.redis}`;
  }

  /** Where the page, the feed and the cameras are. */
  get url(): string {
    return this.#url;
  }

  process(name: string): OwnProcess {
    const found = this.#kept.get(name);
    if (found === undefined) throw new Error(`there is no process ${name}`);
    return found;
  }

  cameras(order: NodeOrder): void {
    this.process('cameras').send(order);
  }

  provider(order: ProviderOrder): void {
    this.process('provider').send(order);
  }

  async providerRecord(): Promise<Extract<ProviderAnswer, { type: 'record' }>> {
    this.provider({ type: 'record' });
    const isRecord = (answer: ProviderAnswer): answer is Extract<ProviderAnswer, { type: 'record' }> =>
      answer.type === 'record';
    return until('the record of the provider', () => this.#answers.findLast(isRecord));
  }

  /** What all streams together may take on disk; less than they have is a full disk. */
  async limitStorage(limit: 'plenty' | 'nothing'): Promise<void> {
    await this.#writeNatsConfig(limit === 'plenty' ? '5GB' : '1KB');
    this.process('nats').signal('SIGHUP');
  }

  async stop(): Promise<void> {
    this.#ending = true;
    // Against the flow of the data; paused processes go on first.
    const order = [...this.#kept.values()].toReversed();
    for (const one of order) if (one.running) one.signal('SIGCONT');
    await Promise.all(order.filter(({ name }) => name !== 'nats' && name !== 'redis').map((one) => one.stop()));
    await Promise.all(order.map((one) => one.stop()));
    await this.#rtsp?.stop();
    process.off('exit', this.#killAll);
  }

  async forget(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  readonly #killAll = (): void => {
    for (const one of this.#kept.values()) one.signal('SIGKILL');
  };

  async #start(): Promise<void> {
    this.#ports = { nats: await freePort(HOST), redis: await freePort(HOST) };
    await Promise.all(
      ['nats', 'redis', 'cameras', 'scheduler-1', 'scheduler-2', 'aggregator-1', 'aggregator-2'].map((name) =>
        mkdir(join(this.folder, name)),
      ),
    );
    this.#rtsp = await demoCameras([REAL_CAMERA]);
    await Promise.all([this.#startNats(), this.#startRedis(), this.#startProvider()]);
    await this.#startNodes();
  }

  async #startNats(): Promise<void> {
    const binary = await findNatsServer();
    await this.#writeNatsConfig('5GB');
    this.#keep(
      new OwnProcess({
        name: 'nats',
        command: { program: binary.path },
        args: ['--config', join(this.folder, 'nats.conf')],
        env: binary.env,
        logFile: this.#log('nats'),
      }),
    );
    await untilAnswers(
      { host: HOST, port: this.#ports.nats, send: '', isReady: (greeting) => greeting.includes('"jetstream":true') },
      AbortSignal.timeout(START_MS),
    );
  }

  /** Only the account's limit may be changed while the server runs. */
  #writeNatsConfig(limit: string): Promise<void> {
    const lines = [
      `listen: "${HOST}:${this.#ports.nats}"`,
      `jetstream { store_dir: ${JSON.stringify(join(this.folder, 'nats'))}, ` +
        'max_file_store: 64GB, max_memory_store: 64MB }',
      `accounts { GANTRY { users = [{ user: gantry, password: gantry }], jetstream = { max_file: ${limit} } } }`,
      'no_auth_user: gantry',
    ];
    return writeFile(join(this.folder, 'nats.conf'), `${lines.join('\n')}\n`);
  }

  async #startRedis(): Promise<void> {
    const { binary, reason } = await ensureRedisServer();
    if (binary === null) throw new Error(`no Redis: ${reason}`);
    const settings = {
      bind: HOST,
      port: String(this.#ports.redis),
      dir: join(this.folder, 'redis'),
      daemonize: 'no',
      ...REDIS_OPTIONS,
    };
    const args = Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]);
    this.#keep(
      new OwnProcess({
        name: 'redis',
        command: { program: binary.path },
        args,
        ...(binary.env === undefined ? {} : { env: binary.env }),
        logFile: this.#log('redis'),
      }),
    );
    await untilAnswers(
      { host: HOST, port: this.#ports.redis, send: 'PING\r\n', isReady: (answer) => answer.startsWith('+PONG') },
      AbortSignal.timeout(START_MS),
    );
  }

  async #startProvider(): Promise<void> {
    // No part of Gantry, so never killed: its record proves that the limits held.
    this.#keep(
      new OwnProcess({
        name: 'provider',
        command: { script: join(import.meta.dirname, 'provider.ts') },
        args: [],
        logFile: this.#log('provider'),
        onMessage: (answer) => this.#answers.push(answer as ProviderAnswer),
      }),
    );
    await until('the provider', () => this.#answers.some(({ type }) => type === 'up'), START_MS);
  }

  async #startNodes(): Promise<void> {
    const up = this.#answers.find((answer) => answer.type === 'up');
    if (up?.type !== 'up') throw new Error('the provider did not say where it is');
    const keys = Object.fromEntries(up.keys.map(({ key }, index) => [`CHAOS_KEY_${index}`, key]));
    const keysFile = join(this.folder, 'api_keys.yaml');
    // JSON is YAML. On a machine whose cores are all taken a call is late by more than over any network.
    await writeFile(
      keysFile,
      JSON.stringify({
        base_url: up.url,
        model: up.model,
        scheduler: { transit_guard_ms: 1_000 },
        api_keys: up.keys.map((entry, index) => ({ ...entry, key: `\${CHAOS_KEY_${index}}` })),
      }),
    );
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(?:GANTRY_|NATS_URL$|REDIS_URL$|PORT$|HOST$|NODE_TEST_)/.test(name),
    );
    const env = {
      ...Object.fromEntries(inherited),
      ...keys,
      NATS_URL: this.natsUrl,
      REDIS_URL: this.options.redis ? this.redisUrl : 'off',
      CHAOS_JOURNAL: this.journal,
    };
    const started: Promise<string>[] = [];
    for (const [name, roles] of [
      ['cameras', 'cameras,web'],
      ['scheduler-1', 'scheduler'],
      ['scheduler-2', 'scheduler'],
      ['aggregator-1', 'aggregator'],
      ['aggregator-2', 'aggregator'],
    ] as const) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const args = [
        '--roles',
        roles,
        '--no-demo',
        '--port',
        '0',
        '--data-dir',
        join(this.folder, name),
        '--keys',
        keysFile,
        '--log-level',
        'info',
      ];
      this.#keep(
        new OwnProcess({
          name,
          command: { script: join(import.meta.dirname, 'node.ts') },
          args,
          env,
          logFile: this.#log(name),
          onMessage: (message) => resolve((message as NodeAnswer).url),
        }),
      );
      started.push(promise);
    }
    const [url = ''] = await Promise.race([
      Promise.all(started),
      delay(START_MS, null, { ref: false }).then(() =>
        Promise.reject(new Error(`not all nodes are up within ${START_MS} ms; see ${this.folder}`)),
      ),
    ]);
    this.#url = url;
    await this.#addCamera();
  }

  async #addCamera(): Promise<void> {
    const reply = await fetch(new URL('/api/cameras', this.#url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ cameraId: REAL_CAMERA, url: this.#rtsp?.url(REAL_CAMERA), intervalSeconds: 1 }),
    });
    if (reply.status !== 201) throw new Error(`the camera was not added: ${reply.status} ${await reply.text()}`);
  }

  /** Runs it, and again whenever it ended, until the world ends. */
  #keep(one: OwnProcess): void {
    this.#kept.set(one.name, one);
    const run = async (): Promise<void> => {
      while (!this.#ending) {
        one.start();
        await one.exited;
        if (!this.#ending) await delay(START_AGAIN_MS);
      }
    };
    void run();
  }

  #log(name: string): string {
    return join(this.folder, `${name}.log`);
  }
}
