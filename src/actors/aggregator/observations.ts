import type { NatsBus } from '../../infra/nats/nats-bus.ts';
import { type DeadLetterCount, DeadLetterCounts } from '../../infra/nats/dead-letter-counts.ts';
import type { RedisStore } from '../../infra/redis/store.ts';
import type { AggregatorFigures } from '../aggregator-figures.ts';

/** How it stands; `cacheDropped` is a total since the start. */
interface Standing extends Pick<AggregatorFigures, 'leading' | 'cacheWaiting'> {
  readonly cacheDropped: number;
}

/** Of one kind, between two reports; what is beyond is not observed. */
const MOST = 10_000;

/** Collects what happened until it is told. */
export class Observations {
  readonly #bus: Pick<NatsBus, 'deadLetters'>;
  readonly #redis: Pick<RedisStore, 'health'> | null;
  #endToEnd: number[] = [];
  #redisPush: number[] = [];
  #lockWait: number[] = [];
  #locksLost = 0;
  #failedWrites = 0;
  #dropped = 0;
  #told = '';
  readonly #buried = new DeadLetterCounts();

  constructor(bus: Pick<NatsBus, 'deadLetters'>, redis: Pick<RedisStore, 'health'> | null) {
    this.#bus = bus;
    this.#redis = redis;
  }

  endToEnd(seconds: number): void {
    if (this.#endToEnd.length < MOST) this.#endToEnd.push(seconds);
  }

  redisPush(seconds: number): void {
    if (this.#redisPush.length < MOST) this.#redisPush.push(seconds);
  }

  lockWait(seconds: number): void {
    this.#lockWait.push(seconds);
  }

  lockLost(): void {
    this.#locksLost += 1;
  }

  /** What happened since the last time; null when nothing did and all stands as it did. */
  take({ leading, cacheWaiting, cacheDropped }: Standing): AggregatorFigures | null {
    const failedWrites = this.#redis?.health().failedWrites ?? 0;
    const buried = this.#bus
      .deadLetters()
      .map((count): DeadLetterCount => ({ ...count, total: count.total - this.#buried.totalOf(count) }))
      .filter(({ total }) => total > 0);
    const seen = {
      endToEnd: this.#endToEnd,
      redisPush: this.#redisPush,
      lockWait: this.#lockWait,
      locksLost: this.#locksLost,
      failedWrites: failedWrites - this.#failedWrites,
      cacheDropped: cacheDropped - this.#dropped,
      buried,
    };
    const standing = `${leading} ${cacheWaiting}`;
    const isQuiet = Object.values(seen).every((what) => (typeof what === 'number' ? what === 0 : what.length === 0));
    if (isQuiet && standing === this.#told) return null;
    this.#told = standing;
    this.#endToEnd = [];
    this.#redisPush = [];
    this.#lockWait = [];
    this.#locksLost = 0;
    this.#failedWrites = failedWrites;
    this.#dropped = cacheDropped;
    for (const count of buried) this.#buried.add(count);
    return { seen, leading, cacheWaiting };
  }
}
