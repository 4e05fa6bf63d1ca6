import { Aggregation } from '../../aggregation/aggregation.ts';
import type { Bus, Delivery, Parser } from '../../infra/bus.ts';
import { consume } from '../../infra/consume.ts';
import type { Aggregate } from '../../messages/aggregate.ts';
import { AssessmentResult } from '../../messages/assessment.ts';
import { clipped } from '../../messages/bounds.ts';
import { Detection } from '../../messages/detection.ts';
import { type CameraId, ON_DEMAND_CAMERA, type RequestId } from '../../messages/ids.ts';
import { consumers, streams } from '../../messages/subjects.ts';
import type { StopReason } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { AggregatorContext, AggregatorStats, AggregatorWork } from '../aggregator.ts';
import type { Cache } from './cache.ts';
import { Holding } from './holding.ts';
import { lookBack } from './look-back.ts';
import { outflowOf } from './outflow.ts';

export interface AggregatorParts {
  readonly bus: Bus;
  /** Null when the operator switched Redis off. */
  readonly cache: Cache | null;
  /** See `AggregationOptions.deadlineMs`. */
  readonly deadlineMs: number;
  /** The first time a frame is an alert, and again after a crash: called until it resolves, before anything is acked. */
  readonly onAlert: (alert: Aggregate) => Promise<void>;
  readonly onPublished: (aggregate: Aggregate) => void;
  /** A frame's detection and answers must come to one aggregator: the others wait until it is their turn. Absent when there are no others. */
  readonly leadership?: {
    acquire(signal: AbortSignal): Promise<{ readonly lost: AbortSignal; release(): Promise<void> }>;
  };
}

const MAX_CAMERAS_REMEMBERED = 10_000;
const MAX_HELD = 4_000;
const FLUSH_MS = 2_000;

/**
 * One aggregate per frame, to the stream that viewers follow, and for alerts to their history. Detection and answers are
 * acked only when both have all that is known of the frame. After a crash what went out is read back from the stream, and
 * what was not acked is delivered again.
 */
