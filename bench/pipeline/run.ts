/** One run of a load, with load and viewer in processes of their own. Hands their reports on as they arrive. */
import { clockWith, wallOffset } from './clock.ts';
import { CpuMeter, OTHERS } from './cpu.ts';
import type { Load, LoadBatch, LoadEnd, ViewerBatch } from './orders.ts';
import { nextOf } from '../child.ts';
import { startPart } from './stack.ts';
import { jsonRoundTripUs } from './yardstick.ts';

export interface Target {
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly redisUrl: string | null;
  /** Ids of the processes to measure, by name. */
  readonly pids: ReadonlyMap<string, number>;
}

export interface Listener {
  load(batch: LoadBatch): void;
  viewer(batch: ViewerBatch): void;
}

export interface RunEnd extends Omit<LoadEnd, 'kind'> {
  /** Begin of the run, epoch ms on the clock of all sightings. */
  readonly beganAt: number;
  /** Cores used while the load ran, by process. */
  readonly cores: ReadonlyMap<string, number>;
  /** Half seconds in which other programs used more than 0.3 cores. */
  readonly disturbed: readonly Span[];
  /** The yardstick of each half second: the machine's speed meanwhile. */
  readonly yardstickUs: readonly number[];
}

/** Epoch ms, on the clock of all sightings. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

const LOOK_MS = 500;
/** Rounds of the yardstick each half second: a millisecond of work. */
const ROUNDS = 20;
/** Cores of other programs from which a half second counts as disturbed. */
const DISTURBED_CORES = 0.3;

/** Part of each run's prefix of camera names. */
let runs = 0;

export async function run(target: Target, load: Load, listener: Listener): Promise<RunEnd> {
  const offset = wallOffset();
  const prefix = `bench${process.pid}-${++runs}-`;
  const viewer = startPart('viewer.ts', { url: target.httpUrl, redisUrl: target.redisUrl, offset, prefix });
  try {
    await nextOf(viewer);
    viewer.on('message', (batch: ViewerBatch) => listener.viewer(batch));
    const loader = startPart('load.ts', { ...load, natsUrl: target.natsUrl, offset, prefix });
    try {
      await nextOf(loader);
      const pids = new Map([
        ...target.pids,
        ['load', loader.pid ?? 0],
        ['viewer', viewer.pid ?? 0],
        ['bench', process.pid],
      ]);
      const meter = new CpuMeter(pids);
      const now = clockWith(offset);
      let cores: ReadonlyMap<string, number> = new Map();
      const measured = setTimeout(() => {
        cores = meter.cores();
      }, load.seconds * 1_000);
      const ended = new Promise<LoadEnd>((resolve, reject) => {
        loader.on('message', (message: LoadBatch | LoadEnd) =>
          message.kind === 'end' ? resolve(message) : listener.load(message),
        );
        loader.once('exit', (code) => reject(new Error(`the load ended with ${String(code)}`)));
        viewer.once('exit', (code) => reject(new Error(`the viewer ended with ${String(code)}`)));
      });
      const beganAt = now();
      loader.send('go');
      const disturbed: Span[] = [];
      const yardstickUs: number[] = [];
      let slice = { from: beganAt, meter: new CpuMeter(pids) };
      const looking = setInterval(() => {
        const to = now();
        if ((slice.meter.cores().get(OTHERS) ?? 0) > DISTURBED_CORES) disturbed.push({ from: slice.from, to });
        slice = { from: to, meter: new CpuMeter(pids) };
        yardstickUs.push(jsonRoundTripUs(ROUNDS));
      }, LOOK_MS);
      const { failed, latestMs } = await ended.finally(() => {
        clearTimeout(measured);
        clearInterval(looking);
      });
      viewer.send('report');
      await nextOf(viewer);
      return { failed, latestMs, beganAt, cores, disturbed, yardstickUs };
    } finally {
      if (loader.connected) loader.disconnect();
    }
  } finally {
    viewer.disconnect();
  }
}
