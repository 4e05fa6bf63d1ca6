import type { FeedHistory, StoredAggregate } from '../http/feed/missed-alerts.ts';
import type { Bus, StoredMessage } from '../infra/bus.ts';
import { Aggregate } from '../messages/aggregate.ts';
import { streams } from '../messages/subjects.ts';

/** Aggregates and alerts that viewers missed, from the streams. */
export const feedHistory = (bus: Pick<Bus, 'read'>): FeedHistory => ({
  after: async (seq, limit) =>
    (await bus.read({ stream: streams.aggregates, parser: Aggregate, from: { seq: seq + 1 }, limit })).map(stored),
  alerts: async (from, limit) =>
    (await bus.read({ stream: streams.alerts, parser: Aggregate, from, limit })).map(stored),
});

const stored = ({ body, seq, storedAt }: StoredMessage<Aggregate>): StoredAggregate => ({
  aggregate: body,
  seq,
  storedAt,
});
