/** The parts of a run, each in a process of its own: cameras, provider, Gantry, viewer. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { nextOf, startChild } from '../child.ts';
import { clockWith, wallOffset } from '../pipeline/clock.ts';
import { type OwnGantry, type Provider, startGantryProcess } from '../pipeline/stack.ts';
import { addCameras, type CamerasOrder, removeCameras, untilOnline } from './api.ts';
import { CamerasLedger } from './ledger.ts';
import type { CamerasOptions } from './options.ts';
import type {
  ProviderFigures,
  ProviderOrder,
  ServerFigures,
  ServerStarted,
  ViewerBatch,
  ViewerOrder,
} from './orders.ts';

const KEY_QPS = 20;
/** Groups of one picture that the model is asked about, generously. */
const GROUPS = 4;
const ONLINE_MS = 60_000;

export interface World {
  readonly gantry: OwnGantry;
  readonly ledger: CamerasLedger;
  /** Start of the cameras' films, epoch ms on the clock of all sightings. */
  readonly beganAt: number;
  readonly now: () => number;
  /** So many cameras from now on, the first ones. Resolves when they are online, to the number that is. */
  setCameras(count: number): Promise<number>;
  server(): Promise<ServerFigures>;
  provider(): Promise<ProviderFigures>;
}

const startPart = (file: string, argument: string | object): ChildProcess =>
  startChild(import.meta.dirname, file, typeof argument === 'string' ? argument : JSON.stringify(argument));

/** Starts everything, hands it to `use`, and ends it whatever happens. `most`: the largest number of cameras. */
export async function withWorld<T>(
  film: string,
  most: number,
  options: CamerasOptions,
  use: (world: World) => Promise<T>,
): Promise<T> {
  const offset = wallOffset();
  await using parts = new AsyncDisposableStack();
  const start = (file: string, argument: string | object): ChildProcess => {
    const child = startPart(file, argument);
    parts.defer(() => {
      if (child.connected) child.disconnect();
    });
    return child;
  };
  const asked = <F>(child: ChildProcess): Promise<F> => {
    const answer = nextOf<F>(child);
    child.send('figures');
    return answer;
  };

  const server = start('rtsp-server.ts', film);
  const { port, beganAt } = await nextOf<ServerStarted>(server);
  const order: ProviderOrder = {
    ...options.provider,
    keys: Math.ceil((most * GROUPS) / options.intervalSeconds / KEY_QPS) + 2,
    qps: KEY_QPS,
  };
  const provider = start('provider.ts', order);
  const started = await nextOf<Pick<Provider, 'url' | 'model' | 'keys'>>(provider);
  const gantry = await startGantryProcess({
    provider: started,
    concurrent: Math.max(50, Math.ceil(((most * GROUPS) / options.intervalSeconds) * 2)),
    ...(options.burst ? { program: join(import.meta.dirname, 'gantry.ts') } : {}),
    ...(options.model === null ? {} : { model: options.model }),
  });
  parts.defer(() => gantry.stop());
  const watching: ViewerOrder = { url: gantry.httpUrl, offset };
  const viewer = start('viewer.ts', watching);
  await nextOf(viewer);
  const ledger = new CamerasLedger();
  viewer.on('message', (batch: ViewerBatch) => ledger.note(batch));

  const { intervalSeconds } = options;
  const cameras = new CameraList({ httpUrl: gantry.httpUrl, rtspPort: port, intervalSeconds });
  return await use({
    gantry,
    ledger,
    beganAt: beganAt + offset,
    now: clockWith(offset),
    setCameras: (count) => cameras.set(count),
    server: () => asked(server),
    provider: () => asked(provider),
  });
}

/** The cameras that Gantry has: always the first ones. */
class CameraList {
  readonly #order: CamerasOrder;
  #count = 0;

  constructor(order: CamerasOrder) {
    this.#order = order;
  }

  async set(count: number): Promise<number> {
    const numbers = (from: number, to: number): number[] =>
      Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
    await addCameras(this.#order, numbers(this.#count, count));
    await removeCameras(this.#order, numbers(count, this.#count));
    this.#count = count;
    return untilOnline(this.#order.httpUrl, count, ONLINE_MS);
  }
}
