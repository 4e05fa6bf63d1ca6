/**
 * Starts each measured part in a process of its own: Gantry with its embedded NATS and Redis, provider, load, viewer.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readRuntimeFile, type RuntimeFile } from '../../src/app/runtime-file.ts';
import type { SimulatedKeyEntry } from '../../src/simulator/simulator.types.ts';
import { nextOf, startChild } from '../child.ts';
import { childrenOf } from './cpu.ts';
import type { ProviderCall, ProviderOrder } from './orders.ts';

const START_MS = 60_000;
const STOP_MS = 10_000;

/** Starts a file of this folder with an order as its argument. */
export const startPart = (file: string, order: object): ChildProcess =>
  startChild(import.meta.dirname, file, JSON.stringify(order));

export interface Provider {
  readonly pid: number;
  readonly url: string;
  readonly model: string;
  readonly keys: readonly SimulatedKeyEntry[];
  /** The newest 100,000 calls, and the number of windows with more calls than allowed. */
  record(): Promise<{ readonly calls: readonly ProviderCall[]; readonly violations: number }>;
  stop(): void;
}

export async function startProvider(order: ProviderOrder): Promise<Provider> {
  const child = startPart('provider.ts', order);
  const started = await nextOf<Pick<Provider, 'url' | 'model' | 'keys'>>(child);
  return {
    ...started,
    pid: child.pid ?? 0,
    record: () => {
      child.send('record');
      return nextOf(child);
    },
    stop: () => child.disconnect(),
  };
}

export interface OwnGantry extends RuntimeFile {
  readonly process: ChildProcess;
  /** Gantry, nats-server and redis-server, for `CpuMeter`. */
  readonly pids: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

export interface GantryOptions {
  readonly provider: Pick<Provider, 'url' | 'model' | 'keys'>;
  /** Checkout that it is started from; default this one. */
  readonly root?: string;
  /** Groups assessed at once; default as Gantry's. */
  readonly concurrent?: number;
  /** Folder for a CPU profile of Gantry's process, written at its end. */
  readonly profile?: string;
  /** A program in place of `src/main.ts`; it gets a channel for messages. */
  readonly program?: string;
  /** Name of its detector; default Gantry's. */
  readonly model?: string;
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts Gantry as `npm start` does, without cameras, on a new data folder and free ports. */
export async function startGantryProcess({
  provider,
  root = join(import.meta.dirname, '..', '..'),
  concurrent,
  profile,
  program,
  model,
  env: more = {},
}: GantryOptions): Promise<OwnGantry> {
  const dataDir = await mkdtemp(join(tmpdir(), 'gantry-bench-'));
  const keysFile = join(dataDir, 'api_keys.yaml');
  const variable = (index: number): string => `GANTRY_BENCH_KEY_${index}`;
  const scheduler = concurrent === undefined ? {} : { scheduler: { max_concurrent_tasks: concurrent } };
  // JSON is YAML.
  await writeFile(
    keysFile,
    JSON.stringify({
      base_url: provider.url,
      model: provider.model,
      ...scheduler,
      api_keys: provider.keys.map((entry, index) => ({ ...entry, key: `\${${variable(index)}}` })),
    }),
    { mode: 0o600 },
  );
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^GANTRY_|^OTEL_|^(NATS|REDIS)_URL$|^(PORT|HOST)$/.test(name),
  );
  const keys = provider.keys.map(({ key }, index): [string, string] => [variable(index), key]);
  const env = { ...Object.fromEntries([...inherited, ...keys]), ...more };
  const child = spawn(
    process.execPath,
    [
      ...profiling,
      program ?? join(root, 'src', 'main.ts'),
      '--no-demo',
      '--port',
      '0',
      '--data-dir',
      dataDir,
      '--keys',
      keysFile,
      '--log-level',
      'warn',
      ...(model === undefined ? [] : ['--model', model]),
    ],
    { env, stdio: ['ignore', 'inherit', 'inherit', ...(program === undefined ? [] : (['ipc'] as const))] },
  );
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(late);
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const running = await untilUp(dataDir, child);
    const servers = childrenOf(child.pid ?? 0);
    const pids = new Map([
      ['Gantry', child.pid ?? 0],
      ...['nats-server', 'redis-server'].flatMap((name) =>
        [...servers]
          .filter(([found]) => found.startsWith(name.slice(0, 15)))
          .map(([, pid]): [string, number] => [name, pid]),
      ),
    ]);
    return { ...running, process: child, pids, stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function untilUp(dataDir: string, child: ChildProcess): Promise<RuntimeFile> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`Gantry ended with ${child.exitCode} at its start`);
    const running = await readRuntimeFile(dataDir);
    if (running !== null) return running;
    if (performance.now() > deadline) throw new Error(`Gantry did not start within ${START_MS} ms`);
    await delay(50);
  }
}
