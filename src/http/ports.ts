import type { z } from 'zod';
import type { AlertDesk } from '../alert-desk/alert-desk.ts';
import type { MetricFormat } from '../infra/metric-format.ts';
import type { HistoryPage, HistoryQuery } from '../infra/alert-history.ts';
import type { AuditPage, AuditQuery } from '../infra/audit-history.ts';
import type { CountPage, CountQuery } from '../infra/count-history.ts';
import type { ClipStore, ImageStore } from '../infra/bus.ts';
import type { DeadLetterBox } from '../infra/nats/dead-letter-box.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import type { AlertName } from '../messages/alert-place.ts';
import type { AuditEntry } from '../messages/audit.ts';
import type { CameraConfig, CameraGroups, CameraStatus } from '../messages/camera.ts';
import type { CameraId } from '../messages/ids.ts';
import type { Silence, SystemAlert } from '../messages/monitoring.ts';
import type { SceneChange, SceneConfig } from '../messages/scene.ts';
import type { AlertRule } from '../monitoring/alert-rules.ts';
import type { SceneChanger } from '../scene/scene-version.ts';
import type { Accounts } from '../users/accounts.ts';
import type { DeadLetter, SystemEvent, TreeSnapshot } from '../runtime/inspect.ts';
import type { Figures } from '../releases/release-figures.ts';
import type { ReleaseBook } from '../releases/release-book.ts';
import type { AlarmPort } from './alarm-port.ts';
import type { HealthReport, KeyPoolStats, SchedulerHealth } from './schemas/operations-schema.ts';
import type { CameraFigures, CameraPatch } from './schemas/cameras-schema.ts';
import type { AssessmentOrder, AssessmentView } from './schemas/assessments-schema.ts';
import type { BudgetReport } from './schemas/budget-schema.ts';
import type { DryRunReport } from './schemas/dry-run-schema.ts';
import type { FlowReport, NodeList, SettingList } from './schemas/system-schema.ts';
import type { UsageReport } from './schemas/usage-schema.ts';
import type { KeyBody, KeyChanged, KeyList, KeyPatchBody, KeyRemoved } from './schemas/keys-schema.ts';

export type { CameraFigures, CameraPatch } from './schemas/cameras-schema.ts';
export type { HealthReport, KeyPoolStats, SchedulerHealth } from './schemas/operations-schema.ts';

/** A camera as the registry knows it. The URL is the real one: HTTP redacts it in everything it sends. */
export interface CameraRecord {
  readonly config: CameraConfig;
  readonly status: CameraStatus;
  readonly figures: z.infer<typeof CameraFigures>;
}

/** The scene of a camera. */
export interface KnownScene {
  /** Null: it has none. */
  readonly scene: SceneConfig | null;
  /** Its last change since the start of the process that has the camera; null for none. */
  readonly changed: SceneChange | null;
}

/** The camera registry, as HTTP needs it. Rejections become a 503. */
export interface CameraPort {
  list(): Promise<readonly CameraRecord[]>;
  /** The groups of the cameras of all nodes that answer. */
  groups(): Promise<readonly CameraGroups[]>;
  get(id: CameraId): Promise<CameraRecord | null>;
  /** Null when there is no such camera. */
  scene(id: CameraId): Promise<KnownScene | null>;
  /** Resolves when the list is saved; the camera itself may still be connecting. */
  add(config: CameraConfig): Promise<'added' | 'exists' | 'full'>;
  /** Null when there is no such camera; `scene-changed` when its scene is not the expected one. */
  change(id: CameraId, patch: CameraPatch, changer: SceneChanger): Promise<CameraRecord | 'scene-changed' | null>;
  /** False when there was no such camera. */
  remove(id: CameraId): Promise<boolean>;
  /** The newest aggregate; null when there is none, or it expired. */
  latest(id: CameraId): Promise<Aggregate | null>;
  /** Newest first. */
  alerts(id: CameraId, limit: number): Promise<readonly Aggregate[]>;
  /** By its `requestId`, or the `incidentId` of one of its incidents. Null when there is none, or not any more. */
  alert(name: AlertName): Promise<Aggregate | null>;
  /** The camera of an alert, as named for `alert`. */
  alertCamera(name: AlertName): Promise<CameraId | null>;
  alertHistory(query: HistoryQuery): Promise<HistoryPage>;
  /** Of a removed camera too. */
  counts(query: CountQuery): Promise<CountPage>;
  /** Address of the camera's MPEG-TS on this machine (`unix:/folder/socket`); null while there is none. */
  previewSource(id: CameraId): Promise<string | null>;
}

