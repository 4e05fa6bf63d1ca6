import type { CameraEntry } from '../actors/camera-registry.ts';
import type { HealthReport, SchedulerHealth } from '../http/schemas/operations-schema.ts';
import type { BusState } from '../infra/bus.ts';
import type { RedisHealth } from '../infra/redis/redis-health.ts';
import type { SystemAlert } from '../messages/monitoring.ts';
import { alertNotices, wordedAlerts } from './alert-notices.ts';
import type { Role } from './config.ts';

export interface HealthFacts {
  readonly version: string;
  readonly roles: readonly Role[];
  readonly uptimeSeconds: number;
  readonly nats: BusState;
  /** A notice about NATS for the operator; null when all is well. */
  readonly natsNotice: string | null;
  /** Whether NATS refuses something that Gantry needs. */
  readonly natsRefuses: boolean;
  readonly redis: RedisHealth;
  /** Null in a process without the role `cameras`. */
  readonly model: string | null;
  readonly cameras: readonly Pick<CameraEntry, 'config' | 'status'>[];
  /** That cameras are slow because the processors are full; null while they are not. */
  readonly slowCameras: string | null;
  /** Null in a process without the role `scheduler`. */
  readonly assessment: Pick<SchedulerHealth, 'status' | 'message' | 'shortage' | 'source'> | null;
  /** Further notices, e.g. that there is no demo camera. */
  readonly notices: readonly string[];
  /** Of all nodes, about Gantry itself. */
  readonly alerts: readonly SystemAlert[];
}

const REDIS_REFUSES = 'until then live push uses NATS, and newest results are not kept; alerts wait in NATS';
const NATS_DOWN = 'NATS is down: detections wait, and nothing is assessed or shown until it is back';
const REDIS_DOWN =
  'Redis is down: live push uses NATS, and newest results are not kept until it is back; alerts wait in NATS';
const REDIS_OFF =
  'Redis is switched off: live push uses NATS, newest results are not kept, and alerts are read from their history';

/** The state of the system. `down`: no camera is watched; `degraded`: something is missing that `notices` names. */
export function healthReport(facts: HealthFacts): HealthReport {
  const { redis, cameras } = facts;
  const alerts = wordedAlerts(facts.alerts);
  const count = (state: CameraEntry['status']['state']): number =>
    cameras.filter(({ config, status }) => config.enabled && status.state === state).length;
  const faults = cameras.filter(
    ({ config, status }) => config.enabled && (status.state === 'fault' || status.state === 'offline'),
  );
  const redisNotice = noticeOfRedis(redis);
  const natsNotice = noticeOfNats(facts);
  const assessment = assessmentOf(facts);
  const isDegraded =
    redis.state === 'reconnecting' ||
    redis.state === 'degraded' ||
    facts.natsRefuses ||
    facts.slowCameras !== null ||
    facts.assessment?.status === 'degraded';
  const notices = [
    ...(natsNotice === null ? [] : [natsNotice]),
    ...(redisNotice === null ? [] : [redisNotice]),
    ...new Set([assessment?.notice, facts.assessment?.shortage].filter((notice) => typeof notice === 'string')),
    ...(facts.slowCameras === null ? [] : [facts.slowCameras]),
    ...faults.slice(0, 10).map(({ config, status }) => `camera ${config.cameraId}: ${status.message}`),
    ...(faults.length > 10 ? [`and ${faults.length - 10} more cameras`] : []),
    ...alertNotices(alerts),
    ...facts.notices,
  ];
  return {
    status: facts.nats !== 'connected' ? 'down' : isDegraded || faults.length > 0 ? 'degraded' : 'ok',
    version: facts.version,
    roles: [...facts.roles],
    uptimeSeconds: Math.round(facts.uptimeSeconds * 10) / 10,
    nats: { state: facts.nats, notice: natsNotice },
    redis: { state: redis.state, durable: redis.durable, notice: redisNotice, failedWrites: redis.failedWrites },
    models: facts.model === null ? [] : [{ name: facts.model, state: 'ready', notice: null }],
    assessment,
    cameras: {
      total: cameras.length,
      online: count('online'),
      connecting: count('connecting'),
      offline: count('offline'),
      fault: count('fault'),
    },
    notices,
    alerts: alerts.filter(({ state }) => state !== 'pending'),
  };
}

/** A shortage of calls is no fault, and neither is a want of keys. */
function assessmentOf({ assessment, roles }: Pick<HealthFacts, 'assessment' | 'roles'>): HealthReport['assessment'] {
  if (assessment === null) return null;
  const { status, message, shortage, source } = assessment;
  if (status === 'degraded') return { source, notice: message };
  if (status === 'down' || source === 'vlm') return { source, notice: shortage };
  // One that only assesses is one of several.
  return { source, notice: roles.includes('cameras') ? message : `${message}; other schedulers may have keys` };
}

function noticeOfRedis({ state, notice }: RedisHealth): string | null {
  if (state === 'off') return REDIS_OFF;
  if (state === 'reconnecting') return REDIS_DOWN;
  return state === 'degraded' ? `${notice ?? 'Redis takes no writes'}; ${REDIS_REFUSES}` : notice;
}

function noticeOfNats({ nats, natsNotice }: Pick<HealthFacts, 'nats' | 'natsNotice'>): string | null {
  if (nats === 'connected') return natsNotice;
  return natsNotice === null ? NATS_DOWN : `${NATS_DOWN}; ${natsNotice}`;
}
