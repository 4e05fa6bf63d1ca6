import type { CameraId, ImageId, RequestId } from './ids.ts';
import { PRIORITIES, type Priority } from './task.ts';

const MOST_TOKEN = 64;
/** A group's id as one token of a subject. */
const groupToken = (groupId: string): string => groupId.slice(0, MOST_TOKEN).replaceAll(/[^A-Za-z0-9_-]/gu, '_') || '_';

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
  /** The record of an alert's clip, and its parts from 0 on. */
  alertClip: (id: RequestId) => `alert-clips.${id}`,
  alertClipPart: (id: RequestId, part: number) => `alert-clips.${id}.${part}`,
  alertClips: 'alert-clips.>',
  /** Messages that `consumer` of `stream` could not handle. */
  deadLetter: (stream: string, consumer: string) => `dead-letters.${stream}.${consumer}`,
  deadLettersOf: (stream: string) => `dead-letters.${stream}.>`,
  deadLetters: 'dead-letters.>',
  /** Webhook calls, one message each. */
  webhook: (kind: 'assessment' | 'alert') => `webhooks.${kind}`,
  webhooks: 'webhooks.>',
  imagePrefix: 'images.',
  image: (id: ImageId) => `images.${id}`,
  /** Core NATS: somebody needs these pictures; the node that reads their camera makes and stores them. */
  picturesWanted: 'pictures-wanted',
  /** A request: the node that reads the camera stores a clip around an alert, and answers when it has. */
  clipWanted: (camera: CameraId) => `clips-wanted.${camera}`,
  clipsWanted: 'clips-wanted.*',
  cameraStatus: (camera: CameraId) => `camera-status.${camera}`,
  cameraStatuses: 'camera-status.>',
  /** Core NATS: each scheduler tells the others how busy it is. */
  schedulerLoad: 'scheduler-load',
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
  alertClips: 'ALERT_CLIPS',
  deadLetters: 'DEAD_LETTERS',
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
  alertClips: 'alert-clips',
} as const;
export const PRIORITIES_URGENT_FIRST: readonly Priority[] = PRIORITIES.toReversed();

/** JetStream stream of the stored JPEGs (claim checks), one subject each: `images.{imageId}`. */
export const IMAGE_STREAM = 'IMAGES';

/** NATS headers of every message of the pipeline. */
export const headers = { traceId: 'Trace-Id', cameraId: 'Camera-Id', requestId: 'Request-Id' } as const;

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
