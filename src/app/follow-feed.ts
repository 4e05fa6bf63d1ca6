import type { LiveFeed } from '../http/live-feed.ts';
import type { Bus } from '../infra/bus.ts';
import type { Log } from '../infra/log.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import { Aggregate } from '../messages/aggregate.ts';
import { subjects } from '../messages/subjects.ts';
import { asError } from '../runtime/errors.ts';

/**
 * Feeds viewers from Redis's channels and from NATS at once: every aggregate comes by both ways and the feed takes the
 * first. So there is no gap when Redis goes or comes back, and nothing to switch. Returns what ends it.
 */
export function followFeed(bus: Bus, redis: RedisStore | null, feed: LiveFeed, log: Log): () => void {
  const take = (aggregate: Aggregate): void => void feed.publish(aggregate);
  redis?.follow(take).catch((thrown: unknown) => log.debug({ err: asError(thrown).message }, 'not subscribed to Redis before the stop'));
  return bus.subscribe(subjects.aggregates, Aggregate, take);
}
