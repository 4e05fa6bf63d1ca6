import type { Aggregation, Outcome, Publication } from '../../aggregation/aggregation.ts';
import type { Bus, Trace } from '../../infra/bus.ts';
import { isRefusedForGood, Pipeline } from '../../infra/pipeline.ts';
import { Aggregate } from '../../messages/aggregate.ts';
import { streams, subjects } from '../../messages/subjects.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';

export interface OutflowOptions {
  readonly bus: Bus;
  readonly aggregation: Aggregation;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly signal: AbortSignal;
  /** The first time a frame is an alert; repeated until it resolves. */
  readonly onAlert: (alert: Aggregate) => Promise<void>;
  /** The stream has it, under this sequence. */
  readonly onStored: (aggregate: Aggregate, seq: number) => void;
  /** One is done, in the alerts too; null, or why it is given up. */
  readonly onDone: (aggregate: Aggregate, refused: Error | null) => void;
}

const WINDOW = 256;
const RETRY_MS = 250;

/** An aggregate on its way. */
interface Going {
  readonly publication: Publication;
  refusals: number;
  /** Once the stream has it; null also when it goes out again under a higher revision. */
  outcome: Outcome | null;
  stored: boolean;
}

/** Publishes what is due: first to the stream of aggregates, then, an alert, to the alerts. Many at once, in order, for as long as NATS is away. */
export function outflowOf({
  bus,
  aggregation,
  clock,
  log,
  signal,
  onAlert,
  onStored,
  onDone,
}: OutflowOptions): Pipeline<Going> {
  const send = async (going: Going): Promise<void> => {
    const { aggregate } = going.publication;
    try {
      // What fails comes here again: each step is made once.
      if (!going.stored) going.outcome = await toAggregates(going.publication);
      going.stored = true;
      if (going.outcome !== null) await toAlerts(going.outcome);
    } catch (thrown) {
      if (!isRefusedForGood(thrown, going)) throw thrown;
      if (signal.aborted) return;
      aggregation.done(aggregate.requestId);
      onDone(aggregate, thrown);
      return;
    }
    if (signal.aborted) return;
    if (going.outcome !== null) aggregation.done(aggregate.requestId, going.outcome.alert);
    onDone(aggregate, null);
  };

  const toAggregates = async (publication: Publication): Promise<Outcome | null> => {
    const { aggregate, alertOnly } = publication;
    if (alertOnly) return aggregation.stored(publication, null);
    const { seq, duplicate } = await bus.publish(
      subjects.aggregate(aggregate.cameraId),
      aggregate,
      traceOf(aggregate),
      idOf(aggregate),
    );
    const outcome = aggregation.stored(publication, duplicate ? await standing(aggregate, seq) : null);
    if (outcome !== null && !signal.aborted) onStored(outcome.aggregate, seq);
    return outcome;
  };

  /** What stands in the stream under the id of `ours`: of an attempt whose answer was lost, or of an earlier life. */
  const standing = async (ours: Aggregate, seq: number): Promise<Aggregate | 'gone'> => {
    const [found] = await bus.read({ stream: streams.aggregates, parser: Aggregate, from: { seq }, limit: 1 });
    return found !== undefined && found.seq === seq && idOf(found.body) === idOf(ours) ? found.body : 'gone';
  };

  const toAlerts = async ({ aggregate, alert }: Outcome): Promise<void> => {
    if (alert === 'none') return;
    await bus.publish(subjects.alert(aggregate.cameraId), aggregate, traceOf(aggregate), idOf(aggregate));
    if (alert === 'first') await onAlert(aggregate);
  };

  return new Pipeline<Going>({
    window: WINDOW,
    retryMs: RETRY_MS,
    clock,
    signal,
    next: () => {
      const publication = aggregation.take(clock.now());
      return publication === null ? null : { publication, refusals: 0, outcome: null, stored: false };
    },
    send,
    onAway: (error) => log.warn({ err: error.message }, `aggregates wait: NATS does not take them: ${error.message}`),
    onBack: () => log.info({}, 'aggregates go out again'),
  });
}

const traceOf = ({ cameraId, requestId, traceId }: Aggregate): Trace => ({ cameraId, requestId, traceId });
const idOf = ({ requestId, revision }: Aggregate): string => `${requestId}:${revision}`;
