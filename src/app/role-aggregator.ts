import { join } from 'node:path';
import type { AggregatorInit } from '../actors/aggregator/aggregator.types.ts';
import type { TreeInits } from '../actors/tree.ts';
import type { Encoder } from '../imaging/jpeg-encoder.ts';
import type { AlertImageStore, Bus, ClipStore, ImageStore, Requests } from '../infra/bus.ts';
import type { Egress } from '../infra/egress.ts';
import type { OnDemandStore } from '../infra/nats/on-demand-store.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import type { GantryConfig } from './config.ts';
import type { UsedMonitoring } from './use-monitoring.ts';
import { webhooksInit } from './webhooks-init.ts';

export interface AggregatorRole {
  readonly config: GantryConfig;
  readonly natsUrl: string;
  readonly redisUrl: string | null;
  readonly bus: Bus;
  readonly redis: RedisStore | null;
  readonly images: ImageStore;
  /** Pictures of alerts, kept as long as the alerts. */
  readonly kept: AlertImageStore;
  readonly requests: Requests;
  readonly clips: ClipStore;
  readonly encoder: Encoder;
  readonly egress: Egress;
  readonly onDemand: OnDemandStore;
  readonly monitoring: Pick<UsedMonitoring, 'settings'>;
  /** This process among the aggregators. */
  readonly nodeId: string;
  /** The key file's settings as they stand. */
  readonly freshness: () => NonNullable<AggregatorInit['freshness']>;
}

/** The role `aggregator`: one aggregate per frame, its alerts and their webhooks. */
export const aggregatorInits = ({
  config,
  natsUrl,
  redisUrl,
  bus,
  redis,
  images,
  kept,
  requests,
  clips,
  encoder,
  egress,
  onDemand,
  monitoring,
  nodeId,
  freshness,
}: AggregatorRole): NonNullable<TreeInits['aggregator']> => ({
  webhooks: () => webhooksInit(config, bus, egress, onDemand, () => monitoring.settings.now.hookUrls),
  alertImages: () => ({ bus, images, kept, encoder }),
  alertClips: () => ({ bus, requests, clips }),
  alertIndex: () => ({ bus }),
  alertWriter: redis === null ? null : () => ({ bus, redis }),
  aggregator: () => ({
    natsUrl,
    redisUrl,
    inHandFile: join(config.dataDir, 'in-hand-aggregator'),
    holder: nodeId,
    language: config.language,
    freshness: freshness(),
    alertHooks: config.alertHooks,
    traceShare: config.traces?.share ?? 0,
  }),
});
