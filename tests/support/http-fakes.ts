import { createHttpServer, type HttpServer, type HttpServerOptions } from '../../src/http/server.ts';
import type { CameraRecord, HealthReport, HttpPorts, KeyPoolStats } from '../../src/http/ports.ts';
import type { HistoryQuery } from '../../src/infra/alert-history.ts';
import type { DeadLetter } from '../../src/infra/nats/dead-letter-box.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { CameraConfig } from '../../src/messages/camera.ts';
import type { TreeSnapshot } from '../../src/runtime/inspect.ts';
import { memoryLog, type LogLine } from './log.ts';
import { FakeClips } from './fake-clips.ts';
import { budget, config, healthy, keyStats, record, tree } from './http-samples.ts';

/** The rest of the program, in memory; a test changes what it holds. */
export class FakeWorld {
  readonly cameras = new Map<string, CameraRecord>();
  readonly latest = new Map<string, Aggregate>();
  readonly historyQueries: HistoryQuery[] = [];
  readonly alertLists = new Map<string, Aggregate[]>();
  readonly images = new Map<string, Uint8Array>();
  readonly clips = new FakeClips();
  readonly deadLetters = new Map<number, DeadLetter>();
  readonly removed: string[] = [];
  health: HealthReport | Error = healthy;
  keys: KeyPoolStats = keyStats;
  treeNow: TreeSnapshot = tree();
  previewSource: string | null = null;
  /** Of cameras with another one. */
  readonly previewSources = new Map<string, string>();
  failing: Error | null = null;
  ready = true;
  /** Pictures wait for this. */
  imageGate: Promise<void> = Promise.resolve();
  /** The wait for a picture that is not stored yet. */
  imageArrives: HttpPorts['images']['get'] = () => Promise.resolve(null);

  add(...ids: string[]): this {
    for (const id of ids) this.cameras.set(id, record(config(id)));
    return this;
  }

  /** Makes the camera's newest frame this one, with its picture. */
  saw(frame: Aggregate, jpeg: Uint8Array): Aggregate {
    this.latest.set(frame.cameraId, frame);
    if (frame.imageId !== null) this.images.set(frame.imageId, jpeg);
    return frame;
  }

  ports(): HttpPorts {
    const check = (): void => {
      if (this.failing !== null) throw this.failing;
    };
    return {
      cameras: {
        list: async () => (check(), [...this.cameras.values()]),
        get: async (id) => (check(), this.cameras.get(id) ?? null),
        add: async (camera) => {
          check();
          if (this.cameras.has(camera.cameraId)) return 'exists';
          if (camera.cameraId === 'one-too-many') return 'full';
          this.cameras.set(camera.cameraId, record(camera));
          return 'added';
        },
        change: async (id, patch) => {
          const old = this.cameras.get(id);
          if (old === undefined) return null;
          const given = Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined));
          const merged = Object.entries({ ...old.config, ...given }).filter(([, value]) => value !== null);
          const changed = { ...old, config: CameraConfig.parse(Object.fromEntries(merged)) };
          this.cameras.set(id, changed);
          return changed;
        },
        remove: async (id) => {
          this.removed.push(id);
          return this.cameras.delete(id);
        },
        latest: async (id) => (check(), this.latest.get(id) ?? null),
        alerts: async (id, limit) => (this.alertLists.get(id) ?? []).slice(0, limit),
        alertHistory: async (query) => {
          this.historyQueries.push(query);
          return { alerts: (this.alertLists.get(query.cameraId ?? '') ?? []).slice(0, query.limit), next: null };
        },
        previewSource: async (id) => this.previewSources.get(id) ?? this.previewSource,
      },
      images: {
        find: async (id) => {
          await this.imageGate;
          return this.images.get(id) ?? null;
        },
        get: (id, signal) => this.imageArrives(id, signal),
      },
      clips: this.clips,
      supervision: {
        tree: () => this.treeNow,
        subscribe: () => () => undefined,
        restart: async () => true,
        deadLetters: () => ({
          total: 1,
          recent: [{ at: '2026-01-02T03:04:05.000Z', path: '/gone', messageType: 'tick', reason: 'no-such-actor' }],
        }),
      },
      deadLetters: {
        list: async ({ stream, limit }) => (
          check(),
          [...this.deadLetters.values()]
            .filter((letter) => stream === undefined || letter.stream === stream)
            .slice(0, limit)
        ),
        get: async (id) => this.deadLetters.get(id) ?? null,
        replay: async (id) => this.deadLetters.delete(id),
      },
      scheduler: {
        stats: async () => this.keys,
        health: async () => ({
          status: 'ok',
          message: 'judging',
          shortage: null,
          source: 'rules',
          waiting: 0,
          in_flight: 0,
          max_concurrent: 50,
        }),
      },
      budget: async () => (check(), budget),
      assessments: { submit: async () => Promise.reject(new Error('no assessments here')), get: async () => null },
      keys: {
        list: async () => ({ keys: [], notices: [] }),
        add: async () => Promise.reject(new Error('no keys here')),
        change: async () => null,
        remove: async () => null,
      },
      usage: async (day) => ({
        day: day ?? '2026-01-02',
        calls: 0,
        promptTokens: 0,
        completionTokens: 0,
        cost: 0,
        dailyBudget: null,
        withinBudget: true,
        complete: true,
        byKey: [],
        byCamera: [],
      }),
      ready: () => this.ready,
      health: async () => {
        if (this.health instanceof Error) throw this.health;
        return this.health;
      },
      metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'detection_total 1\n' }),
    };
  }
}

/** A server over a {@link FakeWorld}, not listening yet. */
export async function fakeServer(
  world: FakeWorld,
  options: Partial<HttpServerOptions> = {},
): Promise<HttpServer & { readonly lines: LogLine[] }> {
  const log = memoryLog();
  const server = await createHttpServer(world.ports(), { log, version: '0.1.0', ffmpegPath: null, ...options });
  return { ...server, lines: log.lines };
}
