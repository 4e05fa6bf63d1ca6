import { z } from 'zod';
import { IsoTime } from '../../messages/ids.ts';
import { SystemAlert } from '../../messages/monitoring.ts';
import { KEY_STATUSES } from '../../infra/metrics.ts';

export const HealthStatus = z.enum(['ok', 'degraded', 'down']);
export type HealthStatus = z.infer<typeof HealthStatus>;

/** `down`: cameras are not watched. `degraded`: they are, but `notices` name a problem. */
export const HealthReport = z.object({
  status: HealthStatus,
  version: z.string(),
  /** Roles of this process; other processes may have the rest. */
  roles: z.array(z.string()),
  uptimeSeconds: z.number().min(0),
  nats: z.object({ state: z.enum(['connected', 'reconnecting', 'closed']), notice: z.string().nullable() }),
  redis: z.object({
    state: z.enum(['connected', 'degraded', 'reconnecting', 'off']),
    /** False for the embedded stand-in, which loses its data when it stops. */
    durable: z.boolean(),
    notice: z.string().nullable(),
    failedWrites: z.int().min(0),
  }),
  models: z.array(
    z.object({ name: z.string(), state: z.enum(['ready', 'missing', 'broken']), notice: z.string().nullable() }),
  ),
  /** Groups of this process's scheduler; null without that role. `notice`: that no model assesses them, or not all. */
  assessment: z.object({ source: z.enum(['vlm', 'rules']), notice: z.string().nullable() }).nullable(),
  cameras: z.object({ total: z.int(), online: z.int(), connecting: z.int(), offline: z.int(), fault: z.int() }),
  /** One sentence per problem, for operators; without secrets. */
  notices: z.array(z.string()),
  /** Alerts of all nodes about Gantry itself that fire or clear. `notice`: its sentence, where `notices` has one. */
  alerts: z.array(SystemAlert.extend({ notice: z.string().nullable() })),
});
export type HealthReport = z.infer<typeof HealthReport>;

/** Figures of one key, by its name. Never holds the key itself. */
export const KeyStats = z.object({
  key_id: z.string(),
  status: z.enum(KEY_STATUSES),
  total_calls: z.int().min(0),
  failed_calls: z.int().min(0),
  /** 0..1; null before the first call. */
  success_rate: z.number().min(0).max(1).nullable(),
  in_flight: z.int().min(0),
  /** Leases granted within the limits' sliding windows. */
  used_last_second: z.int().min(0),
  used_last_minute: z.int().min(0),
  last_error_code: z.string().nullable(),
  qps_limit: z.number(),
  rpm_limit: z.number(),
  tpm_limit: z.number().nullable(),
  /** Of the last minute, and reserved for calls in flight. */
  tokens_last_minute: z.int().min(0),
  cooldown_until: IsoTime.nullable(),
  /** Why it cools or is disabled. */
  notice: z.string().nullable(),
});

/** The circuit breaker of a quota group, or of a model at an endpoint. */
export const Circuit = z.object({
  group: z.string(),
  state: z.enum(['closed', 'open', 'half-open']),
  /** When it entered this state; null: closed since the start. */
  since: IsoTime.nullable(),
  /** Failures of the provider since a call was last answered. */
  failures: z.int().min(0),
  /** When the next trial may go out. */
  retryAt: IsoTime.nullable(),
});

/** Outcomes of the newest calls to one endpoint and model. */
export const ModelRecord = z.object({
  base_url: z.string(),
  model: z.string(),
  /** Calls of the last ten minutes, the newest 20 at most. */
  recent: z.int().min(0),
  /** Of them: without a readable answer; timed out or failed on the way; refused for their content, or as a request. */
  unreadable: z.int().min(0),
  failing: z.int().min(0).default(0),
  content_refused: z.int().min(0),
  rejected: z.int().min(0),
  /** Of the unreadable ones: the reasoning took all tokens. */
  reasoning_only: z.int().min(0),
  last_failure: z.string().nullable(),
  /** How calls differ from the plain one, which the provider refused. */
  adaptations: z.array(z.string()),
});

export const KeyPoolStats = z.object({
  total_keys: z.int().min(0),
  available_keys: z.int().min(0),
  in_use_keys: z.int().min(0),
  cooling_keys: z.int().min(0),
  disabled_keys: z.int().min(0),
  total_calls: z.int().min(0),
  success_rate: z.number().min(0).max(1).nullable(),
  keys: z.array(KeyStats),
  models: z.array(ModelRecord).default([]),
  circuits: z.array(Circuit),
});
export type KeyPoolStats = z.infer<typeof KeyPoolStats>;

export const SchedulerHealth = z.object({
  status: HealthStatus,
  message: z.string(),
  /** That there have been too few calls for a minute or more, and how many keys would do; null while there are not. */
  shortage: z.string().nullable(),
  /** Whether the model or the rules assess groups now. */
  source: z.enum(['vlm', 'rules']),
  /** Tasks not yet begun; null when NATS cannot be asked. */
  waiting: z.int().min(0).nullable(),
  in_flight: z.int().min(0),
  max_concurrent: z.int().min(0),
});
export type SchedulerHealth = z.infer<typeof SchedulerHealth>;

export const KeyPoolHealth = z.object({
  status: HealthStatus,
  message: z.string(),
  total_keys: z.int(),
  usable_keys: z.int(),
});
export type KeyPoolHealth = z.infer<typeof KeyPoolHealth>;

/** The statement about a Gantry without keys, which is no fault. */
export const NO_KEYS =
  'no API key is configured: measured events alone raise alerts, and no model looks at the pictures; to add a key, ' +
  'see Budget on the page, POST /api/keys, or config/api_keys.example.yaml';
/** The same where there are keys, none of which is meant to be used. */
export const NO_KEYS_IN_USE =
  'every API key is switched off: measured events alone raise alerts, and no model looks at the pictures; to use a ' +
  'key again, see Budget on the page, or PATCH /api/keys/{name}';

/** Whether the pool can serve calls. A pool without keys is `ok`: rules assess the groups. */
export function keyPoolHealth(stats: KeyPoolStats): KeyPoolHealth {
  const usable = stats.available_keys + stats.in_use_keys;
  const unusable = `${stats.cooling_keys} cooling, ${stats.disabled_keys} disabled`;
  const figures = { total_keys: stats.total_keys, usable_keys: usable };
  if (stats.total_keys === 0) return { status: 'ok', message: NO_KEYS, ...figures };
  if (usable === 0) {
    return {
      status: 'down',
      message: `none of ${stats.total_keys} keys can be used: ${unusable}`,
      ...figures,
    };
  }
  const down = stats.circuits.filter((circuit) => circuit.state !== 'closed');
  if (down.length > 0) {
    const [first] = down;
    return {
      status: down.length === stats.circuits.length ? 'down' : 'degraded',
      message:
        `the provider of ${first?.group ?? ''} has failed since ${first?.since ?? ''}: ` +
        `next trial at ${first?.retryAt ?? ''}`,
      ...figures,
    };
  }
  if (usable < stats.total_keys) {
    return {
      status: 'degraded',
      message: `${usable} of ${stats.total_keys} keys can be used: ${unusable}`,
      ...figures,
    };
  }
  return { status: 'ok', message: `all ${stats.total_keys} keys can be used`, ...figures };
}

const enveloped = <T extends z.ZodType>(data: T) => z.object({ code: z.literal(200), data });
export const KeyPoolStatsReply = enveloped(KeyPoolStats);
export const SchedulerHealthReply = enveloped(SchedulerHealth);
export const KeyPoolHealthReply = enveloped(KeyPoolHealth);
