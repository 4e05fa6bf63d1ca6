import { AckPolicy, DiscardPolicy, type JetStreamManager, nanos, RetentionPolicy, StorageType, type StreamConfig } from 'nats';
import { ON_DEMAND_CAMERA } from '../../messages/ids.ts';
import { consumers, IMAGE_STREAM, PRIORITIES_URGENT_FIRST, streams, subjects } from '../../messages/subjects.ts';

const MINUTE = 60_000;
const MB = 1024 * 1024;

type StreamPlan = Pick<StreamConfig, 'name' | 'subjects' | 'retention' | 'max_age' | 'max_bytes'> & Partial<StreamConfig>;

/** Every stream with its bounds. At a bound the oldest messages go first; the server's figures show how many there are. */
const STREAMS: readonly StreamPlan[] = [
  { name: streams.detections, subjects: [subjects.detections], retention: RetentionPolicy.Limits, max_age: nanos(60 * MINUTE), max_bytes: 256 * MB },
  { name: streams.tasks, subjects: [subjects.tasks], retention: RetentionPolicy.Workqueue, max_age: nanos(10 * MINUTE), max_bytes: 128 * MB },
  { name: streams.results, subjects: [subjects.results], retention: RetentionPolicy.Limits, max_age: nanos(60 * MINUTE), max_bytes: 256 * MB },
  // Webhooks to be called; one that is not delivered within ten minutes is given up before it gets this old.
  { name: streams.webhooks, subjects: [subjects.webhooks], retention: RetentionPolicy.Workqueue, max_age: nanos(20 * MINUTE), max_bytes: 64 * MB },
  // Claim checks: one message per image id, read by subject, gone after five minutes.
  { name: IMAGE_STREAM, subjects: [`${subjects.imagePrefix}>`], retention: RetentionPolicy.Limits, max_age: nanos(5 * MINUTE), max_bytes: 1024 * MB, max_msgs_per_subject: 1 },
];

interface ConsumerPlan {
  readonly stream: string;
  readonly durable: string;
  readonly filter: string;
  readonly maxAckPending: number;
  readonly maxDeliver?: number;
}

const CONSUMERS: readonly ConsumerPlan[] = [
  { stream: streams.detections, durable: consumers.taskGenerator, filter: subjects.detections, maxAckPending: 256 },
  { stream: streams.detections, durable: consumers.aggregatorDetections, filter: subjects.detections, maxAckPending: 4096 },
  { stream: streams.results, durable: consumers.aggregatorResults, filter: subjects.results, maxAckPending: 4096 },
  { stream: streams.results, durable: consumers.onDemandResults, filter: subjects.result(ON_DEMAND_CAMERA), maxAckPending: 256 },
  { stream: streams.webhooks, durable: consumers.webhooks, filter: subjects.webhooks, maxAckPending: 1_000, maxDeliver: 50 },
  ...PRIORITIES_URGENT_FIRST.map((priority) => ({ stream: streams.tasks, durable: consumers.scheduler(priority), filter: subjects.tasksOf(priority), maxAckPending: 256 })),
];

/** A delivery not settled after this long is given to somebody else. */
export const ACK_WAIT_MS = 30_000;
const MAX_DELIVER = 5;

/** Creates what is missing and brings what exists up to date. Safe to call again at any time, from any node. */
export async function ensureTopology(jsm: JetStreamManager): Promise<void> {
  for (const plan of STREAMS) {
    const config = { storage: StorageType.File, discard: DiscardPolicy.Old, duplicate_window: nanos(2 * MINUTE), ...plan };
    try {
      await jsm.streams.add(config);
    } catch {
      // It exists with another configuration: `update` reports what cannot be changed.
      await jsm.streams.update(plan.name, config);
    }
  }
  for (const plan of CONSUMERS) {
    await jsm.consumers.add(plan.stream, {
      durable_name: plan.durable,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_MS),
      max_deliver: plan.maxDeliver ?? MAX_DELIVER,
      max_ack_pending: plan.maxAckPending,
      filter_subject: plan.filter,
    });
  }
}
