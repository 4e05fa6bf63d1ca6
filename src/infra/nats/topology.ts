import {
  AckPolicy,
  DiscardPolicy,
  type JetStreamManager,
  nanos,
  type NatsConnection,
  NatsError,
  RetentionPolicy,
  StorageType,
} from 'nats';
import { ON_DEMAND_CAMERA } from '../../messages/ids.ts';
import { consumers, PRIORITIES_URGENT_FIRST, streams, subjects } from '../../messages/subjects.ts';
import { asError } from '../../runtime/errors.ts';
import { InfraError } from '../infra-error.ts';
import { MOST_DELIVERIES } from '../redelivery.ts';
import { BUCKETS, bucketStream } from './buckets.ts';
import { type StreamPlan, STREAMS } from './stream-plans.ts';
import { lessStreams, streamSizes } from './stream-sizes.ts';

/** A delivery that is not settled after this long is delivered again. */
const ACK_WAIT_MS = 30_000;
const NO_SERVER_BOUND = -1;
/** JetStream's error codes: no such stream; a stream or a consumer of this name exists with another configuration. */
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
  /** The server's own bound on deliveries. Default none: the receiver decides, see `mostDeliveries`. */
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
  // The aggregator renews the ack wait of unacked messages every few seconds. When it dies, another one gets them soon.
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
  // Alerts wait for Redis as long as it takes: no number of deliveries makes one a dead letter.
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
  {
    stream: streams.alerts,
    durable: consumers.alertClips,
    filter: subjects.alerts,
    maxAckPending: 64,
    mostDeliveries: Infinity,
  },
  {
    stream: streams.alerts,
    durable: consumers.alertIndex,
    filter: subjects.alerts,
    maxAckPending: 64,
    mostDeliveries: Infinity,
  },
  // A task is valid for 30 s, so the tasks of a scheduler that died must be delivered again well within that time. A
  // live one renews their ack wait every few seconds.
  ...PRIORITIES_URGENT_FIRST.map((priority) => ({
    stream: streams.tasks,
    durable: consumers.scheduler(priority),
    filter: subjects.tasksOf(priority),
    maxAckPending: 2_048,
    ackWaitMs: 10_000,
  })),
  // Schedulers take every question at once and choose among them, so many are unacked.
  {
    stream: streams.questions,
    durable: consumers.questions,
    filter: subjects.questions,
    maxAckPending: 20_000,
    ackWaitMs: 10_000,
  },
];

/** Deliveries of one message after which it becomes a dead letter of this consumer. */
export const mostDeliveries = (durable: string): number =>
  CONSUMERS.find((plan) => plan.durable === durable)?.mostDeliveries ?? MOST_DELIVERIES;

const FULL_SIZES: ReadonlyMap<string, number> = new Map([
  ...STREAMS.map(({ name, max_bytes }) => [name, max_bytes] as const),
  [bucketStream(BUCKETS.onDemand), BUCKETS.onDemand.maxBytes],
]);

/**
 * Creates missing streams and consumers and updates existing ones. Safe to call at any time, from any node. When the
 * server or the account has no room for `totalMb` of streams, all are made smaller until they fit. Resolves to the MB
 * that fitted. Rejects with JetStream's error, also when there is no room for the smallest streams.
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

/** Existing streams first: one that shrinks makes room for one that is missing or grows. */
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
  // The client creates a bucket's stream, but does not change the size of an existing one.
  for (const { name, lifeMs, maxBytes } of Object.values(BUCKETS)) {
    const stream = bucketStream({ name });
    const bytes = sizes.get(stream) ?? maxBytes;
    await nc.jetstream().views.kv(name, { ttl: lifeMs, history: 1, max_bytes: bytes });
    await jsm.streams.update(stream, { max_bytes: bytes });
  }
}

/** The existing stream has settings that cannot be changed: another program created it. */
function notOurs(name: string, thrown: unknown): InfraError {
  const message =
    `the stream ${name} cannot be brought up to date: ${asError(thrown).message}; ` +
    `delete it (nats stream rm ${name}), or give Gantry an account of its own`;
  return new InfraError('BUS_REFUSED', message, { stream: name }, thrown);
}

const configOf = (plan: StreamPlan, bytes: number) => ({
  storage: StorageType.File,
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  duplicate_window: nanos(2 * 60_000),
  ...plan,
  max_bytes: bytes,
});

/** Another node may have added it in the meantime. */
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

/** JetStream's error codes: no room on this server, in this account, in this cluster, for a stream of this size. */
const NO_ROOM: ReadonlySet<number> = new Set([10_002, 10_023, 10_028, 10_047, 10_122]);
const isNoRoom = (thrown: unknown): boolean =>
  thrown instanceof NatsError && NO_ROOM.has(thrown.api_error?.err_code ?? 0);
