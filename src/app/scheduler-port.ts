import { KEY_POOL } from '../actors/key-pool.ts';
import type { HttpPorts } from '../http/ports.ts';
import { type KeyPoolStats, NO_KEYS, NO_KEYS_IN_USE, type SchedulerHealth } from '../http/schemas/operations-schema.ts';
import { redactUrl } from '../infra/redact.ts';
import { asError } from '../runtime/errors.ts';
import type { ActorSystem } from '../runtime/system.ts';
import {
  type AssessmentHealth,
  assessmentHealthOf,
  failureSentence,
  slownessSentence,
  wantedKeys,
} from './assessment-health.ts';
import { shortageSentence } from './budget-report.ts';
import { PoolFigures, SchedulerFigures } from './scheduler-figures.ts';
import type { SchedulerWatch } from './scheduler-watch.ts';

const QUICK = { timeoutMs: 3_000 };

/** Pending tasks in the streams, all priorities together; null while NATS cannot be asked. */
function waitingTasks({ queue_lag }: Pick<SchedulerFigures, 'queue_lag'>): number | null {
  const lags = Object.values(queue_lag);
  return lags.some((lag) => lag === null) ? null : lags.reduce((sum, lag) => sum + (lag?.waiting ?? 0), 0);
}

function keyView({
  disabled_reason,
  model: _model,
  base_url: _url,
  ...key
}: PoolFigures['keys'][number]): KeyPoolStats['keys'][number] {
  const { status, total_calls, last_error_code } = key;
  const cooling = status === 'cooling' ? `rests after ${last_error_code ?? 'a failure'}` : null;
  return { ...key, success_rate: total_calls === 0 ? null : key.success_rate, notice: disabled_reason ?? cooling };
}

export function poolView(figures: PoolFigures): KeyPoolStats {
  const { total_calls, success_rate, keys } = figures;
  const models = figures.models.map((model) => ({ ...model, base_url: redactUrl(model.base_url) }));
  return { ...figures, success_rate: total_calls === 0 ? null : success_rate, keys: keys.map(keyView), models };
}

/** Why the model assesses fewer groups than it should, or later; null while all is well. */
function amissOf(figures: SchedulerFigures, pool: PoolFigures | null, health: AssessmentHealth | null): string | null {
  if (health !== null && health.outage !== null) return health.outage;
  const slow = slownessSentence(figures, pool ?? { models: [] });
  const sentences = [...(health?.defects ?? []), ...(slow === null ? [] : [slow])];
  return sentences.length > 0 ? sentences.join('. ') : failureSentence(figures.recent);
}

function stateOf(
  figures: SchedulerFigures,
  pool: PoolFigures | null,
  shortage: string | null,
): Pick<SchedulerHealth, 'status' | 'message'> {
  const { bus_ok, mode, provider_down_since, within_daily_budget } = figures;
  const health = pool === null ? null : assessmentHealthOf(pool);
  if (!bus_ok) return { status: 'down', message: 'tasks cannot be fetched: NATS is down' };
  if (mode === 'rules')
    return { status: 'ok', message: pool === null || pool.total_keys === 0 ? NO_KEYS : NO_KEYS_IN_USE };
  if (!within_daily_budget)
    return { status: 'ok', message: "the day's budget is spent: rules assess the groups until midnight UTC" };
  if (provider_down_since !== null) {
    const why = health === null || health.lastFailure === null ? '' : ` (${health.lastFailure})`;
    return {
      status: 'degraded',
      message:
        `no model can assess: the provider has not answered since ${provider_down_since}${why}. Groups wait ` +
        'while they are valid, then rules assess them, marked degraded; see circuits in GET /api/scheduler/stats',
    };
  }
  const amiss = amissOf(figures, pool, health);
  return amiss === null
    ? { status: 'ok', message: shortage ?? 'the model assesses the groups' }
    : { status: 'degraded', message: amiss };
}

/** `pool`: the key pool's figures; null where it cannot be asked. */
export function schedulerView(figures: SchedulerFigures, pool: PoolFigures | null = null): SchedulerHealth {
  const shortage = shortageSentence(figures, pool === null ? null : wantedKeys(pool).length);
  return {
    ...stateOf(figures, pool, shortage),
    shortage,
    source: figures.mode,
    waiting: waitingTasks(figures),
    in_flight: figures.in_flight,
    max_concurrent: figures.max_concurrent_tasks,
  };
}

/** The health of a scheduler that does not answer. */
export const schedulerDown = (thrown: unknown): SchedulerHealth => ({
  status: 'down',
  message: `the scheduler does not answer: ${asError(thrown).message}`,
  shortage: null,
  source: 'rules',
  waiting: null,
  in_flight: 0,
  max_concurrent: 0,
});

/** The HTTP room's port for scheduler and key pool. */
export function schedulerPort(system: ActorSystem, watch: Pick<SchedulerWatch, 'stats'>): HttpPorts['scheduler'] {
  const pool = system.ref(KEY_POOL);
  return {
    stats: async () => poolView(PoolFigures.parse(await pool.ask({ type: 'stats' }, QUICK))),
    health: async () => {
      const keys = pool.ask({ type: 'stats' }, QUICK).then(
        (stats) => PoolFigures.parse(stats),
        () => null,
      );
      try {
        return schedulerView(SchedulerFigures.parse(await watch.stats()), await keys);
      } catch (thrown) {
        return schedulerDown(thrown);
      }
    },
  };
}
