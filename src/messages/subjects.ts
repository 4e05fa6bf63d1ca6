import type { AuditAction } from './audit.ts';
import type { CameraId, ImageId, RequestId } from './ids.ts';
import type { ReleaseId } from './release.ts';
import { PRIORITIES, type Priority } from './task.ts';

const MOST_TOKEN = 64;
/** A group's id as one token of a subject: its end, where ids differ. */
const groupToken = (groupId: string): string => groupId.slice(-MOST_TOKEN).replaceAll(/[^A-Za-z0-9_-]/gu, '_') || '_';

/** No camera has this name. */
const NO_CAMERA = '~';

/** NATS subjects, in the order of the data flow. */
export const subjects = {
  detection: (camera: CameraId) => `detection-results.${camera}`,
  detections: 'detection-results.>',
  task: (priority: Priority, camera: CameraId) => `assessment-tasks.p${priority}.${camera}`,
  tasksOf: (priority: Priority) => `assessment-tasks.p${priority}.*`,
  /** Of pictures that were handed in, and of replayed frames. */
  tasks: 'assessment-tasks.*.*',
  /**
   * A question about a camera's group, one subject each: the newest takes the place of one that was not fetched. The
   * last token names the group.
   */
  question: (priority: Priority, camera: CameraId, groupId: string) =>
    `assessment-tasks.p${priority}.${camera}.${groupToken(groupId)}`,
  questions: 'assessment-tasks.*.*.*',
  questionsOf: (camera: CameraId) => `assessment-tasks.*.${camera}.*`,
  result: (camera: CameraId) => `risk-assessment-results.${camera}`,
  results: 'risk-assessment-results.>',
  /** For viewers; an aggregate's sequence in the stream is its offset in the feed. */
  aggregate: (camera: CameraId) => `aggregates.${camera}`,
  aggregates: 'aggregates.>',
  /** Revisions that are alerts, see `isAlert`: the durable history. */
  alert: (camera: CameraId) => `alerts.${camera}`,
  alerts: 'alerts.>',
  /** JPEGs of alerts, kept as long as the alerts. */
  alertImage: (id: ImageId) => `alert-images.${id}`,
  alertImages: 'alert-images.>',
  /** Where an alert is, by its request's id and by the ids of its incidents. */
  alertPlace: (name: string) => `alert-index.${name}`,
  alertPlaces: 'alert-index.*',
  /** The record of an alert's clip, and its parts from 0 on. */
  alertClip: (id: RequestId) => `alert-clips.${id}`,
  alertClipPart: (id: RequestId, part: number) => `alert-clips.${id}.${part}`,
  alertClips: 'alert-clips.>',
  /** The newest handling of each alert. */
  alertHandling: (id: RequestId) => `alert-handling.${id}`,
  alertHandlings: 'alert-handling.*',
  /** All shelves, as one list. */
  alertShelves: 'alert-shelves',
  /** The text behind the hash of a prompt. */
  promptText: (promptHash: string) => `prompt-texts.${promptHash}`,
  promptTexts: 'prompt-texts.*',
  /** Messages that `consumer` of `stream` could not handle. */
  deadLetter: (stream: string, consumer: string) => `dead-letters.${stream}.${consumer}`,
  deadLettersOf: (stream: string) => `dead-letters.${stream}.>`,
  deadLetters: 'dead-letters.>',
  /** Webhook calls, one message each. */
  webhook: (kind: 'assessment' | 'alert' | 'monitoring') => `webhooks.${kind}`,
  webhooks: 'webhooks.>',
  imagePrefix: 'images.',
  image: (id: ImageId) => `images.${id}`,
  /** Core NATS: somebody needs these pictures; the node that reads their camera makes and stores them. */
  picturesWanted: 'pictures-wanted',
  /** A request: the node that reads the camera stores a clip around an alert, and answers when it has. */
  clipWanted: (camera: CameraId) => `clips-wanted.${camera}`,
  clipsWanted: 'clips-wanted.*',
  /** A request: the node that reads the camera answers with its scene. */
  sceneWanted: (camera: CameraId) => `scenes-wanted.${camera}`,
  scenesWanted: 'scenes-wanted.*',
  /** Finished minutes of counts. */
  counts: (camera: CameraId) => `counts.${camera}`,
  allCounts: 'counts.*',
  /** Changes by people, by camera and action: `audit.cam-1.scene.change`. No camera is `~`, as in `audit.~.login`. */
  audit: (camera: CameraId | null, action: AuditAction) => `audit.${camera ?? NO_CAMERA}.${action}`,
  /** Null: any. */
  auditOf: (camera: CameraId | null, action: AuditAction | null) => `audit.${camera ?? '*'}.${action ?? '>'}`,
  audits: 'audit.>',
  /** Judgements of both ways while a release runs. */
  releaseOutcome: (release: ReleaseId) => `release-outcomes.${release}`,
  releaseOutcomes: 'release-outcomes.*',
  cameraStatus: (camera: CameraId) => `camera-status.${camera}`,
  cameraStatuses: 'camera-status.>',
  /** Core NATS: the groups of a camera that was added or changed. */
  cameraGroups: 'camera-groups',
  cameraRemoved: 'camera-removed',
  /** Core NATS: each scheduler tells the others how busy it is. */
  schedulerLoad: 'scheduler-load',
  /** Core NATS: each node tells of the alerts about it, every few seconds. */
  monitoringAlerts: 'monitoring-alerts',
} as const;

