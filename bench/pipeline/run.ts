/** One run of load: viewer and load in processes of their own, what they saw handed on as it comes. */
import { clockWith, wallOffset } from './clock.ts';
import { CpuMeter } from './cpu.ts';
import type { Load, LoadBatch, LoadEnd, ViewerBatch } from './orders.ts';
import { nextOf, startChild } from './stack.ts';

export interface Target {
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly redisUrl: string | null;
  readonly token: string | null;
  /** Processes whose CPU time is to be told. */
  readonly pids: ReadonlyMap<string, number>;
}

export interface Listener {
  load(batch: LoadBatch): void;
  viewer(batch: ViewerBatch): void;
}

export interface RunEnd extends Omit<LoadEnd, 'kind'> {
  /** Epoch ms of the first moment, on the clock of everything that was seen. */
  readonly beganAt: number;
  /** Cores used while the load ran, by process. */
  readonly cores: ReadonlyMap<string, number>;
}

/** Names of one run's cameras begin with this, so that runs do not mix. */
let runs = 0;

export async function run(target: Target, load: Load, listener: Listener): Promise<RunEnd> {
  const offset = wallOffset();
  const prefix = `bench${process.pid}-${++runs}-`;
  const viewer = startChild('viewer.ts', { url: target.httpUrl, token: target.token, offset, prefix });
  try {
    await nextOf(viewer);
    viewer.on('message', (batch: ViewerBatch) => listener.viewer(batch));
    const loader = startChild('load.ts', { ...load, natsUrl: target.natsUrl, redisUrl: target.redisUrl, offset, prefix });
    try {
      await nextOf(loader);
      const meter = new CpuMeter(new Map([...target.pids, ['load', loader.pid ?? 0], ['viewer', viewer.pid ?? 0]]));
      let cores: ReadonlyMap<string, number> = new Map();
      const measured = setTimeout(() => {
        cores = meter.cores();
      }, load.seconds * 1_000);
      const ended = new Promise<LoadEnd>((resolve, reject) => {
        loader.on('message', (message: LoadBatch | LoadEnd) => (message.kind === 'end' ? resolve(message) : listener.load(message)));
        loader.once('exit', (code) => reject(new Error(`the load ended with ${String(code)}`)));
        viewer.once('exit', (code) => reject(new Error(`the viewer ended with ${String(code)}`)));
      });
      const beganAt = clockWith(offset)();
      loader.send('go');
      const { failed, latestMs } = await ended.finally(() => clearTimeout(measured));
      viewer.send('report');
      await nextOf(viewer);
      return { failed, latestMs, beganAt, cores };
    } finally {
      if (loader.connected) loader.disconnect();
    }
  } finally {
    viewer.disconnect();
  }
}
