import { createHttpServer, type HttpServer, type HttpServerOptions } from '../../src/http/server.ts';
import type { CameraRecord, DryRunOrder, HealthReport, HttpPorts, KeyPoolStats } from '../../src/http/ports.ts';
import type { DryRunReport } from '../../src/http/schemas/dry-run-schema.ts';
import type { HistoryQuery } from '../../src/infra/alert-history.ts';
import type { DeadLetter } from '../../src/infra/nats/dead-letter-box.ts';
import type { CountQuery } from '../../src/infra/count-history.ts';
import type { CountedBin } from '../../src/messages/counted-bin.ts';
import type { AuditQuery } from '../../src/infra/audit-history.ts';
import type { AuditEntry } from '../../src/messages/audit.ts';
import type { AssessmentView } from '../../src/http/schemas/assessments-schema.ts';
import type { BudgetReport } from '../../src/http/schemas/budget-schema.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { CameraConfig } from '../../src/messages/camera.ts';
import type { SceneChange } from '../../src/messages/scene.ts';
import { isExpected } from '../../src/scene/scene-version.ts';
import type { TreeSnapshot } from '../../src/runtime/inspect.ts';
import { settingsView } from '../../src/app/settings-view.ts';
import { memoryLog, type LogLine } from './log.ts';
import { memoryAccounts } from './memory-accounts.ts';
import { FakeAlarms } from './fake-alarms.ts';
import { AlertDesk } from '../../src/alert-desk/alert-desk.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { deskStore } from './desk-store.ts';
import { FakeMonitoring } from './fake-monitoring.ts';
import { FakeClips } from './fake-clips.ts';
import { config, healthy, keyStats, record, tree } from './http-samples.ts';
import { budget, dryRunReport, flow, nodes } from './system-samples.ts';
import { ReleaseFigures } from '../../src/releases/release-figures.ts';
import { memoryReleases } from './memory-releases.ts';
import { FakeStreams } from './fake-streams.ts';

/** The time of the machine, with timers that never fire. */
const STANDING: Clock = { now: () => Date.now(), setTimeout: () => ({}), clearTimeout: () => undefined };

/** The rest of the program, in memory; a test changes what it holds. */
export class FakeWorld {
  readonly cameras = new Map<string, CameraRecord>();
  readonly latest = new Map<string, Aggregate>();
  readonly historyQueries: HistoryQuery[] = [];
  readonly alertLists = new Map<string, Aggregate[]>();
  readonly countQueries: CountQuery[] = [];
  readonly counts = new Map<string, CountedBin[]>();
  readonly images = new Map<string, Uint8Array>();
  /** The cameras of pictures that say so. */
  readonly imageCameras = new Map<string, string>();
  readonly clips = new FakeClips();
  readonly monitoring = new FakeMonitoring();
  accounts = memoryAccounts();
  readonly alarms = new FakeAlarms();
  readonly streams = new FakeStreams(STANDING);
  readonly desk = new AlertDesk({ store: deskStore(this.streams), log: memoryLog(), clock: STANDING });
  readonly deadLetters = new Map<number, DeadLetter>();
  readonly removed: string[] = [];
  /** Changes that were recorded, oldest first. */
  readonly audited: AuditEntry[] = [];
  readonly auditQueries: AuditQuery[] = [];
  readonly releases = memoryReleases();
  readonly releaseFigures = new Map<string, ReleaseFigures>();
  readonly dryRuns: DryRunOrder[] = [];
  dryRunReport: DryRunReport = dryRunReport;
  health: HealthReport | Error = healthy;
  keys: KeyPoolStats = keyStats;
  budget: BudgetReport = budget;
  /** Cameras with calls today. */
  usedBy: readonly string[] = [];
  readonly assessments = new Map<string, AssessmentView>();
  readonly sceneChanges = new Map<string, SceneChange>();
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

  /** The alert is kept, and in the list. */
  keepAlert(alert: Aggregate): Aggregate {
    this.alertLists.set(alert.cameraId, [alert, ...(this.alertLists.get(alert.cameraId) ?? [])]);
    this.streams.publish(subjects.alert(alert.cameraId), alert, `${alert.requestId}:${alert.revision}`);
    return alert;
  }

  /** Makes the camera's newest frame this one, with its picture. */
  saw(frame: Aggregate, jpeg: Uint8Array): Aggregate {
    this.latest.set(frame.cameraId, frame);
    if (frame.imageId !== null) {
      this.images.set(frame.imageId, jpeg);
      this.imageCameras.set(frame.imageId, frame.cameraId);
    }
    return frame;
  }