/** JetStream streams and durable consumers. */
export const streams = {
  detections: 'DETECTIONS',
  tasks: 'TASKS',
  questions: 'QUESTIONS',
  results: 'RESULTS',
  webhooks: 'WEBHOOKS',
  aggregates: 'AGGREGATES',
  alerts: 'ALERTS',
  alertImages: 'ALERT_IMAGES',
  alertIndex: 'ALERT_INDEX',
  alertClips: 'ALERT_CLIPS',
  alertDesk: 'ALERT_DESK',
  counts: 'COUNTS',
  deadLetters: 'DEAD_LETTERS',
  audit: 'AUDIT',
  releaseOutcomes: 'RELEASE_OUTCOMES',
} as const;
export const consumers = {
  taskGenerator: 'task-generator',
  scheduler: (priority: Priority) => `scheduler-p${priority}`,
  questions: 'scheduler-questions',
  aggregatorDetections: 'aggregator-detections',
  aggregatorResults: 'aggregator-results',
  onDemandResults: 'on-demand-results',
  webhooks: 'webhooks',
  alertWriter: 'alert-writer',
  alertImages: 'alert-images',
  alertIndex: 'alert-index',
  alertClips: 'alert-clips',
} as const;
export const PRIORITIES_URGENT_FIRST: readonly Priority[] = PRIORITIES.toReversed();

/** JetStream stream of the stored JPEGs (claim checks), one subject each: `images.{imageId}`. */
export const IMAGE_STREAM = 'IMAGES';

/** NATS headers of every message of the pipeline. */
export const headers = {
  traceId: 'Trace-Id',
  cameraId: 'Camera-Id',
  requestId: 'Request-Id',
  /** W3C trace context: the span that sent the message. */
  traceparent: 'traceparent',
} as const;

/** NATS headers of a dead letter, beside those of the original message. */
export const deadLetterHeaders = {
  reason: 'Dead-Letter-Reason',
  subject: 'Dead-Letter-Subject',
  stream: 'Dead-Letter-Stream',
  consumer: 'Dead-Letter-Consumer',
  deliveries: 'Dead-Letter-Deliveries',
  msgId: 'Dead-Letter-Msg-Id',
  /** The parts cut off a message that was too large to keep. */
  cut: 'Dead-Letter-Cut',
} as const;

/** Redis keys and channels. */
export const redisKeys = {
  channel: (camera: CameraId) => `camera:${camera}`,
  latest: (camera: CameraId) => `camera:${camera}:latest`,
  alerts: (camera: CameraId) => `alerts:${camera}`,
  detection: (requestId: string) => `detection:${requestId}`,
} as const;
