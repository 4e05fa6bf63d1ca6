import {
  AckPolicy,
  DiscardPolicy,
  type JetStreamManager,
  nanos,
  type NatsConnection,
  NatsError,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from 'nats';
import { ON_DEMAND_CAMERA } from '../../messages/ids.ts';
import { consumers, IMAGE_STREAM, PRIORITIES_URGENT_FIRST, streams, subjects } from '../../messages/subjects.ts';
import { asError } from '../../runtime/errors.ts';
import { InfraError } from '../infra-error.ts';
import { MOST_DELIVERIES } from '../redelivery.ts';
import { BUCKETS, bucketStream } from './buckets.ts';
import { lessStreams, streamSizes } from './stream-sizes.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const MB = 1024 * 1024;

type StreamPlan = Pick<StreamConfig, 'name' | 'subjects' | 'retention' | 'max_age' | 'max_bytes'> &
  Partial<StreamConfig>;

/**
 * Every stream with its bounds. At a bound the oldest messages go first; the server's figures show how many there are.
 */
const STREAMS: readonly StreamPlan[] = [
  {
    name: streams.detections,
    subjects: [subjects.detections],
    retention: RetentionPolicy.Limits,
    max_age: nanos(60 * MINUTE),
    max_bytes: 256 * MB,
  },
  {
    name: streams.tasks,
    subjects: [subjects.tasks],
    retention: RetentionPolicy.Workqueue,
    max_age: nanos(10 * MINUTE),
    max_bytes: 128 * MB,
  },
  {
    name: streams.results,
    subjects: [subjects.results],
    retention: RetentionPolicy.Limits,
    max_age: nanos(60 * MINUTE),
    max_bytes: 256 * MB,
  },
  // Webhooks to be called; one that is not delivered within ten minutes is given up before it gets this old.
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
    retention: RetentionPolicy.Limits,
    max_age: nanos(10 * MINUTE),
    max_bytes: 128 * MB,
    duplicate_window: nanos(5 * MINUTE),
  },
  {
    name: streams.alerts,
    subjects: [subjects.alerts],
    retention: RetentionPolicy.Limits,
    max_age: nanos(30 * DAY),
    max_bytes: 256 * MB,
    duplicate_window: nanos(5 * MINUTE),
  },
  {
    name: streams.alertImages,
    subjects: [subjects.alertImages],
    retention: RetentionPolicy.Limits,
    max_age: nanos(30 * DAY),
    max_bytes: 1024 * MB,
    max_msgs_per_subject: 1,
    allow_direct: true,
  },
  // What could not be handled; the window spans the redeliveries of a message whose end was not heard.
  {
    name: streams.deadLetters,
    subjects: [subjects.deadLetters],
    retention: RetentionPolicy.Limits,
    max_age: nanos(7 * DAY),
    max_bytes: 64 * MB,
    duplicate_window: nanos(10 * MINUTE),
  },
  // Claim checks: one message per image id, read by subject, gone after five minutes.
  {
    name: IMAGE_STREAM,
    subjects: [`${subjects.imagePrefix}>`],
    retention: RetentionPolicy.Limits,
    max_age: nanos(5 * MINUTE),
    max_bytes: 1024 * MB,
    max_msgs_per_subject: 1,
    allow_direct: true,
  },
];

/** A delivery not settled after this long is given to somebody else. */
const ACK_WAIT_MS = 30_000;
const NO_SERVER_BOUND = -1;
/** JetStream's codes for a name that is not there, and for those that exist with another configuration. */
const STREAM_UNKNOWN = 10_059;
const STREAM_TAKEN = 10_058;
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
  {
    stream: streams.detections,
    durable: consumers.taskGenerator,
    filter: subjects.detections,
    maxAckPending: 256,
    ackWaitMs: 10_000,
  },
  // The aggregator says every few seconds that it still holds what it has not answered; when it is gone another one
  // goes on soon.
  {
    stream: streams.detections,
    durable: consumers.aggregatorDetections,
    filter: subjects.detections,
    maxAckPending: 4096,
    ackWaitMs: 10_000,
  },
  {
    stream: streams.results,
    durable: consumers.aggregatorResults,
    filter: subjects.results,
    maxAckPending: 4096,
    ackWaitMs: 10_000,
  },
  {
    stream: streams.results,
    durable: consumers.onDemandResults,
    filter: subjects.result(ON_DEMAND_CAMERA),
    maxAckPending: 256,
  },
  {
    stream: streams.webhooks,
    durable: consumers.webhooks,
    filter: subjects.webhooks,
    maxAckPending: 1_000,
    maxDeliver: 50,
    mostDeliveries: Infinity,
  },
  // Alerts wait as long as it takes for Redis: no number of attempts makes one a dead letter.
  {
    stream: streams.alerts,
    durable: consumers.alertWriter,
    filter: subjects.alerts,
    maxAckPending: 256,
    mostDeliveries: Infinity,
  },
  {
    stream: streams.alerts,
    durable: consumers.alertImages,
    filter: subjects.alerts,
    maxAckPending: 64,
    mostDeliveries: Infinity,
  },
  // A task is worth 30 s: those of a scheduler that died must come again well within. It says every few seconds that it
  // is at them.
  ...PRIORITIES_URGENT_FIRST.map((priority) => ({
    stream: streams.tasks,
    durable: consumers.scheduler(priority),
    filter: subjects.tasksOf(priority),
    maxAckPending: 2_048,
    ackWaitMs: 10_000,
  })),
];

