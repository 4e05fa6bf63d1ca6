import { join } from 'node:path';
import { readConfig, type GantryConfig } from '../../src/app/config.ts';
import { createLog } from '../../src/infra/log.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { Gantry, StartOptions } from '../../src/app/gantry.types.ts';
import { startGantry } from '../../src/main.ts';
import type { ActorSnapshot } from '../../src/runtime/inspect.ts';
import { actorAt } from './actor-at.ts';
import { until } from './until.ts';

export interface TestGantry extends Gantry {
  readonly dataDir: string;
  request(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly json: any }>;
  actor(path: string): ActorSnapshot;
}

/** Starts the whole program in this process, on free ports, with a data folder of its own. */
export async function startTestGantry(
  dataDir: string,
  over: Partial<GantryConfig> = {},
  options: Partial<StartOptions> = {},
): Promise<TestGantry> {
  const config = readConfig(
    ['--no-demo', '--port', '0', '--data-dir', dataDir, '--keys', join(dataDir, 'api_keys.yaml')],
    {},
  );
  if (config === 'help') throw new Error('no help asked for');
  const log = createLog(process.env['GANTRY_LOG_LEVEL'] === 'debug' ? 'debug' : 'silent');
  const gantry = await startGantry({
    config: { ...config, ...over },
    log,
    onLost: (error) => {
      throw error;
    },
    ...options,
  });
  return {
    ...gantry,
    dataDir,
    request: async (method, path, body) => {
      const reply = await fetch(new URL(path, gantry.url), {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      });
      const text = await reply.text();
      return { status: reply.status, json: text === '' ? null : JSON.parse(text) };
    },
    actor: (path) => actorAt(gantry.system.snapshot(), path),
  };
}

/** A viewer on the live feed that remembers everything it was sent. */
export class TestViewer {
  readonly aggregates: Aggregate[] = [];
  readonly messages: { type: string; data: any }[] = [];
  readonly #socket: WebSocket;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const message: { type: string; data: any } = JSON.parse(String(data));
      this.messages.push(message);
      if (message.type === 'detection_result') this.aggregates.push(message.data);
    });
  }

  static async open(url: string, cameraIds?: readonly string[]): Promise<TestViewer> {
    const socket = new WebSocket(new URL('/ws', url.replace(/^http/, 'ws')));
    const viewer = new TestViewer(socket);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error('the WebSocket cannot be opened')));
    });
    if (cameraIds !== undefined) viewer.send({ type: 'subscribe', data: { cameraIds } });
    return viewer;
  }

  send(message: unknown): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  of(cameraId: string): Aggregate[] {
    return this.aggregates.filter((each) => each.cameraId === cameraId);
  }

  /** Waits for an aggregate of this camera that fits. */
  next(cameraId: string, fits: (aggregate: Aggregate) => boolean = () => true, ms = 30_000): Promise<Aggregate> {
    return until(`an aggregate of ${cameraId}`, () => this.of(cameraId).find(fits), ms);
  }

  close(): void {
    this.#socket.close();
  }
}
