import { nanos, RetentionPolicy, type StreamConfig } from 'nats';
import { IMAGE_STREAM, streams, subjects } from '../../messages/subjects.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const MB = 1024 * 1024;

export type StreamPlan = Pick<StreamConfig, 'name' | 'subjects' | 'max_age' | 'max_bytes'> & Partial<StreamConfig>;

/** Every stream with its bounds. At a bound the oldest messages are removed first. */
export const STREAMS: readonly StreamPlan[] = [
  { name: streams.detections, subjects: [subjects.detections], max_age: nanos(60 * MINUTE), max_bytes: 256 * MB },
  {
    name: streams.tasks,
    subjects: [subjects.tasks],
    retention: RetentionPolicy.Workqueue,
    max_age: nanos(10 * MINUTE),
    max_bytes: 96 * MB,
  },
  // The newest question of each group only: the server drops an older one, also while a scheduler has it unacked.
  {
    name: streams.questions,
    subjects: [subjects.questions],
    retention: RetentionPolicy.Workqueue,
    max_age: nanos(2 * MINUTE),
    max_bytes: 32 * MB,
    max_msgs_per_subject: 1,
  },
  { name: streams.results, subjects: [subjects.results], max_age: nanos(60 * MINUTE), max_bytes: 256 * MB },
  // Pending webhook calls. A call that fails for ten minutes is given up, so none gets this old.
  {
    name: streams.webhooks,
    subjects: [subjects.webhooks],
    retention: RetentionPolicy.Workqueue,
    max_age: nanos(20 * MINUTE),
    max_bytes: 64 * MB,
  },
  // Its sequence is the live feed's offset: only aggregates may be in it.
  {
    name: streams.aggregates,
    subjects: [subjects.aggregates],
    max_age: nanos(10 * MINUTE),
    max_bytes: 128 * MB,
    duplicate_window: nanos(5 * MINUTE),
  },
  {
    name: streams.alerts,
    subjects: [subjects.alerts],
    max_age: nanos(30 * DAY),
    max_bytes: 256 * MB,
    duplicate_window: nanos(5 * MINUTE),
  },
  {
    name: streams.alertImages,
    subjects: [subjects.alertImages],
    max_age: nanos(30 * DAY),
    max_bytes: 1024 * MB,
    max_msgs_per_subject: 1,
    allow_direct: true,
  },
  // About 300 bytes for each name of an alert.
  {
    name: streams.alertIndex,
    subjects: [subjects.alertPlaces],
    max_age: nanos(30 * DAY),
    max_bytes: 32 * MB,
    max_msgs_per_subject: 1,
  },
  // A record and parts of at most 512 kB for each clip: about a thousand clips of a camera of 1.5 Mbit/s.
  {
    name: streams.alertClips,
    subjects: [subjects.alertClips],
    max_age: nanos(30 * DAY),
    max_bytes: 2048 * MB,
    max_msgs_per_subject: 1,
    allow_direct: true,
  },
  // The newest state of each: what people did about alerts (about 300 bytes each), shelves, and texts of prompts.
  {
    name: streams.alertDesk,
    subjects: [subjects.alertHandlings, subjects.alertShelves, subjects.promptTexts],
    max_age: nanos(30 * DAY),
    max_bytes: 32 * MB,
    max_msgs_per_subject: 1,
  },
  // A minute of a camera is about 1 kB: two days of 40 cameras, a day of 80. Read by subject from a time on.
  {
    name: streams.counts,
    subjects: [subjects.allCounts],
    max_age: nanos(2 * DAY),
    max_bytes: 128 * MB,
    duplicate_window: nanos(5 * MINUTE),
  },
  // The window spans the redeliveries of a message whose `term` was lost.
  {
    name: streams.deadLetters,
    subjects: [subjects.deadLetters],
    max_age: nanos(7 * DAY),
    max_bytes: 64 * MB,
    duplicate_window: nanos(10 * MINUTE),
  },
  // Changes by people, about 600 bytes each. Nobody can delete an entry: at a bound the server removes the oldest, and
  // health tells before it does. The window spans the retries of an outage.
  {
    name: streams.audit,
    subjects: [subjects.audits],
    max_age: nanos(365 * DAY),
    max_bytes: 64 * MB,
    deny_delete: true,
    deny_purge: true,
    duplicate_window: nanos(60 * MINUTE),
  },
  // About 600 bytes each. A node that starts reads all of a release to know its figures.
  {
    name: streams.releaseOutcomes,
    subjects: [subjects.releaseOutcomes],
    max_age: nanos(30 * DAY),
    max_bytes: 64 * MB,
  },
  // Claim checks: one message per image id, read by subject, removed after five minutes.
  {
    name: IMAGE_STREAM,
    subjects: [`${subjects.imagePrefix}>`],
    max_age: nanos(5 * MINUTE),
    max_bytes: 1024 * MB,
    max_msgs_per_subject: 1,
    allow_direct: true,
  },
];
