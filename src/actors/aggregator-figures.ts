import type { DeadLetterCount } from '../infra/nats/dead-letter-counts.ts';
import { defineActor } from '../runtime/actor.ts';
import { address } from '../runtime/ref.ts';

/** What an aggregator in its thread saw since it last told, and how it stands. Seconds are seconds. */
export interface AggregatorFigures {
  readonly seen: {
    /** From a frame's arrival to the push of its aggregate. */
    readonly endToEnd: readonly number[];
    /** From NATS having an aggregate to Redis having pushed it. */
    readonly redisPush: readonly number[];
    readonly lockWait: readonly number[];
    readonly locksLost: number;
    /** Writes that Redis did not take. */
    readonly failedWrites: number;
    /** Detections and aggregates for which no room was left while Redis was away. */
    readonly cacheDropped: number;
    /** Messages given up, by consumer. */
    readonly buried: readonly DeadLetterCount[];
  };
  readonly leading: boolean;
  /** Detections and aggregates that wait for Redis. */
  readonly cacheWaiting: number;
}

export type AggregatorFiguresMessage = { type: 'figures'; figures: AggregatorFigures };
export const AGGREGATOR_FIGURES = address<AggregatorFiguresMessage>('/aggregator-figures');

/** Hears from the aggregator's thread what the metrics, the health and the pages of this process show of it. */
export const aggregatorFiguresActor = defineActor<AggregatorFiguresMessage>()<{
  readonly onFigures: (figures: AggregatorFigures) => void;
}>({
  kind: 'aggregator-figures',
  // Once a second, and at each change of leadership.
  mailbox: { capacity: 100, overflow: 'drop-oldest' },
  start: (_ctx, { onFigures }) => ({ handlers: { figures: ({ figures }) => onFigures(figures) } }),
});
