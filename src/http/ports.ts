import type { z } from 'zod';
import type { HistoryPage, HistoryQuery } from '../infra/alert-history.ts';
import type { ClipStore, ImageStore } from '../infra/bus.ts';
import type { DeadLetterBox } from '../infra/nats/dead-letter-box.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import type { CameraConfig, CameraStatus } from '../messages/camera.ts';
import type { CameraId } from '../messages/ids.ts';
import type { DeadLetter, SystemEvent, TreeSnapshot } from '../runtime/inspect.ts';
import type { HealthReport, KeyPoolStats, SchedulerHealth } from './schemas/operations-schema.ts';
import type { CameraFigures, CameraPatch } from './schemas/cameras-schema.ts';
import type { AssessmentOrder, AssessmentView } from './schemas/assessments-schema.ts';
import type { BudgetReport } from './schemas/budget-schema.ts';
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

/** The camera registry, as HTTP needs it. Rejections become a 503. */
export interface CameraPort {
  list(): Promise<readonly CameraRecord[]>;
  get(id: CameraId): Promise<CameraRecord | null>;
  /** Resolves when the list is saved; the camera itself may still be connecting. */
  add(config: CameraConfig): Promise<'added' | 'exists' | 'full'>;
  /** Null when there is no such camera. */
  change(id: CameraId, patch: CameraPatch): Promise<CameraRecord | null>;
  /** False when there was no such camera. */
  remove(id: CameraId): Promise<boolean>;
  /** The newest aggregate; null when there is none, or it expired. */
  latest(id: CameraId): Promise<Aggregate | null>;
  /** Newest first. */
  alerts(id: CameraId, limit: number): Promise<readonly Aggregate[]>;
  alertHistory(query: HistoryQuery): Promise<HistoryPage>;
  /** Address of the camera's MPEG-TS on this machine (`unix:/folder/socket`); null while there is none. */
  previewSource(id: CameraId): Promise<string | null>;
}

/** Administration of API keys. Rejects with an HttpError when it refuses a change. */
export interface KeyPort {
  list(): Promise<KeyList>;
  add(key: KeyBody): Promise<KeyChanged>;
  /** Null when there is no such key. */
  change(name: string, patch: KeyPatchBody): Promise<KeyChanged | null>;
  /** Null when there is no such key. */
  remove(name: string): Promise<KeyRemoved | null>;
}

/** Pictures handed in by clients. Rejects with an HttpError when it refuses one. */
export interface AssessmentPort {
  submit(order: AssessmentOrder): Promise<AssessmentView>;
  /** Null when there is none of that id, or it expired. */
  get(id: string): Promise<AssessmentView | null>;
}

/** The parts of the program that the HTTP room calls. */
export interface HttpPorts {
  readonly cameras: CameraPort;
  readonly images: Pick<ImageStore, 'find' | 'get'>;
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
  /** How calls to the model are spent. */
  budget(): Promise<BudgetReport>;
  readonly assessments: AssessmentPort;
  readonly keys: KeyPort;
  /** Tokens and cost of a day (UTC); null is today. */
  usage(day: string | null): Promise<UsageReport>;
  health(): Promise<HealthReport>;
  /** Whether requests may be sent here: started, NATS reached, not stopping. */
  ready(): boolean;
  /** Prometheus text. */
  metrics(): Promise<{ readonly contentType: string; readonly text: string }>;
}
