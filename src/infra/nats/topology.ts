import { AckPolicy, DiscardPolicy, type JetStreamManager, nanos, NatsError, RetentionPolicy, StorageType, type StreamConfig } from 'nats';
import { ON_DEMAND_CAMERA } from '../../messages/ids.ts';
import { consumers, IMAGE_STREAM, PRIORITIES_URGENT_FIRST, streams, subjects } from '../../messages/subjects.ts';
import { MOST_DELIVERIES } from '../redelivery.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const MB = 1024 * 1024;

type StreamPlan = Pick<StreamConfig, 'name' | 'subjects' | 'retention' | 'max_age' | 'max_bytes'> & Partial<StreamConfig>;

/** Every stream with its bounds. At a bound the oldest messages go first; the server's figures show how many there are. */
const STREAMS: readonly StreamPlan[] = [
  { name: streams.detections, subjects: [subjects.detections], retention: RetentionPolicy.Limits, max_age: nanos(60 * MINUTE), max_bytes: 256 * MB },
  { name: streams.tasks, subjects: [subjects.tasks], retention: RetentionPolicy.Workqueue, max_age: nanos(10 * MINUTE), max_bytes: 128 * MB },
  { name: streams.results, subjects: [subjects.results], retention: RetentionPolicy.Limits, max_age: nanos(60 * MINUTE), max_bytes: 256 * MB },
  // Webhooks to be called; one that is not delivered within ten minutes is given up before it gets this old.
  { name: streams.webhooks, subjects: [subjects.webhooks], retention: RetentionPolicy.Workqueue, max_age: nanos(20 * MINUTE), max_bytes: 64 * MB },
  // Its sequence is the live feed's offset: only aggregates may be in it.
  { name: streams.aggregates, subjects: [subjects.aggregates], retention: RetentionPolicy.Limits, max_age: nanos(10 * MINUTE), max_bytes: 128 * MB, duplicate_window: nanos(5 * MINUTE) },
  { name: streams.alerts, subjects: [subjects.alerts], retention: RetentionPolicy.Limits, max_age: nanos(30 * DAY), max_bytes: 256 * MB, duplicate_window: nanos(5 * MINUTE) },
  { name: streams.alertImages, subjects: [subjects.alertImages], retention: RetentionPolicy.Limits, max_age: nanos(30 * DAY), max_bytes: 1024 * MB, max_msgs_per_subject: 1, allow_direct: true },
  // What could not be handled; the window spans the redeliveries of a message whose end was not heard.
  { name: streams.deadLetters, subjects: [subjects.deadLetters], retention: RetentionPolicy.Limits, max_age: nanos(7 * DAY), max_bytes: 64 * MB, duplicate_window: nanos(10 * MINUTE) },
  // Claim checks: one message per image id, read by subject, gone after five minutes.
  { name: IMAGE_STREAM, subjects: [`${subjects.imagePrefix}>`], retention: RetentionPolicy.Limits, max_age: nanos(5 * MINUTE), max_bytes: 1024 * MB, max_msgs_per_subject: 1, allow_direct: true },
];

/** A delivery not settled after this long is given to somebody else. */
const ACK_WAIT_MS = 30_000;
const NO_SERVER_BOUND = -1;
/** JetStream's codes for a name that is not there, and for one that exists with another configuration. */
const STREAM_UNKNOWN = 10_059;
const CONSUMER_TAKEN = 10_148;

interface ConsumerPlan {
  readonly stream: string;
  readonly durable: string;
  readonly filter: string;
  readonly maxAckPending: number;
  /** Default {@link ACK_WAIT_MS}. */
  readonly ackWaitMs?: number;
  /** The server's own bound. Default none: those who take decide, see `mostDeliveries`. */
  readonly maxDeliver?: number;
  /** Default {@link MOST_DELIVERIES}. */
  readonly mostDeliveries?: number;
}

const CONSUMERS: readonly ConsumerPlan[] = [
  { stream: streams.detections, durable: consumers.taskGenerator, filter: subjects.detections, maxAckPending: 256, ackWaitMs: 10_000 },
  // The aggregator says every few seconds that it still holds what it has not answered; when it is gone another one goes on soon.
  { stream: streams.detections, durable: consumers.aggregatorDetections, filter: subjects.detections, maxAckPending: 4096, ackWaitMs: 10_000 },
  { stream: streams.results, durable: consumers.aggregatorResults, filter: subjects.results, maxAckPending: 4096, ackWaitMs: 10_000 },
  { stream: streams.results, durable: consumers.onDemandResults, filter: subjects.result(ON_DEMAND_CAMERA), maxAckPending: 256 },
  { stream: streams.webhooks, durable: consumers.webhooks, filter: subjects.webhooks, maxAckPending: 1_000, maxDeliver: 50, mostDeliveries: Infinity },
  // Alerts wait as long as it takes for Redis: no number of attempts makes one a dead letter.
  { stream: streams.alerts, durable: consumers.alertWriter, filter: subjects.alerts, maxAckPending: 256, mostDeliveries: Infinity },
  { stream: streams.alerts, durable: consumers.alertImages, filter: subjects.alerts, maxAckPending: 64, mostDeliveries: Infinity },
  // A task is worth 30 s: those of a scheduler that died must come again well within. It says every few seconds that it is at them.
  ...PRIORITIES_URGENT_FIRST.map((priority) => ({ stream: streams.tasks, durable: consumers.scheduler(priority), filter: subjects.tasksOf(priority), maxAckPending: 2_048, ackWaitMs: 10_000 })),
];

/** Deliveries of one message after which a consumer gives it up as a dead letter. */
export const mostDeliveries = (durable: string): number => CONSUMERS.find((plan) => plan.durable === durable)?.mostDeliveries ?? MOST_DELIVERIES;

/** Creates what is missing and brings what exists up to date. Safe to call again at any time, from any node. */
export async function ensureTopology(jsm: JetStreamManager): Promise<void> {
  await Promise.all(STREAMS.map((plan) => ensureStream(jsm, plan)));
  await Promise.all(CONSUMERS.map((plan) => ensureConsumer(jsm, plan)));
}

async function ensureStream(jsm: JetStreamManager, plan: StreamPlan): Promise<void> {
  const config = { storage: StorageType.File, discard: DiscardPolicy.Old, duplicate_window: nanos(2 * MINUTE), ...plan };
  try {
    // First: adding one that exists is refused when all bounds and its own once more do not fit on the disk.
    await jsm.streams.update(plan.name, config);
  } catch (thrown) {
    if (!isCode(thrown, STREAM_UNKNOWN)) throw thrown;
    // Another node may do the same at this moment: then it is there now.
    await jsm.streams.add(config).catch(() => jsm.streams.update(plan.name, config));
  }
}

async function ensureConsumer(jsm: JetStreamManager, plan: ConsumerPlan): Promise<void> {
  const config = {
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(plan.ackWaitMs ?? ACK_WAIT_MS),
    max_deliver: plan.maxDeliver ?? NO_SERVER_BOUND,
    max_ack_pending: plan.maxAckPending,
    filter_subject: plan.filter,
  };
  try {
    await jsm.consumers.add(plan.stream, { ...config, durable_name: plan.durable });
  } catch (thrown) {
    if (!isCode(thrown, CONSUMER_TAKEN)) throw thrown;
    await jsm.consumers.update(plan.stream, plan.durable, config);
  }
}

const isCode = (thrown: unknown, code: number): boolean => thrown instanceof NatsError && thrown.api_error?.err_code === code;