  #alert(name: string): Aggregate | null {
    const all = [...this.alertLists.values()].flat();
    const isIt = ({ requestId, incidents }: Aggregate): boolean =>
      requestId === name || incidents.some((one) => one.incidentId === name);
    return all.find(isIt) ?? null;
  }

  ports(): HttpPorts {
    const check = (): void => {
      if (this.failing !== null) throw this.failing;
    };
    return {
      accounts: this.accounts,
      cameras: {
        list: async () => (check(), [...this.cameras.values()]),
        groups: async () =>
          [...this.cameras.values()].map(({ config: { cameraId, groups = [] } }) => ({ cameraId, groups })),
        get: async (id) => (check(), this.cameras.get(id) ?? null),
        scene: async (id) => {
          const known = this.cameras.get(id);
          const scene = known?.config.scene ?? null;
          return known === undefined ? null : { scene, changed: this.sceneChanges.get(id) ?? null };
        },
        add: async (camera) => {
          check();
          if (this.cameras.has(camera.cameraId)) return 'exists';
          if (camera.cameraId === 'one-too-many') return 'full';
          this.cameras.set(camera.cameraId, record(camera));
          return 'added';
        },
        change: async (id, patch, { change, expects }) => {
          const old = this.cameras.get(id);
          if (old === undefined) return null;
          if (expects !== null && !isExpected(expects, old.config.scene ?? null)) return 'scene-changed';
          if (patch.scene !== undefined) this.sceneChanges.set(id, change);
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
        alert: async (name) => (check(), this.#alert(name)),
        alertCamera: async (name) => (check(), this.#alert(name)?.cameraId ?? null),
        alertHistory: async (query) => {
          this.historyQueries.push(query);
          const { cameraId, isWanted = () => true, limit } = query;
          const alerts = (this.alertLists.get(cameraId ?? '') ?? []).filter((alert) => isWanted(alert.cameraId));
          return { alerts: alerts.slice(0, limit), next: null };
        },
        counts: async (query) => {
          check();
          this.countQueries.push(query);
          return { bins: this.counts.get(query.cameraId) ?? [], next: null };
        },
        previewSource: async (id) => this.previewSources.get(id) ?? this.previewSource,
      },
      desk: this.desk,
      images: {
        find: async (id) => {
          await this.imageGate;
          return this.images.get(id) ?? null;
        },
        findStored: async (id) => {
          await this.imageGate;
          const jpeg = this.images.get(id);
          return jpeg === undefined ? null : { jpeg, cameraId: this.imageCameras.get(id) ?? null };
        },
        get: (id, signal) => this.imageArrives(id, signal),
      },
      clips: this.clips,
      monitoring: this.monitoring,
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
      budget: async (isWanted = () => true) => {
        check();
        const by_camera = this.budget.questions.by_camera.filter(({ camera_id }) => isWanted(camera_id));
        return { ...this.budget, questions: { ...this.budget.questions, by_camera } };
      },
      system: {
        flow: async () => (check(), flow),
        nodes: async () => nodes,
        settings: () => settingsView([], { GANTRY_TOKEN: 'hidden' }),
      },
      alarms: this.alarms,
      dryRun: async (order) => {
        this.dryRuns.push(order);
        return this.cameras.has(order.cameraId) ? this.dryRunReport : null;
      },
      assessments: {
        submit: async () => Promise.reject(new Error('no assessments here')),
        get: async (id) => this.assessments.get(id) ?? null,
      },
      keys: {
        list: async () => ({ keys: [], notices: [] }),
        add: async () => Promise.reject(new Error('no keys here')),
        change: async () => null,
        remove: async () => null,
      },
      releases: {
        book: this.releases,
        figures: (releaseId) => this.releaseFigures.get(releaseId)?.view() ?? new ReleaseFigures().view(),
        detectors: async () => ['yolox-nano', 'yolox-tiny'],
      },
      audit: {
        record: (entry) => this.audited.push(entry),
        page: async (query) => {
          check();
          this.auditQueries.push(query);
          return { entries: this.audited.toReversed().slice(0, query.limit), next: null };
        },
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
        byCamera: this.usedBy.map((camera) => ({ camera, calls: 1, promptTokens: 2, completionTokens: 3, cost: 0.1 })),
      }),
      ready: () => this.ready,
      health: async () => {
        if (this.health instanceof Error) throw this.health;
        return this.health;
      },
      metrics: async (format) =>
        format === 'openmetrics'
          ? { contentType: 'application/openmetrics-text; version=1.0.0', text: 'detection_total 1\n# EOF\n' }
          : { contentType: 'text/plain; version=0.0.4', text: 'detection_total 1\n' },
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
