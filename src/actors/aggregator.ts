import { Aggregation, type AggregationCounters } from '../aggregation/aggregation.ts';
import type { Bus, Delivery } from '../infra/bus.ts';
import { consume } from '../infra/consume.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import { AssessmentResult } from '../messages/assessment.ts';
import { Detection } from '../messages/detection.ts';
import { type CameraId, ON_DEMAND_CAMERA, type RequestId } from '../messages/ids.ts';
import { consumers, streams } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';
import { Holding } from './aggregator/holding.ts';
import { lookBack } from './aggregator/look-back.ts';
import { outflowOf } from './aggregator/outflow.ts';
import { CACHE_WRITER } from './cache-writer.ts';

export interface AggregatorStats extends AggregationCounters {
  /** Frames that wait for answers, and frames that wait for the bus. */
  readonly pending: number;
  readonly unpublished: number;
  /** Messages not settled yet. */
  readonly held: number;
  /** Aggregates that the bus refused for good. */
  readonly refused: number;
}

export type AggregatorMessage =
  | ({ type: 'latest'; cameraId: CameraId } & Asking<Aggregate | null>)
  | ({ type: 'stats' } & Asking<AggregatorStats>);
type Private =
  | { type: 'detection'; delivery: Delivery<Detection> }
  | { type: 'result'; delivery: Delivery<AssessmentResult> }
  | { type: 'begin' }
  | { type: 'deadline' }
  | { type: 'keep-alive' };
export const AGGREGATOR = address<AggregatorMessage>('/aggregator');

export interface AggregatorInit {
  readonly bus: Bus;
  /** Tells the cache writer; false when the operator switched Redis off. */
  readonly cached: boolean;
  /** See `AggregationOptions.deadlineMs`. */
  readonly deadlineMs: number;
  /** The first time a frame is an alert, and again after a crash: called until it resolves, before anything is acked. */
  readonly onAlert: (alert: Aggregate) => Promise<void>;
  readonly onPublished: (aggregate: Aggregate) => void;
  /** A frame's detection and answers must come to one aggregator: the others wait until it is their turn. Absent when there are no others. */
  readonly leadership?: { acquire(signal: AbortSignal): Promise<{ readonly lost: AbortSignal; release(): Promise<void> }> };
}

const OFFER_TIMEOUT_MS = 20_000;
/** Well within the ack wait of these consumers (10 s). */
const KEEP_ALIVE_MS = 3_000;
const MAX_CAMERAS_REMEMBERED = 10_000;
const MAX_HELD = 4_000;
/** Of each kind; they are ours anyway, as one process aggregates at a time. */
const AHEAD = 64;
const FLUSH_MS = 2_000;

/**
 * One aggregate per frame, to the stream that viewers follow, and for alerts to their history. Detection and answers are
 * acked only when both have all that is known of the frame. After a crash what went out is read back from the stream, and
 * what was not acked is delivered again.
 */