/** The list of alerts, and what people do about them. */
export type DeskPort = Pick<
  AlertDesk,
  'complete' | 'find' | 'handling' | 'change' | 'shelves' | 'isShelved' | 'addShelf' | 'removeShelf' | 'prompt'
>;

/** Administration of API keys. Rejects with an HttpError when it refuses a change. */
export interface KeyPort {
  list(): Promise<KeyList>;
  add(key: KeyBody): Promise<KeyChanged>;
  /** Null when there is no such key. */
  change(name: string, patch: KeyPatchBody): Promise<KeyChanged | null>;
  /** Null when there is no such key. */
  remove(name: string): Promise<KeyRemoved | null>;
}

/** Alerts about Gantry itself. */
export interface MonitoringPort {
  /** As of now, over all nodes. */
  state(): {
    readonly rules: readonly AlertRule[];
    readonly disabled: readonly AlertRule[];
    readonly alerts: readonly SystemAlert[];
    /** The silences that hold. Ids of the ones in the file begin with `file-`. */
    readonly silences: readonly Silence[];
    /** The readings of a rule, one for each node that has one. */
    readonly valuesOf: (rule: string) => readonly number[];
    readonly problem: string | null;
  };
  /** Rejects `BUS_DOWN`. */
  addSilence(silence: Silence): Promise<'added' | 'full'>;
  /** False when there is none of that id. Rejects `BUS_DOWN`. */
  removeSilence(id: string): Promise<boolean>;
}

/** Pictures handed in by clients. Rejects with an HttpError when it refuses one. */
export interface AssessmentPort {
  submit(order: AssessmentOrder): Promise<AssessmentView>;
  /** Null when there is none of that id, or it expired. */
  get(id: string): Promise<AssessmentView | null>;
}

/** A scene to be tried on the last minutes of a camera. */
export interface DryRunOrder {
  readonly cameraId: CameraId;
  readonly scene: SceneConfig;
  /** 1 to 10. */
  readonly minutes: number;
}

/** The parts of the program that the HTTP room calls. */
export interface HttpPorts {
  readonly accounts: Accounts;
  readonly cameras: CameraPort;
  readonly desk: DeskPort;
  readonly images: Pick<ImageStore, 'find' | 'findStored' | 'get'>;
  readonly clips: Pick<ClipStore, 'find' | 'read'>;
  readonly supervision: {
    tree(): TreeSnapshot;
    deadLetters(): { readonly total: number; readonly recent: readonly DeadLetter[] };
    /** Calls `listener` with every event until the returned function is called. */
    subscribe(listener: (event: SystemEvent) => void): () => void;
    /** False when there is no actor at this path. Rejects when it does not start again. */
    restart(path: string): Promise<boolean>;
  };
  /** Dead letters of the bus. */
  readonly deadLetters: Pick<DeadLetterBox, 'list' | 'get' | 'replay'>;
  readonly scheduler: {
    /** State of the key pool and its keys: names only, never a key. */
    stats(): Promise<KeyPoolStats>;
    health(): Promise<SchedulerHealth>;
  };
  readonly system: {
    flow(): Promise<FlowReport>;
    nodes(): Promise<NodeList>;
    settings(): SettingList;
  };
  /** How calls to the model are spent; with `isWanted` only the questions of these cameras are counted. */
  budget(isWanted?: (cameraId: CameraId) => boolean): Promise<BudgetReport>;
  /** Null when there is no such camera. Rejects with an HttpError when too many are in hand. */
  dryRun(order: DryRunOrder): Promise<DryRunReport | null>;
  readonly assessments: AssessmentPort;
  readonly alarms: AlarmPort;
  readonly keys: KeyPort;
  /** Two ways to judge, side by side. */
  readonly releases: {
    readonly book: Pick<ReleaseBook, 'now' | 'list' | 'get' | 'start' | 'patch' | 'promote' | 'rollBack' | 'remove'>;
    /** Null where another process has the role `web`. */
    figures(releaseId: string): Figures | null;
    /** Names of the detectors of the manifest. */
    detectors(): Promise<readonly string[]>;
  };
  readonly monitoring: MonitoringPort;
  /** The record of changes. */
  readonly audit: {
    /** Keeps the entry, later where NATS is away. Never throws. */
    record(entry: AuditEntry): void;
    /** Rejects `BUS_DOWN`. */
    page(query: AuditQuery): Promise<AuditPage>;
  };
  /** Tokens and cost of a day (UTC); null is today. */
  usage(day: string | null): Promise<UsageReport>;
  health(): Promise<HealthReport>;
  /** Whether requests may be sent here: started, NATS reached, not stopping. */
  ready(): boolean;
  /** A scrape by Prometheus. */
  metrics(format: MetricFormat): Promise<{ readonly contentType: string; readonly text: string }>;
}
