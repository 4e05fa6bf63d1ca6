import type { HttpPorts } from '../http/ports.ts';
import type { ClipStore, ImageStore } from '../infra/bus.ts';
import type { Egress } from '../infra/egress.ts';
import type { Log } from '../infra/log.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import type { DeadLetterBox } from '../infra/nats/dead-letter-box.ts';
import type { RedisHealth } from '../infra/redis/redis-health.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import { asError } from '../runtime/errors.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { DataNotices } from '../storage/set-aside.ts';
import { aggregatorView } from './aggregator-view.ts';
import { assessmentPort } from './assessment-port.ts';
import { budgetPort, sourcesHere } from './budget-port.ts';
import { cameraPort } from './camera-port.ts';
import type { CameraWatch } from './camera-watch.ts';
import type { GantryConfig, Role } from './config.ts';
import { deadLetterNotices } from './dead-letter-port.ts';
import { healthReport } from './health.ts';
import { keyPort } from './key-port.ts';
import type { CameraResources } from './role-cameras.ts';
import {
  assessmentsElsewhere,
  budgetEverywhere,
  camerasElsewhere,
  keysElsewhere,
  latestFromStream,
  schedulerElsewhere,
  usageElsewhere,
} from './role-elsewhere.ts';
import type { KeysAndUsage } from './role-scheduler.ts';
import { schedulerPort } from './scheduler-port.ts';
import type { SchedulerWatch } from './scheduler-watch.ts';
import { VERSION } from './version.ts';

/** The parts behind the HTTP ports; null where another process has the role. */
export interface PortParts {
  readonly config: GantryConfig;
  readonly system: ActorSystem;
  readonly bus: NatsBus;
  readonly redis: RedisStore | null;
  readonly images: ImageStore;
  readonly clips: ClipStore;
  readonly egress: Egress;
  readonly metrics: Metrics;
  readonly cameraResources: CameraResources | null;
  readonly keysAndUsage: KeysAndUsage | null;
  readonly schedulerWatch: SchedulerWatch | null;
  readonly cameraWatch: Pick<CameraWatch, 'notice'> | null;
  readonly deadLetters: DeadLetterBox;
  /** Notices about access to this server. */
  readonly accessNotices: readonly string[];
  /** Not serving until the start is complete, and from the beginning of the stop on. */
  readonly readiness: { readonly serving: boolean };
  readonly log: Log;
  readonly dataNotices: DataNotices;
}

/** The ports of the HTTP room: this process's roles directly, other processes' roles over NATS. */
export function httpPorts(parts: PortParts): HttpPorts {
  const { config, system, bus, redis, images, clips, egress, metrics, keysAndUsage, schedulerWatch, log } = parts;
  const has = (role: Role): boolean => config.roles.includes(role);
  const began = performance.now();
  const local = latestFromStream(bus, redis, cameraPort(system, bus, redis, log));
  const scheduler = schedulerWatch === null ? schedulerElsewhere(bus) : schedulerPort(system, schedulerWatch);
  const cameras = has('cameras') ? local : camerasElsewhere(bus, local);
  return {
    cameras,
    images,
    clips,
    supervision: {
      tree: () => system.snapshot(),
      deadLetters: () => system.deadLetters(),
      subscribe: (listener) => system.subscribe(listener),
      restart: (path) => system.restart(path),
    },
    deadLetters: parts.deadLetters,
    scheduler,
    budget: budgetPort(budgetEverywhere(bus), sourcesHere(system, config.roles, schedulerWatch)),
    assessments: has('web') ? assessmentPort(system, egress, config.hookSecret !== null) : assessmentsElsewhere,
    keys: keysAndUsage === null ? keysElsewhere : keyPort(system, keysAndUsage.keys),
    usage: keysAndUsage === null ? usageElsewhere : keysAndUsage.usage.port,
    ready: () => parts.readiness.serving && bus.state() === 'connected',
    health: async () => {
      const watched = await watchedCameras(config.roles, cameras);
      const assessment = keysAndUsage === null ? null : await scheduler.health();
      return healthReport({
        version: VERSION,
        roles: config.roles,
        uptimeSeconds: (performance.now() - began) / 1_000,
        nats: bus.state(),
        natsNotice: bus.notice(),
        natsRefuses: bus.link.trouble !== null,
        redis: redisHealth(parts),
        model: parts.cameraResources?.model.name ?? null,
        ...watched,
        slowCameras: parts.cameraWatch?.notice() ?? null,
        assessment: assessment?.status === 'degraded' ? assessment.message : null,
        notices: [
          ...watched.notices,
          ...(typeof assessment?.shortage === 'string' ? [assessment.shortage] : []),
          ...standing(parts),
          ...(await deadLetterNotices(parts.deadLetters, Date.now(), log)),
        ],
      });
    },
    metrics: async () => ({ contentType: metrics.contentType, text: await metrics.render() }),
  };
}

/** The cameras of this process, or of all processes when this one only shows them. */
async function watchedCameras(
  roles: readonly Role[],
  cameras: HttpPorts['cameras'],
): Promise<{
  readonly cameras: Awaited<ReturnType<HttpPorts['cameras']['list']>>;
  readonly notices: readonly string[];
}> {
  if (roles.includes('cameras')) return { cameras: await cameras.list(), notices: [] };
  if (!roles.includes('web')) return { cameras: [], notices: [] };
  try {
    return { cameras: await cameras.list(), notices: [] };
  } catch (thrown) {
    return { cameras: [], notices: [asError(thrown).message] };
  }
}

function redisHealth({ redis, system }: PortParts): RedisHealth {
  if (redis === null) return { state: 'off', durable: false, notice: null, failedWrites: 0 };
  const health = redis.health();
  return { ...health, failedWrites: health.failedWrites + aggregatorView(system.snapshot()).failedWrites };
}

/** Notices shown until an operator acts on them. */
function standing({
  cameraResources,
  config,
  system,
  keysAndUsage,
  accessNotices,
  dataNotices,
}: PortParts): readonly string[] {
  const demo = cameraResources?.demo.notice ?? null;
  return [
    ...accessNotices,
    ...dataNotices.list(),
    ...(demo === null ? [] : [demo]),
    ...(keysAndUsage === null ? [] : [...keysAndUsage.keys.notices(), ...keysAndUsage.usage.notices()]),
    ...(!config.roles.includes('aggregator') || aggregatorView(system.snapshot()).leading
      ? []
      : ['the aggregator of this process stands by: another one is active, or NATS is down']),
  ];
}