export const aggregatorActor = defineActor<AggregatorMessage, Private>()<AggregatorInit>({
  kind: 'aggregator',
  mailbox: { capacity: 1_000, overflow: 'back-pressure' },
  start: (ctx, { bus, cached, deadlineMs, onAlert, onPublished, leadership }) => {
    const aggregation = new Aggregation({ deadlineMs, rememberFrames: 5_000, rememberClosed: 50_000, earlyFrames: 2_000, earlyMs: 60_000 });
    const detections = new Holding(MAX_HELD);
    const results = new Holding(MAX_HELD);
    const newest = new Map<CameraId, { readonly aggregate: Aggregate; readonly offset: number }>();
    /** Lives on through the flush at the end. */
    const work = new AbortController();
    let begun = false;
    let term: { readonly lost: AbortSignal; release(): Promise<void> } | null = null;
    let refused = 0;

    const outflow = outflowOf({
      bus,
      aggregation,
      clock: ctx.clock,
      log: ctx.log,
      signal: work.signal,
      onAlert,
      onStored: (aggregate, seq) => {
        remember(aggregate, seq);
        cache(aggregate, seq);
        onPublished(aggregate);
      },
      onDone: (aggregate, error) => {
        if (error === null) settle(aggregate.requestId);
        else giveUp(aggregate, error);
        schedule();
      },
    });

    const consumeInto = <T extends Detection | AssessmentResult>(stream: string, durable: string, parser: { parse(body: unknown): T }, holding: Holding, wrap: (delivery: Delivery<T>) => Private): void => {
      const take = async (delivery: Delivery<T>): Promise<void> => {
        holding.queue(delivery);
        try {
          await ctx.self.offer(wrap(delivery), { timeoutMs: OFFER_TIMEOUT_MS });
        } catch (thrown) {
          holding.unqueue(delivery);
          if (!ctx.signal.aborted) throw thrown;
        }
      };
      consume({ bus, stream, durable, parser, clock: ctx.clock, log: ctx.log, signal: ctx.signal, batch: 128, ahead: AHEAD, room: () => holding.room(), take }).catch((thrown: unknown) => ctx.fail(asError(thrown)));
    };

    const remember = (aggregate: Aggregate, offset: number): void => {
      const { cameraId, timestamp } = aggregate;
      const shown = newest.get(cameraId);
      if (shown !== undefined && shown.aggregate.timestamp > timestamp) return;
      newest.delete(cameraId);
      newest.set(cameraId, { aggregate, offset });
      const [oldest] = newest.keys();
      if (newest.size > MAX_CAMERAS_REMEMBERED && oldest !== undefined) newest.delete(oldest);
    };

    const cache = (aggregate: Aggregate, offset: number): void => {
      if (cached) ctx.ref(CACHE_WRITER).tell({ type: 'aggregate', aggregate: { ...aggregate, offset }, at: Date.parse(aggregate.publishedAt), stored: performance.now() });
    };

    const settle = (requestId: RequestId): void => {
      if (!aggregation.isSettled(requestId)) return;
      for (const holding of [detections, results]) for (const delivery of holding.release(requestId)) delivery.ack();
    };

    const bury = (requestId: RequestId, reason: string): void => {
      for (const holding of [detections, results]) {
        for (const delivery of holding.release(requestId)) delivery.bury(reason).catch((thrown: unknown) => ctx.log.error({ requestId, err: asError(thrown).message }, `a message of frame ${requestId} could not be put among the dead letters`));
      }
    };

    const giveUp = ({ cameraId, requestId }: Aggregate, error: Error): void => {
      refused += 1;
      ctx.log.error({ cameraId, requestId, err: error.message }, `the aggregate of a frame of camera ${cameraId} is given up: ${error.message}; its messages are among the dead letters`);
      bury(requestId, `its aggregate is refused: ${error.message}`);
    };

    /** Of the mailbox that survived a restart: it comes again when we know what went out, or to another one. */
    const handBack = (delivery: Delivery<unknown>): void => delivery.nak(0);

    const onTime = (): void => {
      aggregation.onTime(ctx.clock.now());
      for (const requestId of aggregation.takeGivenUp()) bury(requestId, 'an answer whose detection never came');
    };

    const schedule = (): void => {
      outflow.pump();
      const next = aggregation.nextDeadline;
      if (next === null) ctx.clearTimer('deadline');
      else ctx.setTimer('deadline', Math.max(0, next - ctx.clock.now()), { type: 'deadline' });
      const { published, revised } = aggregation.counters;
      ctx.report({ published, pending: aggregation.pending, revised, unpublished: unpublished(), held: held() });
    };

    const unpublished = (): number => aggregation.due + outflow.size;
    const held = (): number => detections.size + results.size;

    const begin = async (): Promise<void> => {
      term = (await leadership?.acquire(ctx.signal)) ?? null;
      if (ctx.signal.aborted) await term?.release();
      term?.lost.addEventListener('abort', () => ctx.fail(asError(term?.lost.reason)), { once: true });
      await lookBack({ bus, clock: ctx.clock, log: ctx.log, signal: ctx.signal, onAggregate: ({ body, seq }) => {
        aggregation.restore(body);
        remember(body, seq);
      } });
      await ctx.self.offer({ type: 'begin' }, { timeoutMs: OFFER_TIMEOUT_MS });
    };
    begin().catch((thrown: unknown) => {
      if (!ctx.signal.aborted) ctx.fail(asError(thrown));
    });
    ctx.setInterval('keep-alive', KEEP_ALIVE_MS, { type: 'keep-alive' });

    return {
      handlers: {
        // What went out before is known: the cache may have missed the newest, and now messages may come.
        begin: () => {
          begun = true;
          for (const { aggregate, offset } of newest.values()) cache(aggregate, offset);
          consumeInto(streams.detections, consumers.aggregatorDetections, Detection, detections, (delivery) => ({ type: 'detection', delivery }));
          consumeInto(streams.results, consumers.aggregatorResults, AssessmentResult, results, (delivery) => ({ type: 'result', delivery }));
        },
        detection: ({ delivery }) => {
          const detection = delivery.body;
          if (!begun) {
            handBack(delivery);
            return;
          }
          detections.take(detection.requestId, delivery);
          if (cached) ctx.ref(CACHE_WRITER).tell({ type: 'detection', detection, at: delivery.storedAt });
          aggregation.onDetection(detection, ctx.clock.now());
          settle(detection.requestId);
          schedule();
        },
        result: ({ delivery }) => {
          const { cameraId, requestId } = delivery.body;
          if (!begun) {
            handBack(delivery);
            return;
          }
          results.take(requestId, delivery);
          // Not of a frame: whoever handed the picture in gets it.
          if (cameraId !== ON_DEMAND_CAMERA) aggregation.onResult(delivery.body, ctx.clock.now());
          settle(requestId);
          schedule();
        },
        deadline: () => {
          onTime();
          schedule();
        },
        'keep-alive': () => {
          onTime();
          detections.beat();
          results.beat();
          schedule();
        },
        latest: ({ cameraId }) => newest.get(cameraId)?.aggregate ?? null,
        stats: () => ({ ...aggregation.counters, pending: aggregation.pending, unpublished: unpublished(), held: held(), refused }),
      },
      // What is complete still goes out; the rest is handed back for whoever comes next.
      stop: async (reason) => {
        const until = ctx.clock.now() + FLUSH_MS;
        const timer = ctx.clock.setTimeout(() => work.abort(), FLUSH_MS);
        if (reason !== 'restart') while (unpublished() > 0 && !outflow.away && !work.signal.aborted && ctx.clock.now() < until) await outflow.change();
        ctx.clock.clearTimeout(timer);
        work.abort();
        // Over a restart the mailbox keeps what waits for its turn.
        for (const holding of [detections, results]) holding.handBack(reason !== 'restart');
        await term?.release();
      },
    };
  },
});
