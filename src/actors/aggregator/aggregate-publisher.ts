import type { Aggregation } from '../../aggregation/aggregation.ts';
import type { Publication, StoredAggregate } from '../../aggregation/aggregation.types.ts';
import type { Bus, Trace } from '../../infra/bus.ts';
import { Sender } from '../../infra/stage-sender.ts';
import { Aggregate } from '../../messages/aggregate.ts';
import { streams, subjects } from '../../messages/subjects.ts';
import { spanIdOf } from '../../messages/trace-context.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';

export interface AggregatePublisherOptions {
  readonly bus: Pick<Bus, 'publish' | 'read'>;
  readonly aggregation: Aggregation;
  readonly clock: Clock;
  readonly log: ActorLog;
  /** Called the first time a frame is an alert; repeated until it resolves. */
  readonly onAlert: (alert: Aggregate) => Promise<void>;
  /** Called when AGGREGATES has an aggregate. */
  readonly onStored: (stored: StoredJson) => void;
  /** Called when an aggregate is in AGGREGATES, an alert in ALERTS too. */
  readonly onDone: (aggregate: Aggregate) => void;
  /** Called when the bus refused an aggregate for good. */
  readonly onRefused: (aggregate: Aggregate, error: Error) => void;
}

/** An aggregate as AGGREGATES has it. */
export interface StoredJson {
  readonly aggregate: Aggregate;
  readonly json: string;
  /** Its sequence there. */
  readonly seq: number;
  /** See {@link Publication}. */
  readonly newVerdicts: number;
  readonly late: boolean;
}

/** Aggregates under way at once, of different frames. */
const WINDOW = 256;

/** An aggregate on its way. Each step is made once, however often the next one fails. */
interface Job {
  readonly publication: Publication;
  /** Null until AGGREGATES has it. */
  stored: Stored | null;
}

interface Stored {
  /** Null when the frame goes out again under a higher revision. */
  readonly outcome: StoredAggregate | null;
  readonly json: string;
}

/**
 * Publishes the aggregates that are ready: to the stream AGGREGATES, then an alert to ALERTS. Many at once, in order;
 * they wait while NATS is down. The same JSON goes to both streams and to Redis.
 */
export class AggregatePublisher {
  readonly #options: AggregatePublisherOptions;
  readonly #sender: Sender<Job>;

  constructor(options: AggregatePublisherOptions) {
    this.#options = options;
    const { aggregation, clock, log, onRefused } = options;
    this.#sender = new Sender<Job>({
      clock,
      window: WINDOW,
      waiting: () => aggregation.due,
      next: () => {
        const publication = aggregation.take(clock.now());
        return publication === null ? null : { publication, stored: null };
      },
      send: (job) => this.#send(job),
      onRefused: ({ publication: { aggregate } }, error) => {
        aggregation.refused(aggregate.requestId);
        onRefused(aggregate, error);
      },
      onDown: (error) => log.warn({ err: error.message }, `aggregates wait for NATS: ${error.message}`),
      onUp: () => log.info({}, 'aggregates go out again'),
    });
  }

  /** Aggregates that are ready and not published yet. */
  get unpublished(): number {
    return this.#sender.size;
  }

  /** To be called whenever the aggregation may have something ready. */
  pump(): void {
    this.#sender.pump();
  }

  /** Publishes for at most `flushMs`, while NATS is up, then nothing more. */
  stop(flushMs: number): Promise<void> {
    return this.#sender.stop(flushMs);
  }

  async #send(job: Job): Promise<void> {
    const { aggregation, onDone } = this.#options;
    job.stored ??= await this.#toAggregates(job);
    const { outcome, json } = job.stored;
    if (outcome !== null) await this.#toAlerts(outcome, json);
    if (this.#sender.ended) return;
    const { aggregate } = job.publication;
    if (outcome !== null) aggregation.done(aggregate.requestId, outcome.alert);
    onDone(aggregate);
  }

  async #toAggregates({ publication }: Job): Promise<Stored> {
    const { bus, aggregation, onStored } = this.#options;
    const { aggregate, json, alertOnly, newVerdicts, late } = publication;
    if (alertOnly) return { outcome: aggregation.stored(publication, null), json };
    const subject = subjects.aggregate(aggregate.cameraId);
    const { seq, duplicate } = await bus.publish(subject, json, traceOf(aggregate), idOf(aggregate));
    const found = duplicate ? await this.#storedAt(seq, aggregate) : null;
    const outcome = aggregation.stored(publication, found);
    const stored = { outcome, json: found === null ? json : JSON.stringify(found) };
    if (outcome !== null && !this.#sender.ended)
      onStored({ aggregate: outcome.aggregate, json: stored.json, seq, newVerdicts, late });
    return stored;
  }

  /** The aggregate stored under the id of `ours`: by an attempt whose reply was lost, or by an earlier incarnation. */
  async #storedAt(seq: number, ours: Aggregate): Promise<Aggregate | 'gone'> {
    const { bus } = this.#options;
    const [found] = await bus.read({ stream: streams.aggregates, parser: Aggregate, from: { seq }, limit: 1 });
    return found !== undefined && found.seq === seq && idOf(found.body) === idOf(ours) ? found.body : 'gone';
  }

  async #toAlerts({ aggregate, alert }: StoredAggregate, json: string): Promise<void> {
    if (alert === 'none') return;
    const { bus, onAlert } = this.#options;
    await bus.publish(subjects.alert(aggregate.cameraId), json, traceOf(aggregate), idOf(aggregate));
    if (alert === 'first') await onAlert(aggregate);
  }
}

const traceOf = ({ cameraId, requestId, traceId, revision }: Aggregate): Trace => ({
  cameraId,
  requestId,
  traceId,
  spanId: spanIdOf(traceId, 'aggregate', String(revision)),
});
const idOf = ({ requestId, revision }: Aggregate): string => `${requestId}:${revision}`;
