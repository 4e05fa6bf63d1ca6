import { join } from 'node:path';
import { aggregatorAt } from '../../src/actors/aggregator.ts';
import { Cache } from '../../src/actors/aggregator/cache.ts';
import { FrameAggregator, type FrameAggregatorOptions } from '../../src/actors/aggregator/frame-aggregator.ts';
import { alertWriterActor } from '../../src/actors/alert-writer.ts';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import type { Bus, Delivery } from '../../src/infra/bus.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import type { RedisStore } from '../../src/infra/redis/store.ts';
import { Aggregate } from '../../src/messages/aggregate.ts';
import type { AssessmentResult } from '../../src/messages/assessment.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { type ActorSystem, startSystem } from '../../src/runtime/system.ts';
import { DEFAULT_FRESHNESS } from '../../src/tasks/freshness.ts';
import { rulesSay } from './aggregation.ts';
import { memoryLog } from './log.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** A NATS of its own with the streams set up. */
export async function startBus(): Promise<{
  readonly nats: EmbeddedService;
  readonly bus: NatsBus;
  /** Log lines of its buses. */
  readonly log: ReturnType<typeof memoryLog>;
  readonly folder: string;
  connect(): Promise<NatsBus>;
  stop(): Promise<void>;
}> {
  const folder = temporaryFolder();
  const nats = await startNatsServer({ dataDir: join(folder, 'nats'), log: memoryLog() });
  const log = memoryLog();
  const connect = (): Promise<NatsBus> => NatsBus.open({ url: nats.url, startTimeoutMs: 30_000, log });
  const bus = await connect();
  return {
    nats,
    bus,
    log,
    folder,
    connect,
    stop: async () => {
      await bus.close();
      await nats.stop();
    },
  };
}

type Over = Partial<Omit<FrameAggregatorOptions, 'bus' | 'cache'>> & {
  readonly redis?: RedisStore;
  readonly clock?: Clock;
};

/** The aggregator in this thread, with parts of the test's. */
export async function startAggregator(
  bus: Bus,
  over: Over = {},
): Promise<ActorSystem & { readonly log: ReturnType<typeof memoryLog> }> {
  const { redis, clock, ...parts } = over;
  const log = memoryLog();
  const actor = aggregatorAt<null>((ctx) => {
    const cache =
      redis === undefined ? null : new Cache({ redis, clock: ctx.clock, log: ctx.log, onPushed: () => undefined });
    const frames = new FrameAggregator(ctx, {
      bus,
      cache,
      freshness: DEFAULT_FRESHNESS,
      assessByRules: rulesSay('none'),
      describeIncident: ({ kind }) => kind,
      onAlert: () => Promise.resolve(),
      onPublished: () => undefined,
      ...parts,
    });
    return Promise.resolve({ frames, report: () => ({}), close: async () => cache?.stop(1_000) });
  });
  const writers = redis === undefined ? [] : [child('alert-writer', alertWriterActor, () => ({ bus, redis }))];
  const system = await startSystem(supervisor('root', [...writers, child('aggregator', actor, () => null)]), {
    log,
    ...(clock === undefined ? {} : { clock }),
    onEscalation: () => undefined,
  });
  return Object.assign(system, { log });
}

const traceOf = ({ cameraId, requestId, traceId }: Detection | AssessmentResult) => ({ cameraId, requestId, traceId });
export const sendDetection = (bus: Bus, detection: Detection) =>
  bus.publish(subjects.detection(detection.cameraId), detection, traceOf(detection), detection.requestId);
export const sendResult = (bus: Bus, result: AssessmentResult) =>
  bus.publish(subjects.result(result.cameraId), result, traceOf(result), result.taskId);

export async function allOf(bus: Bus, stream: string): Promise<Aggregate[]> {
  return (await bus.read({ stream, parser: Aggregate, from: { seq: 1 }, limit: 10_000 })).map(({ body }) => body);
}

export const aggregatesOf = async (bus: Bus, { requestId }: { readonly requestId: string }): Promise<Aggregate[]> =>
  (await allOf(bus, streams.aggregates)).filter((each) => each.requestId === requestId);

/** A bus whose deliveries of one frame throw when their body is read, once or so many times. */
export function breakingOnce(bus: Bus, { requestId }: Detection, times = 1): Bus {
  let left = times;
  const sabotage = <T>(delivery: Delivery<T>): Delivery<T> => {
    const body: unknown = delivery.body;
    if (
      left === 0 ||
      typeof body !== 'object' ||
      body === null ||
      !('detectionLatency' in body) ||
      !('requestId' in body) ||
      body.requestId !== requestId
    )
      return delivery;
    left -= 1;
    const trap = {
      get: (target: object, key: string | symbol, self: unknown): unknown => {
        if (key === 'timestamp') throw new Error('sabotage');
        return Reflect.get(target, key, self);
      },
    };
    return { ...delivery, body: new Proxy(body, trap) as T };
  };
  return new Proxy(bus, {
    get: (target, key) => {
      if (key === 'pull') {
        const pull: Bus['pull'] = async (options) => {
          const consumer = await target.pull(options);
          return {
            lag: () => consumer.lag(),
            close: () => consumer.close(),
            receive: async function* (max, waitMs, signal) {
              for await (const delivery of consumer.receive(max, waitMs, signal)) yield sabotage(delivery);
            },
            fetch: async (max, waitMs, signal) => (await consumer.fetch(max, waitMs, signal)).map(sabotage),
          };
        };
        return pull;
      }
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
