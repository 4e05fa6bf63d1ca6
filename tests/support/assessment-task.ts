import type { DetectedObject, GroupFeatures } from '../../src/messages/detection.ts';
import { cropImageId, newRequestId, newTraceId, taskId } from '../../src/messages/ids.ts';
import type { AssessmentTask, Priority } from '../../src/messages/task.ts';

const MOTOR = new Set(['car', 'bus', 'truck', 'motorcycle', 'bicycle']);

export interface Sketch {
  readonly class: DetectedObject['class'];
  /** Left, top, width, height in px. */
  readonly at: readonly [number, number, number, number];
  readonly velocity?: readonly [number, number] | null;
  readonly confidence?: number;
}

export interface TaskOptions {
  readonly priority?: Priority;
  readonly expiresAt?: number;
  readonly cameraId?: string;
  readonly imageWidth?: number;
  readonly noCrop?: boolean;
}

export interface QuestionOptions extends TaskOptions {
  readonly groupId?: string;
  /** Time of the frame, epoch ms; default: now. */
  readonly at?: number;
  /** How old the frame may be when the verdict is shown, in ms; default 2 s. */
  readonly freshMs?: number;
  /** Value of its prior; default 0.3. */
  readonly prior?: number;
  /** Time of the last frame of the group that the model assessed, epoch ms; default: never. */
  readonly lastAt?: number;
}

/** A valid task for a group of the sketched objects; objectIds count from 10. */
export function makeTask(sketches: readonly Sketch[], options: TaskOptions = {}): AssessmentTask {
  const requestId = newRequestId();
  const members = sketches.map(({ class: kind, at: [x, y, w, h], velocity, confidence }, index): DetectedObject => ({
    objectId: 10 + index,
    trackId: 1 + index,
    class: kind,
    confidence: confidence ?? 0.8,
    bbox: [x, y, x + w, y + h],
    velocity: velocity === undefined || velocity === null ? null : [...velocity],
  }));
  const centres = members.map(({ bbox: [x1, y1, x2, y2] }) => [(x1 + x2) / 2, (y1 + y2) / 2] as const);
  const gaps = centres.flatMap(([ax, ay], i) => centres.slice(i + 1).map(([bx, by]) => Math.hypot(ax - bx, ay - by)));
  const bbox = [
    Math.min(...members.map((m) => m.bbox[0])),
    Math.min(...members.map((m) => m.bbox[1])),
    Math.max(...members.map((m) => m.bbox[2])),
    Math.max(...members.map((m) => m.bbox[3])),
  ] as const;
  const speeds = members.flatMap((m) => (m.velocity === null ? [] : [Math.hypot(...m.velocity)]));
  const features: GroupFeatures = {
    density: (members.length / Math.max(1, (bbox[2] - bbox[0]) * (bbox[3] - bbox[1]))) * 10_000,
    meanSpacing: gaps.reduce((sum, one) => sum + one, 0) / Math.max(1, gaps.length),
    minSpacing: Math.min(...gaps),
    vehicleCount: members.filter((m) => MOTOR.has(m.class)).length,
    personCount: members.filter((m) => m.class === 'person').length,
    minPersonVehicleDistance: null,
    maxSpeed: speeds.length === 0 ? null : Math.max(...speeds),
    maxClosingSpeed: null,
  };
  const now = Date.now();
  return {
    taskId: taskId(requestId, 1),
    requestId,
    cameraId: options.cameraId ?? 'cam-1',
    timestamp: new Date(now).toISOString(),
    traceId: newTraceId(),
    priority: options.priority ?? 3,
    expiresAt: new Date(options.expiresAt ?? now + 60_000).toISOString(),
    group: {
      groupIndex: 1,
      groupId: 'g1',
      objectCount: Math.max(2, members.length),
      classes: [...new Set(members.map((m) => m.class))].toSorted(),
      bbox: [...bbox],
      averageConfidence: 0.8,
      memberIndices: members.map((m) => m.objectId),
      features,
      cropId: options.noCrop === true ? null : cropImageId(requestId, 1),
    },
    members,
    imageWidth: options.imageWidth ?? 1280,
    imageHeight: Math.round((options.imageWidth ?? 1280) * 0.5625),
  };
}

/** Two cars side by side at rest. */
export const plainTask = (options: TaskOptions = {}): AssessmentTask =>
  makeTask(
    [
      { class: 'car', at: [100, 100, 80, 50], velocity: [0, 0] },
      { class: 'car', at: [200, 100, 80, 50], velocity: [0, 0] },
    ],
    options,
  );

/** A question about a camera's group of two cars, valid for 30 s. */
export function questionTask(options: QuestionOptions = {}): AssessmentTask {
  const { groupId = 'g1', at = Date.now(), freshMs = 2_000, prior = 0.3, lastAt } = options;
  const task = plainTask({ expiresAt: at + 30_000, ...options });
  return {
    ...task,
    timestamp: new Date(at).toISOString(),
    freshUntil: new Date(at + freshMs).toISOString(),
    prior: { value: prior, reasons: [] },
    ...(lastAt === undefined ? {} : { lastAssessed: { at: new Date(lastAt).toISOString(), level: 'none', prior } }),
    group: { ...task.group, groupId },
  };
}
