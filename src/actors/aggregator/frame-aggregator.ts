import { Aggregation } from '../../aggregation/aggregation.ts';
import type { AssessByRules } from '../../aggregation/group-slot.ts';
import { VerdictAges } from '../../aggregation/verdict-ages.ts';
import type { Bus } from '../../infra/bus.ts';
import type { Term } from '../../infra/leadership.ts';
import { Stage } from '../../infra/stage.ts';
import { DONE, type Message, type Outcome, RETRY_NOW } from '../../infra/stage-processor.ts';
import type { Aggregate } from '../../messages/aggregate.ts';
import { AssessmentResult } from '../../messages/assessment.ts';
import { clipped } from '../../messages/bounds.ts';
import { Detection } from '../../messages/detection.ts';
import { type CameraId, ON_DEMAND_CAMERA, type RequestId } from '../../messages/ids.ts';
import type { MeasuredIncident } from '../../messages/incident.ts';
import { consumers, streams } from '../../messages/subjects.ts';
import type { StopReason } from '../../runtime/actor.ts';
import type { FreshnessSettings } from '../../tasks/freshness.ts';
import { asError } from '../../runtime/errors.ts';
import { AggregatePublisher, type StoredJson } from './aggregate-publisher.ts';
import type { AggregatorContext, AggregatorStats, RunningAggregator } from './aggregator.types.ts';
import type { Cache } from './cache.ts';
import { lookBack } from './look-back.ts';
import { NewestAggregates } from './newest-aggregates.ts';
import { UnsettledFrames } from './unsettled-frames.ts';

export interface FrameAggregatorOptions {
  readonly bus: Bus;
  /** Null when the operator switched Redis off. */
  readonly cache: Cache | null;
  readonly freshness: FreshnessSettings;
  readonly assessByRules: AssessByRules;
  /** A measured incident in a sentence. */
  readonly describeIncident: (incident: MeasuredIncident) => string;
  /**
   * Called the first time a frame is an alert, and again after a crash, until it resolves; before anything is acked.
   */
  readonly onAlert: (alert: Aggregate) => Promise<void>;
  /**
   * Called for each aggregate that was stored. `newVerdicts`: the model's answers about this frame that no earlier
   * revision has; `ageSeconds`: from the frame's arrival; `late`: after its freshness limit.
   */
  readonly onPublished: (aggregate: Aggregate, ageSeconds: number, newVerdicts: number, late: boolean) => void;
  /**
   * All messages of a frame must reach one aggregator, so only one works at a time and the others stand by. Absent when
   * there are no others.
   */
  readonly leadership?: { acquire(signal: AbortSignal): Promise<Term> };
}

const BOUNDS = {
  rememberFrames: 5_000,
  rememberClosed: 50_000,
  rememberGroups: 20_000,
  rememberIncidents: 10_000,
  rememberAlerts: 1_000,
  earlyFrames: 2_000,
  earlyMs: 60_000,
};
/** Of each stream. */
const IN_FLIGHT = 4_000;
const FLUSH_MS = 2_000;

/**
 * Publishes one aggregate per frame, to the stream that viewers follow, and alerts to their history too. A detection
 * and its answers are acked only when the streams have all that is known of the frame. After a crash the published
 * aggregates are read back, and the messages that were not acked are delivered again.
 */
export class FrameAggregator implements RunningAggregator {
  readonly #ctx: AggregatorContext;
  readonly #options: FrameAggregatorOptions;
  readonly #aggregation: Aggregation;
  readonly #publisher: AggregatePublisher;
  readonly #unsettled = new UnsettledFrames();
  readonly #newest = new NewestAggregates();
  readonly #ages = new VerdictAges();
  #stages: readonly Pick<Stage<Detection>, 'unacked' | 'stop'>[] = [];
  #term: Term | null = null;
  #refused = 0;
  #wakesAt: number | null = null;
  /** Set when joining a message threw half-way: the state in memory can no longer be trusted. */
  #broken = false;

