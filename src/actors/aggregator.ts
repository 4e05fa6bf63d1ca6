import { Aggregation, type AggregationCounters, type Publication } from '../aggregation/aggregation.ts';
import type { Bus, Delivery } from '../infra/bus.ts';
import { consume } from '../infra/consume.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import { AssessmentResult } from '../messages/assessment.ts';
import { Detection } from '../messages/detection.ts';
import { type CameraId, ON_DEMAND_CAMERA } from '../messages/ids.ts';
import { consumers, streams, subjects } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';

export interface AggregatorStats extends AggregationCounters {
  readonly pending: number;
  /** Detections and aggregates that Redis did not take. */
  readonly notCached: number;
}

export type AggregatorMessage =
  | ({ type: 'latest'; cameraId: CameraId } & Asking<Aggregate | null>)
  | ({ type: 'stats' } & Asking<AggregatorStats>);
type Private =
  | { type: 'detection'; delivery: Delivery<Detection> }
  | { type: 'result'; delivery: Delivery<AssessmentResult> }
  | { type: 'deadline' }
  | { type: 'keep-alive' };
export const AGGREGATOR = address<AggregatorMessage>('/aggregator');

export interface AggregatorInit {
  readonly bus: Bus;
  /** Null when the operator switched Redis off. */
  readonly redis: Pick<RedisStore, 'saveDetection' | 'saveAggregate'> | null;
  /** See `AggregationOptions.deadlineMs`. */
  readonly deadlineMs: number;
  readonly onPublished: (aggregate: Aggregate, alert: boolean) => void;
}

const OFFER_TIMEOUT_MS = 20_000;
const KEEP_ALIVE_MS = 10_000;
const MAX_CAMERAS_REMEMBERED = 10_000;

/**
 * One aggregate per frame, to Redis and to whoever listens on NATS. A message is acked only when its frame went out, so
 * that after a crash everything unfinished is delivered again and the state is rebuilt from it.
 */
export const aggregatorActor = defineActor<AggregatorMessage, Private>()<AggregatorInit>({
  kind: 'aggregator',
  mailbox: { capacity: 1_000, overflow: 'back-pressure' },
  start: (ctx, { bus, redis, deadlineMs, onPublished }) => {
    const aggregation = new Aggregation({ deadlineMs, rememberFrames: 5_000, earlyFrames: 2_000, earlyMs: 60_000 });
    const unsettled = new Map<string, Delivery<unknown>[]>();
    const newest = new Map<CameraId, Aggregate>();
    let notCached = 0;

    const consumeInto = <T extends Detection | AssessmentResult>(stream: string, durable: string, parser: { parse(body: unknown): T }, wrap: (delivery: Delivery<T>) => Private): void => {
      const take = (delivery: Delivery<T>): Promise<void> => ctx.self.offer(wrap(delivery), { timeoutMs: OFFER_TIMEOUT_MS });
      consume({ bus, stream, durable, parser, clock: ctx.clock, log: ctx.log, signal: ctx.signal, batch: 128, take }).catch((thrown: unknown) => ctx.fail(asError(thrown)));
    };
    consumeInto(streams.detections, consumers.aggregatorDetections, Detection, (delivery) => ({ type: 'detection', delivery }));
    consumeInto(streams.results, consumers.aggregatorResults, AssessmentResult, (delivery) => ({ type: 'result', delivery }));
    ctx.setInterval('keep-alive', KEEP_ALIVE_MS, { type: 'keep-alive' });

    /** Redis being away must not hold up the live push: what is not cached is counted and shown. */
    const cache = async (work: () => Promise<void>): Promise<void> => {
      try {
        await work();
      } catch (thrown) {
        notCached += 1;
        ctx.log.debug({ err: asError(thrown).message }, 'not cached');
      }
    };

    const publish = async ({ aggregate, alert }: Publication): Promise<void> => {
      const { cameraId, requestId, traceId } = aggregate;
      bus.broadcast(subjects.aggregate(cameraId), aggregate, { cameraId, requestId, traceId });
      if (redis !== null) await cache(() => redis.saveAggregate(aggregate, alert));
      const shown = newest.get(cameraId);
      if (shown === undefined || shown.timestamp <= aggregate.timestamp) {
        newest.delete(cameraId);
        newest.set(cameraId, aggregate);
        const [oldest] = newest.keys();
        if (newest.size > MAX_CAMERAS_REMEMBERED && oldest !== undefined) newest.delete(oldest);
      }
      onPublished(aggregate, alert);
      ackSettled(requestId);
    };

    const ackSettled = (requestId: string): void => {
      if (!aggregation.isSettled(requestId)) return;
      for (const delivery of unsettled.get(requestId) ?? []) delivery.ack();
      unsettled.delete(requestId);
    };

    const settle = async (requestId: string, delivery: Delivery<unknown>, publications: readonly Publication[]): Promise<void> => {
      unsettled.set(requestId, [...(unsettled.get(requestId) ?? []), delivery]);
      for (const publication of publications) await publish(publication);
      ackSettled(requestId);
      schedule();
    };

    const schedule = (): void => {
      const next = aggregation.nextDeadline;
      if (next === null) ctx.clearTimer('deadline');
      else ctx.setTimer('deadline', Math.max(0, next - ctx.clock.now()), { type: 'deadline' });
      ctx.report({ published: aggregation.counters.published, pending: aggregation.pending, revised: aggregation.counters.revised, notCached });
    };

    return {
      handlers: {
        detection: async ({ delivery }) => {
          const detection = delivery.body;
          if (redis !== null) await cache(() => redis.saveDetection(detection));
          await settle(detection.requestId, delivery, aggregation.onDetection(detection, ctx.clock.now()));
        },
        result: async ({ delivery }) => {
          // Not of a frame: whoever handed the picture in gets it.
          if (delivery.body.cameraId === ON_DEMAND_CAMERA) {
            delivery.ack();
            return;
          }
          await settle(delivery.body.requestId, delivery, aggregation.onResult(delivery.body, ctx.clock.now()));
        },
        deadline: async () => {
          for (const publication of aggregation.onTime(ctx.clock.now())) await publish(publication);
          schedule();
        },
        'keep-alive': async () => {
          for (const publication of aggregation.onTime(ctx.clock.now())) await publish(publication);
          for (const [requestId, deliveries] of unsettled) {
            for (const delivery of deliveries) delivery.working();
            ackSettled(requestId);
          }
        },
        latest: ({ cameraId }) => newest.get(cameraId) ?? null,
        stats: () => ({ ...aggregation.counters, pending: aggregation.pending, notCached }),
      },
    };
  },
});
