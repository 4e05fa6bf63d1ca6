import type { TracesInit } from '../actors/traces.ts';
import { gantryTree } from '../actors/tree.ts';
import type { FreshnessSettings } from '../actors/scheduler/scheduler.types.ts';
import type { Encoder } from '../imaging/jpeg-encoder.ts';
import type { ClipStore, ImageStore } from '../infra/bus.ts';
import type { Egress } from '../infra/egress.ts';
import type { Log } from '../infra/log.ts';
import type { Metrics } from '../infra/metrics.ts';
import { JetStreamAlertImages } from '../infra/nats/image-store.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import { NatsRequests } from '../infra/nats/requests.ts';
import type { OnDemandStore } from '../infra/nats/on-demand-store.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import type { CameraStatus } from '../messages/camera.ts';
import type { ReleaseOutcomes, ReleasesInForce } from '../releases/releases.types.ts';
import { type ActorSystem, startSystem } from '../runtime/system.ts';
import type { DataNotices } from '../storage/set-aside.ts';
import type { CameraWays } from './camera-ways.ts';
import type { GantryConfig } from './config.ts';
import type { UsedService } from './embedded.ts';
import { FrameTraces } from './frame-traces.ts';
import { aggregatorInits } from './role-aggregator.ts';
import { type CameraHooks, camerasInits, type CameraResources } from './role-cameras.ts';
import { type KeysAndUsage, schedulerInits } from './role-scheduler.ts';
import { VERSION } from './version.ts';
import type { Signal } from './signals.ts';
import type { UsedMonitoring } from './use-monitoring.ts';

/** Dependencies of the actors; null where this process lacks the role that needs them. */
export interface ActorParts {
  readonly config: GantryConfig;
  readonly hooks: CameraHooks;
  readonly nats: UsedService;
  readonly redisServer: UsedService | null;
  readonly bus: NatsBus;
  readonly redis: RedisStore | null;
  readonly images: ImageStore;
  readonly clips: ClipStore;
  readonly encoder: Encoder | null;
  readonly onDemand: OnDemandStore;
  readonly egress: Egress;
  /** This process among the nodes. */
  readonly nodeId: string;
  readonly statuses: Signal<CameraStatus>;
  readonly monitoring: UsedMonitoring;
  readonly metrics: Metrics;
  readonly cameraResources: CameraResources | null;
  readonly keysAndUsage: KeysAndUsage | null;
  /** For how long answers are worth something, as the key file has it now. */
  readonly freshness: () => FreshnessSettings;
  /** Called when the root supervisor gave up; all actors are stopped. */
  readonly onLost: (error: Error) => void;
  readonly log: Log;
  readonly dataNotices: DataNotices;
  readonly releases: ReleasesInForce;
  readonly releaseOutcomes: ReleaseOutcomes;
  /** Null without the role `cameras`. */
  readonly cameraWays: CameraWays | null;
}

const tracesInit = ({ traces }: GantryConfig, nodeId: string): (() => TracesInit) | null =>
  traces === null ? null : () => ({ batch: traces.batch, version: VERSION, nodeId });

/** Starts the actors of this process's roles. Cameras start in the background, after everything else. */
export async function startActors(parts: ActorParts): Promise<ActorSystem> {
  const { config, hooks, bus, images, encoder, metrics, cameraResources, cameraWays, keysAndUsage, log } = parts;
  const running = Promise.withResolvers<void>();
  const requests = new NatsRequests(bus, log);
  const traces = new FrameTraces(config.traces, parts.nodeId, () => system);
  const tree = gantryTree({
    monitor: parts.monitoring.init,
    traces: tracesInit(config, parts.nodeId),
    cameras:
      cameraResources === null || encoder === null || cameraWays === null
        ? null
        : camerasInits({
            ...parts,
            ...hooks,
            traces,
            cameraResources,
            cameraWays,
            encoder,
            requests,
            system: () => system,
            running: running.promise,
            onStatus: (status) => parts.statuses.emit(status),
          }),
    scheduler: keysAndUsage === null ? null : schedulerInits(keysAndUsage, config, bus, images, { ...parts, traces }),
    aggregator:
      !config.roles.includes('aggregator') || encoder === null
        ? null
        : aggregatorInits({
            ...parts,
            natsUrl: parts.nats.url,
            redisUrl: parts.redisServer?.url ?? null,
            kept: new JetStreamAlertImages(bus),
            requests,
            encoder,
          }),
    web: config.roles.includes('web')
      ? { onDemand: () => ({ bus, images, store: parts.onDemand, validityMs: config.onDemandValidityMs }) }
      : null,
  });
  const system: ActorSystem = await startSystem(tree, { log, metrics: metrics.sink, onEscalation: parts.onLost });
  running.resolve();
  return system;
}
