/**
 * Everything that is measured, each in a process of its own: Gantry with its embedded NATS and Redis, provider, load,
 * viewer.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readRuntimeFile, type RuntimeFile } from '../../src/app/runtime-file.ts';
import type { SimulatedKeyEntry } from '../../src/simulator/simulator.types.ts';
import { childrenOf } from './cpu.ts';
import type { ProviderCall, ProviderOrder } from './orders.ts';

const START_MS = 60_000;
const STOP_MS = 10_000;

export const startChild = (file: string, order: object): ChildProcess =>
  fork(join(import.meta.dirname, file), [JSON.stringify(order)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });

/** The next message of a process; rejects when it ends first. */
export function nextOf<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void =>
      reject(new Error(`a process of the benchmark ended with ${String(code)}`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message as T);
    });
  });
}

export interface Provider {
  readonly pid: number;
  readonly url: string;
  readonly model: string;
  readonly keys: readonly SimulatedKeyEntry[];
  /** The newest 100,000 calls so far, and how many windows held too many. */
  record(): Promise<{ readonly calls: readonly ProviderCall[]; readonly violations: number }>;
  stop(): void;
}

export async function startProvider(order: ProviderOrder): Promise<Provider> {
  const child = startChild('provider.ts', order);
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
  /** Gantry, nats-server and redis-server, for `CpuMeter`. */
  readonly pids: ReadonlyMap<string, number>;
  stop(): Promise<void>;
}

export interface GantryOptions {
  readonly provider: Provider;
  /** Groups judged at once; default as Gantry's. */
  readonly concurrent?: number;
  /** A CPU profile of Gantry's process is written to this folder at its end. */
  readonly profile?: string;
}

/** Gantry as `npm start` runs it, without cameras, on a folder of its own and free ports. */
export async function startGantryProcess({ provider, concurrent, profile }: GantryOptions): Promise<OwnGantry> {
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
    ([name]) => !/^GANTRY_|^(NATS|REDIS)_URL$|^(PORT|HOST)$/.test(name),
  );
  const env = Object.fromEntries([...inherited, ...provider.keys.map(({ key }, index) => [variable(index), key])]);
  const child = spawn(
    process.execPath,
    [
      ...profiling,
      join(import.meta.dirname, '..', '..', 'src', 'main.ts'),
      '--no-demo',
      '--port',
      '0',
      '--data-dir',
      dataDir,
      '--keys',
      keysFile,
      '--log-level',
      'warn',
    ],
    { env, stdio: ['ignore', 'inherit', 'inherit'] },
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
    return { ...running, pids, stop };
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
