import type { AlertDesk } from '../alert-desk/alert-desk.ts';
import type { DryRuns } from '../dry-run/dry-runs.ts';
import type { HttpPorts } from '../http/ports.ts';
import type { ClipStore, ImageStore } from '../infra/bus.ts';
import type { AuditLog } from '../infra/audit-log.ts';
import type { Egress } from '../infra/egress.ts';
import type { Log } from '../infra/log.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { NatsBus } from '../infra/nats/nats-bus.ts';
import { NatsRequests } from '../infra/nats/requests.ts';
import type { DeadLetterBox } from '../infra/nats/dead-letter-box.ts';
import type { RedisHealth } from '../infra/redis/redis-health.ts';
import type { RedisStore } from '../infra/redis/store.ts';
import { readManifest } from '../model-store/manifest.ts';
import type { ReleaseBook } from '../releases/release-book.ts';
import { systemClock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import type { ActorSystem } from '../runtime/system.ts';
import type { Accounts } from '../users/accounts.ts';
import type { DataNotices } from '../storage/set-aside.ts';
import { type ReleaseDesk, releaseNotices } from './release-desk.ts';
import type { AlarmWatch } from './alarm-watch.ts';
import { aggregatorView } from './aggregator-view.ts';
import { assessmentPort } from './assessment-port.ts';
import { auditNotices, auditPort } from './audit-port.ts';
import { budgetPort, sourcesHere } from './budget-port.ts';
import { cameraPort } from './camera-port.ts';
import type { CameraWays } from './camera-ways.ts';
import type { CameraWatch } from './camera-watch.ts';
import type { GantryConfig, Role } from './config.ts';
import { deadLetterNotices } from './dead-letter-port.ts';
import { OPEN_SERVER } from './first-admin.ts';
import { dryRunPort } from './dry-run-port.ts';
import { healthReport } from './health.ts';
import { keyPort } from './key-port.ts';
import type { CameraResources } from './role-cameras.ts';
import {
  assessmentsElsewhere,
  budgetEverywhere,
  camerasElsewhere,
  deskElsewhere,
  groupsOfAllNodes,
  keysElsewhere,
  latestFromStream,
  schedulerElsewhere,
  usageElsewhere,
} from './role-elsewhere.ts';
import type { NodeWatch } from './node-watch.ts';
import type { KeysAndUsage } from './role-scheduler.ts';
import { schedulerPort } from './scheduler-port.ts';
import type { SchedulerWatch } from './scheduler-watch.ts';
import { settingsView } from './settings-view.ts';
import type { UsedMonitoring } from './use-monitoring.ts';
import { VERSION } from './version.ts';

/** The parts behind the HTTP ports; null where another process has the role. */
export interface PortParts {
  readonly config: GantryConfig;
  readonly system: ActorSystem;
  readonly bus: NatsBus;
  /** Null without the role `web`. */
  readonly desk: AlertDesk | null;
  readonly redis: RedisStore | null;
  readonly images: ImageStore;
  readonly clips: ClipStore;
  readonly egress: Egress;
  readonly metrics: Metrics;
  readonly alarms: AlarmWatch;
  readonly cameraResources: CameraResources | null;
  readonly cameraWays: Pick<CameraWays, 'problem'> | null;
  readonly keysAndUsage: KeysAndUsage | null;
  readonly schedulerWatch: SchedulerWatch | null;
  readonly cameraWatch: Pick<CameraWatch, 'notice'> | null;
  readonly deadLetters: DeadLetterBox;
  readonly accounts: Accounts;
  readonly dryRuns: DryRuns;
  readonly releases: ReleaseBook;
  /** Null without the role `web`. */
  readonly releaseDesk: ReleaseDesk | null;
  readonly nodeWatch: NodeWatch;
  readonly auditLog: AuditLog;
  readonly monitoring: Pick<UsedMonitoring, 'port'>;
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
  const port = groupsOfAllNodes(bus, cameraPort(system, bus, redis, log), has('cameras'));
  const local = latestFromStream(bus, redis, port);
  const scheduler = schedulerWatch === null ? schedulerElsewhere(bus) : schedulerPort(system, schedulerWatch);
  const cameras = has('cameras') ? local : camerasElsewhere(bus, local, new NatsRequests(bus, log));
  return {
    accounts: parts.accounts,
    cameras,
    desk: parts.desk ?? deskElsewhere,
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
    system: {
      flow: () => parts.nodeWatch.flow(),
      nodes: () => parts.nodeWatch.nodes(),
      settings: () => settingsView(process.argv.slice(2), process.env),
    },
    budget: budgetPort(budgetEverywhere(bus), sourcesHere(system, config.roles, schedulerWatch)),
    dryRun: dryRunPort({ bus, dryRuns: parts.dryRuns, cameras, clock: systemClock, confidence: config.confidence }),
    alarms: parts.alarms,
    assessments: has('web') ? assessmentPort(system, egress, config.hookSecret !== null) : assessmentsElsewhere,
    monitoring: parts.monitoring.port,
    keys: keysAndUsage === null ? keysElsewhere : keyPort(system, keysAndUsage.keys),
    releases: {
      book: parts.releases,
      figures: (releaseId) => parts.releaseDesk?.figures(releaseId) ?? null,
      detectors: async () => (await readManifest()).models.map(({ name }) => name),
    },
    audit: auditPort(bus, parts.auditLog),
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
        alerts: parts.monitoring.port.state().alerts,
        slowCameras: parts.cameraWatch?.notice() ?? null,
        assessment,
        notices: [
          ...watched.notices,
          ...standing(parts),
          ...(await deadLetterNotices(parts.deadLetters, Date.now(), log)),
          ...(await auditNotices(bus.link, parts.auditLog, Date.now(), log)),
        ],
      });
    },
    metrics: async (format) => ({ contentType: metrics.contentType(format), text: await metrics.render(format) }),
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
  cameraWays,
  config,
  system,
  keysAndUsage,
  accessNotices,
  accounts,
  dataNotices,
  releases,
  monitoring,
}: PortParts): readonly string[] {
  const demo = cameraResources?.demo.notice ?? null;
  const detector = cameraWays?.problem ?? null;
  const tries = accounts.limit.notice();
  const { problem } = monitoring.port.state();
  return [
    ...accessNotices,
    ...(config.token === null && config.oidc === null && !accounts.users.any ? [OPEN_SERVER] : []),
    ...(tries === null ? [] : [tries]),
    ...dataNotices.list(),
    ...releaseNotices(releases.list(), Date.now()),
    ...(problem === null ? [] : [problem]),
    ...(demo === null ? [] : [demo]),
    ...(detector === null ? [] : [detector]),
    ...(keysAndUsage === null ? [] : [...keysAndUsage.keys.notices(), ...keysAndUsage.usage.notices()]),
    ...(!config.roles.includes('aggregator') || aggregatorView(system.snapshot()).leading
      ? []
      : ['the aggregator of this process stands by: another one is active, or NATS is down']),
  ];
}