/** Deliveries of one message after which a consumer gives it up as a dead letter. */
export const mostDeliveries = (durable: string): number =>
  CONSUMERS.find((plan) => plan.durable === durable)?.mostDeliveries ?? MOST_DELIVERIES;

const FULL_SIZES: ReadonlyMap<string, number> = new Map([
  ...STREAMS.map(({ name, max_bytes }) => [name, max_bytes] as const),
  [bucketStream(BUCKETS.onDemand), BUCKETS.onDemand.maxBytes],
]);

/**
 * Creates what is missing and brings what exists up to date. Safe to call again at any time, from any node. When the
 * server or the account has no room for `totalMb` of streams, all are made smaller until they fit. Resolves to the MB
 * that did. Rejects what JetStream says, also when there is no room for the least.
 */
export async function ensureTopology(nc: NatsConnection, totalMb: number): Promise<number> {
  const jsm = await nc.jetstreamManager();
  const { limits } = await jsm.getAccountInfo();
  const mostBytes = limits.storage_max_stream_bytes > 0 ? limits.storage_max_stream_bytes : Number.POSITIVE_INFINITY;
  for (let mb = totalMb; ;) {
    try {
      await ensureStreams(nc, jsm, streamSizes(FULL_SIZES, mb, mostBytes));
      await Promise.all(CONSUMERS.map((plan) => ensureConsumer(jsm, plan)));
      return mb;
    } catch (thrown) {
      const less = isNoRoom(thrown) ? lessStreams(mb) : null;
      if (less === null) throw thrown;
      mb = less;
    }
  }
}

/** What exists first: where it gets smaller, that is the room for what is missing or gets larger. */
async function ensureStreams(
  nc: NatsConnection,
  jsm: JetStreamManager,
  sizes: ReadonlyMap<string, number>,
): Promise<void> {
  const plans = STREAMS.map((plan) => ({ plan, config: configOf(plan, sizes.get(plan.name) ?? plan.max_bytes) }));
  const updated = await Promise.allSettled(plans.map(({ plan, config }) => jsm.streams.update(plan.name, config)));
  for (const [index, { plan, config }] of plans.entries()) {
    const update = updated[index];
    if (update?.status !== 'rejected') continue;
    if (isNoRoom(update.reason)) await jsm.streams.update(plan.name, config);
    else if (isCode(update.reason, STREAM_UNKNOWN)) await addStream(jsm, config);
    else throw notOurs(plan.name, update.reason);
  }
  // The library makes a bucket's stream, but leaves the size of one that is there as it is.
  for (const { name, lifeMs, maxBytes } of Object.values(BUCKETS)) {
    const stream = bucketStream({ name });
    const bytes = sizes.get(stream) ?? maxBytes;
    await nc.jetstream().views.kv(name, { ttl: lifeMs, history: 1, max_bytes: bytes });
    await jsm.streams.update(stream, { max_bytes: bytes });
  }
}

/** What is there has other settings than can be changed: somebody else made it. */
function notOurs(name: string, thrown: unknown): InfraError {
  const message =
    `the stream ${name} cannot be brought up to date: ${asError(thrown).message}; ` +
    `delete it (nats stream rm ${name}), or give Gantry an account of its own`;
  return new InfraError('BUS_REFUSED', message, { stream: name }, thrown);
}

const configOf = (plan: StreamPlan, bytes: number) => ({
  storage: StorageType.File,
  discard: DiscardPolicy.Old,
  duplicate_window: nanos(2 * MINUTE),
  ...plan,
  max_bytes: bytes,
});

/** Another node may add it at this moment: then it is there now. */
async function addStream(jsm: JetStreamManager, config: ReturnType<typeof configOf>): Promise<void> {
  try {
    await jsm.streams.add(config);
  } catch (thrown) {
    if (!isCode(thrown, STREAM_TAKEN)) throw thrown;
    await jsm.streams.update(config.name, config);
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

const isCode = (thrown: unknown, code: number): boolean =>
  thrown instanceof NatsError && thrown.api_error?.err_code === code;

/** JetStream's codes: no room on this server, in this account, in this cluster, for a stream of this size. */
const NO_ROOM: ReadonlySet<number> = new Set([10_002, 10_023, 10_028, 10_047, 10_122]);
const isNoRoom = (thrown: unknown): boolean =>
  thrown instanceof NatsError && NO_ROOM.has(thrown.api_error?.err_code ?? 0);
