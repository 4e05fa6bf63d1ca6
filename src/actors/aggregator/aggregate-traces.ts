import type { Aggregate } from '../../messages/aggregate.ts';
import type { IsSampled } from '../../messages/trace-context.ts';
import { aggregateSpan, type Pushed, pushSpan } from '../../tracing/frame-spans.ts';
import { sampledAt } from '../../tracing/sampling.ts';
import { TRACES } from '../traces.types.ts';
import type { AggregatorContext, AggregatorInit } from './aggregator.types.ts';

/** Tells the traces actor of aggregates and their pushes to Redis. Does nothing where no trace is sampled. */
export class AggregateTraces {
  readonly isSampled: IsSampled;
  readonly #ctx: Pick<AggregatorContext, 'clock' | 'ref'>;
  readonly #nodeId: string;

  constructor(
    ctx: Pick<AggregatorContext, 'clock' | 'ref'>,
    { traceShare = 0, holder }: Pick<AggregatorInit, 'traceShare' | 'holder'>,
  ) {
    this.isSampled = sampledAt(traceShare);
    this.#ctx = ctx;
    this.#nodeId = holder;
  }

  /** To be called when the bus has the aggregate. */
  stored(aggregate: Aggregate): void {
    if (!this.isSampled(aggregate.traceId)) return;
    const { ref, clock } = this.#ctx;
    ref(TRACES).tell({ type: 'spans', spans: [aggregateSpan(aggregate, clock.now())] });
  }

  /** To be called when Redis has the aggregate, `seconds` after the bus had it. */
  pushed(aggregate: Pushed, seconds: number): void {
    if (!this.isSampled(aggregate.traceId)) return;
    const { ref, clock } = this.#ctx;
    const now = clock.now();
    const span = pushSpan(aggregate, 'redis', this.#nodeId, [now - seconds * 1_000, now]);
    ref(TRACES).tell({ type: 'spans', spans: [span] });
  }
}
