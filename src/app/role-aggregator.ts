import type { TreeInits } from '../actors/tree.ts';
import { callAlertHooks } from '../actors/webhooks.ts';
import type { Encoder } from '../imaging/encoder.ts';
import type { AlertImageStore, Bus, ImageStore } from '../infra/bus.ts';
import type { Egress } from '../infra/egress.ts';
import type { Leadership } from '../infra/leadership.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { OnDemandStore } from '../infra/nats/on-demand-store.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import type { GantryConfig } from './config.ts';
import { webhooksInit } from './webhooks.ts';

export interface AggregatorRole {
  readonly config: GantryConfig;
  readonly bus: Bus;
  readonly redis: RedisStore | null;
  readonly images: ImageStore;
  /** Pictures of alerts, kept as long as the alerts. */
  readonly kept: AlertImageStore;
  readonly encoder: Encoder;
  readonly egress: Egress;
  readonly onDemand: OnDemandStore;
  readonly leadership: Leadership;
  readonly metrics: Metrics;
}

/** The role `aggregator`: one aggregate per frame, its alerts, and who is told of them. */
export const aggregatorInits = ({ config, bus, redis, images, kept, encoder, egress, onDemand, leadership, metrics }: AggregatorRole): NonNullable<TreeInits['aggregator']> => ({
  webhooks: () => webhooksInit(config, bus, egress, onDemand),
  alertImages: () => ({ bus, images, kept, encoder }),
  redisWriters: redis === null ? null : { cacheWriter: () => ({ redis, onPushed: (seconds) => metrics.redisPush(seconds) }), alertWriter: () => ({ bus, redis }) },
  aggregator: () => ({
    bus,
    cached: redis !== null,
    deadlineMs: config.aggregateDeadlineMs,
    leadership,
    onAlert: (alert) => callAlertHooks(bus, config.alertHooks, alert),
    onPublished: ({ publishedAt, timestamp, replayOf }) => {
      if (replayOf === undefined) metrics.endToEnd((Date.parse(publishedAt) - Date.parse(timestamp)) / 1000);
    },
  }),
});