  constructor(ctx: AggregatorContext, options: FrameAggregatorOptions) {
    const { bus, freshness, assessByRules, describeIncident, onAlert } = options;
    this.#ctx = ctx;
    this.#options = options;
    this.#aggregation = new Aggregation({ freshness, assessByRules, describeIncident, ...BOUNDS });
    this.#publisher = new AggregatePublisher({
      bus,
      aggregation: this.#aggregation,
      clock: ctx.clock,
      log: ctx.log,
      onAlert,
      onStored: (stored) => this.#onStored(stored),
      onDone: ({ requestId }) => {
        this.#ackIfSettled(requestId);
        this.#schedule();
      },
      onRefused: (aggregate, error) => this.#giveUp(aggregate, error),
    });
  }

  async start(): Promise<void> {
    const { clock, log, signal, fail } = this.#ctx;
    const { bus, leadership } = this.#options;
    const term = (await leadership?.acquire(signal)) ?? null;
    this.#term = term;
    if (signal.aborted) await term?.release();
    term?.lost.addEventListener('abort', () => fail(asError(term.lost.reason)), { once: true });
    await lookBack({
      bus,
      clock,
      log,
      signal,
      onAggregate: ({ body, seq }) => {
        this.#aggregation.restore(body);
        this.#newest.add(body, seq);
      },
    });
    if (signal.aborted) return;
    // The cache may have missed the newest ones.
    for (const { aggregate, offset } of this.#newest.all())
      this.#cacheAggregate(aggregate, JSON.stringify(aggregate), offset);
    this.#takeMessages();
  }

  onTime(): void {
    this.#wakesAt = null;
    this.#aggregation.onTime(this.#ctx.clock.now());
    for (const requestId of this.#aggregation.takeGivenUp())
      this.#unsettled.settle(requestId, { kind: 'dead-letter', reason: 'an answer whose detection never came' });
    this.#schedule();
  }

  configure(freshness: FreshnessSettings): void {
    this.#aggregation.configure(freshness);
  }

  latest(cameraId: CameraId): Aggregate | null {
    return this.#newest.of(cameraId);
  }

  stats(): AggregatorStats {
    return {
      ...this.#aggregation.counters,
      pending: this.#aggregation.pending,
      unpublished: this.#publisher.unpublished,
      held: this.#stages.reduce((sum, { unacked }) => sum + unacked, 0),
      refused: this.#refused,
      verdicts: this.#aggregation.verdicts.size,
      verdictsDropped: this.#aggregation.verdicts.dropped,
      incidents: this.#aggregation.incidents.size,
      incidentsDropped: this.#aggregation.incidents.dropped,
      alertsForgotten: this.#aggregation.forgottenAlerts,
      freshness: this.#ages.figures(this.#ctx.clock.now()),
    };
  }

  /** Complete frames still go out; the messages of all others are handed back. */
  async stop(reason: StopReason): Promise<void> {
    await this.#publisher.stop(reason === 'restart' || this.#broken ? 0 : FLUSH_MS);
    await Promise.all(this.#stages.map((stage) => stage.stop(0)));
    await this.#term?.release();
  }

  #takeMessages(): void {
    const { bus } = this.#options;
    const shared = { ctx: this.#ctx, bus, inFlight: IN_FLIGHT };
    this.#stages = [
      new Stage({
        ...shared,
        stream: streams.detections,
        durable: consumers.aggregatorDetections,
        parser: Detection,
        handle: (message) => this.#join(message, () => this.#joinDetection(message)),
      }),
      new Stage({
        ...shared,
        stream: streams.results,
        durable: consumers.aggregatorResults,
        parser: AssessmentResult,
        handle: (message) => this.#join(message, () => this.#joinResult(message)),
      }),
    ];
  }

  /** Resolves with the outcome of the message's frame. */
  #join(message: Message<{ readonly requestId: RequestId }>, join: () => void): Outcome | Promise<Outcome> {
    // It is delivered again once the restarted aggregator has read the published aggregates back.
    if (this.#broken) return RETRY_NOW;
    try {
      const { requestId } = message.body;
      const outcome = this.#unsettled.outcome(requestId);
      join();
      this.#ackIfSettled(requestId);
      this.#schedule();
      return outcome;
    } catch (thrown) {
      return this.#fail(message, asError(thrown));
    }
  }

  #joinDetection({ body, storedAt }: Message<Detection>): void {
    this.#options.cache?.put({ type: 'detection', detection: body, at: storedAt });
    this.#aggregation.onDetection(body, this.#ctx.clock.now());
  }

  #joinResult({ body }: Message<AssessmentResult>): void {
    // The result of a submitted picture has no frame; the on-demand actor takes it.
    if (body.cameraId !== ON_DEMAND_CAMERA) this.#aggregation.onResult(body, this.#ctx.clock.now());
  }

  /** Restarts the aggregator. The message that broke it gets one more try, so it causes at most two restarts. */
  #fail({ attempt }: Message<unknown>, error: Error): Outcome {
    this.#broken = true;
    this.#ctx.fail(error);
    if (attempt === 1) return RETRY_NOW;
    return { kind: 'dead-letter', reason: `its handling failed ${attempt} times: ${clipped(error.message)}` };
  }

  #onStored({ aggregate, json, seq, newVerdicts, late }: StoredJson): void {
    this.#newest.add(aggregate, seq);
    this.#cacheAggregate(aggregate, json, seq);
    const publishedAt = Date.parse(aggregate.publishedAt);
    const ageSeconds = (publishedAt - Date.parse(aggregate.timestamp)) / 1_000;
    // A frame of the past that is replayed says nothing about the present.
    if (aggregate.replayOf === undefined)
      for (let i = 0; i < newVerdicts; i += 1) this.#ages.add(ageSeconds, publishedAt);
    this.#options.onPublished(aggregate, ageSeconds, newVerdicts, late);
  }

  #ackIfSettled(requestId: RequestId): void {
    if (this.#aggregation.isSettled(requestId)) this.#unsettled.settle(requestId, DONE);
  }

  #giveUp({ cameraId, requestId }: Aggregate, error: Error): void {
    this.#refused += 1;
    this.#ctx.log.error(
      { cameraId, requestId, err: error.message },
      `the aggregate of a frame of camera ${cameraId} is given up: ${error.message}; ` +
        'its messages are among the dead letters',
    );
    this.#unsettled.settle(requestId, { kind: 'dead-letter', reason: `its aggregate is refused: ${error.message}` });
    this.#schedule();
  }

  #cacheAggregate({ cameraId, traceId, revision, publishedAt }: Aggregate, json: string, offset: number): void {
    this.#options.cache?.put({
      type: 'aggregate',
      cameraId,
      traceId,
      revision,
      json,
      offset,
      at: Date.parse(publishedAt),
      stored: performance.now(),
    });
  }

  #schedule(): void {
    if (this.#broken) return;
    this.#publisher.pump();
    const next = this.#aggregation.nextDeadline;
    if (next === this.#wakesAt) return;
    this.#wakesAt = next;
    this.#ctx.wakeAt(next);
  }
}