export function aggregatorWork(
  ctx: AggregatorContext,
  { bus, cache, deadlineMs, onAlert, onPublished, leadership }: AggregatorParts,
): AggregatorWork {
  const aggregation = new Aggregation({
    deadlineMs,
    rememberFrames: 5_000,
    rememberClosed: 50_000,
    earlyFrames: 2_000,
    earlyMs: 60_000,
  });
  const detections = new Holding(MAX_HELD);
  const results = new Holding(MAX_HELD);
  const newest = new Map<CameraId, { readonly aggregate: Aggregate; readonly offset: number }>();
  /** Lives on through the flush at the end. */
  const work = new AbortController();
  let term: { readonly lost: AbortSignal; release(): Promise<void> } | null = null;
  let refused = 0;
  let wakesAt: number | null = null;
  /** The work stands as it was in the middle of a message. */
  let failed = false;

  const outflow = outflowOf({
    bus,
    aggregation,
    clock: ctx.clock,
    log: ctx.log,
    signal: work.signal,
    onAlert,
    onStored: (aggregate, seq) => {
      remember(aggregate, seq);
      toCache(aggregate, seq);
      onPublished(aggregate);
    },
    onDone: (aggregate, error) => {
      if (error === null) settle(aggregate.requestId);
      else giveUp(aggregate, error);
      schedule();
    },
  });

  const remember = (aggregate: Aggregate, offset: number): void => {
    const { cameraId, timestamp } = aggregate;
    const shown = newest.get(cameraId);
    if (shown !== undefined && shown.aggregate.timestamp > timestamp) return;
    newest.delete(cameraId);
    newest.set(cameraId, { aggregate, offset });
    const [oldest] = newest.keys();
    if (newest.size > MAX_CAMERAS_REMEMBERED && oldest !== undefined) newest.delete(oldest);
  };

  const toCache = (aggregate: Aggregate, offset: number): void =>
    cache?.put({
      type: 'aggregate',
      aggregate: { ...aggregate, offset },
      at: Date.parse(aggregate.publishedAt),
      stored: performance.now(),
    });

  const settle = (requestId: RequestId): void => {
    if (!aggregation.isSettled(requestId)) return;
    for (const holding of [detections, results]) for (const delivery of holding.release(requestId)) delivery.ack();
  };

  const bury = (requestId: RequestId, reason: string): void => {
    for (const holding of [detections, results]) {
      for (const delivery of holding.release(requestId))
        delivery
          .deadLetter(reason)
          .catch((thrown: unknown) =>
            ctx.log.error(
              { requestId, err: asError(thrown).message },
              `a message of frame ${requestId} could not be put among the dead letters`,
            ),
          );
    }
  };

  const giveUp = ({ cameraId, requestId }: Aggregate, error: Error): void => {
    refused += 1;
    ctx.log.error(
      { cameraId, requestId, err: error.message },
      `the aggregate of a frame of camera ${cameraId} is given up: ${error.message}; its messages are among the dead letters`,
    );
    bury(requestId, `its aggregate is refused: ${error.message}`);
  };

  const schedule = (): void => {
    if (failed) return;
    outflow.pump();
    const next = aggregation.nextDeadline;
    if (next === wakesAt) return;
    wakesAt = next;
    ctx.wakeAt(next);
  };

  const onDetection = (delivery: Delivery<Detection>): void => {
    const detection = delivery.body;
    detections.take(detection.requestId, delivery);
    cache?.put({ type: 'detection', detection, at: delivery.storedAt });
    aggregation.onDetection(detection, ctx.clock.now());
    settle(detection.requestId);
    schedule();
  };

  const onResult = (delivery: Delivery<AssessmentResult>): void => {
    const { cameraId, requestId } = delivery.body;
    results.take(requestId, delivery);
    // Not of a frame: whoever handed the picture in gets it.
    if (cameraId !== ON_DEMAND_CAMERA) aggregation.onResult(delivery.body, ctx.clock.now());
    settle(requestId);
    schedule();
  };

  const consumeInto = <T extends Detection | AssessmentResult>(
    stream: string,
    durable: string,
    parser: Parser<T>,
    holding: Holding,
    take: (delivery: Delivery<T>) => void,
  ): void => {
    const handle = async (delivery: Delivery<T>): Promise<void> => {
      // It comes again when what went out is read back, or to another one.
      if (failed) return delivery.nak(0);
      try {
        take(delivery);
      } catch (thrown) {
        // In-memory state may be half-way: it starts anew. The message itself gets one more try, then it is put aside, so
        // that it makes two restarts at most.
        failed = true;
        const error = asError(thrown);
        if (delivery.attempt > 1)
          await delivery.deadLetter(`its handling failed ${delivery.attempt} times: ${clipped(error.message)}`);
        else delivery.nak(0);
        ctx.fail(error);
      }
    };
    consume({
      bus,
      stream,
      durable,
      parser,
      clock: ctx.clock,
      log: ctx.log,
      signal: ctx.signal,
      batch: 128,
      room: () => holding.room(),
      take: handle,
    }).catch((thrown: unknown) => ctx.fail(asError(thrown)));
  };

  const unpublished = (): number => aggregation.due + outflow.size;

  return {
    begin: async () => {
      term = (await leadership?.acquire(ctx.signal)) ?? null;
      if (ctx.signal.aborted) await term?.release();
      term?.lost.addEventListener('abort', () => ctx.fail(asError(term?.lost.reason)), { once: true });
      await lookBack({
        bus,
        clock: ctx.clock,
        log: ctx.log,
        signal: ctx.signal,
        onAggregate: ({ body, seq }) => {
          aggregation.restore(body);
          remember(body, seq);
        },
      });
      if (ctx.signal.aborted) return;
      // What went out before is known: the cache may have missed the newest, and now messages may come.
      for (const { aggregate, offset } of newest.values()) toCache(aggregate, offset);
      consumeInto(streams.detections, consumers.aggregatorDetections, Detection, detections, onDetection);
      consumeInto(streams.results, consumers.aggregatorResults, AssessmentResult, results, onResult);
    },
    onTime: () => {
      wakesAt = null;
      aggregation.onTime(ctx.clock.now());
      for (const requestId of aggregation.takeGivenUp()) bury(requestId, 'an answer whose detection never came');
      schedule();
    },
    beat: () => {
      detections.beat();
      results.beat();
    },
    latest: (cameraId) => newest.get(cameraId)?.aggregate ?? null,
    stats: (): AggregatorStats => ({
      ...aggregation.counters,
      pending: aggregation.pending,
      unpublished: unpublished(),
      held: detections.size + results.size,
      refused,
    }),
    // What is complete still goes out; the rest is handed back for whoever comes next.
    finish: async (reason: StopReason) => {
      const until = ctx.clock.now() + FLUSH_MS;
      const last = ctx.clock.setTimeout(() => work.abort(), FLUSH_MS);
      if (reason !== 'restart' && !failed)
        while (unpublished() > 0 && !outflow.away && !work.signal.aborted && ctx.clock.now() < until)
          await outflow.change();
      ctx.clock.clearTimeout(last);
      work.abort();
      for (const holding of [detections, results]) holding.handBack();
      await term?.release();
    },
  };
}
