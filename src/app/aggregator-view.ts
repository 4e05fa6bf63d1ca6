import type { AggregatorFigures } from '../actors/aggregator-figures.ts';
import { type DeadLetterCount, DeadLetterCounts } from '../infra/nats/dead-letter-counts.ts';
import type { Metrics } from '../infra/metrics.ts';

/** What this process knows of its aggregator, which works in a thread of its own and tells once a second. Totals are since the start of the process. */
export class AggregatorView {
  readonly #metrics: Metrics;
  readonly #buried = new DeadLetterCounts();
  #leading = false;
  #cacheWaiting = 0;
  #failedWrites = 0;

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  get leading(): boolean {
    return this.#leading;
  }
  /** Detections and aggregates that wait for Redis. */
  get cacheWaiting(): number {
    return this.#cacheWaiting;
  }
  /** Its writes that Redis did not take. */
  get failedWrites(): number {
    return this.#failedWrites;
  }
  /** Messages that it gave up, by consumer. */
  get buried(): readonly DeadLetterCount[] {
    return this.#buried.list();
  }

  take({ seen, leading, cacheWaiting }: AggregatorFigures): void {
    for (const seconds of seen.endToEnd) this.#metrics.endToEnd(seconds);
    for (const seconds of seen.redisPush) this.#metrics.redisPush(seconds);
    for (const seconds of seen.lockWait) this.#metrics.lockWait(seconds);
    for (let lost = 0; lost < seen.locksLost; lost += 1) this.#metrics.lockFailed();
    this.#metrics.cacheDropped(seen.cacheDropped);
    this.#failedWrites += seen.failedWrites;
    this.#leading = leading;
    this.#cacheWaiting = cacheWaiting;
    for (const count of seen.buried) this.#buried.add(count);
  }
}
