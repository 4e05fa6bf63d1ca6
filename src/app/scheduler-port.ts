import { KEY_POOL } from '../actors/key-pool.ts';
import { SCHEDULER } from '../actors/scheduler/scheduler.types.ts';
import type { HttpPorts } from '../http/ports.ts';
import type { KeyPoolStats, SchedulerHealth } from '../http/schemas/operations-schema.ts';
import { redactUrl } from '../infra/redact.ts';
import { asError } from '../runtime/errors.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { type AssessmentHealth, assessmentHealthOf } from './assessment-health.ts';
import { PoolFigures, type SchedulerFigures } from './scheduler-figures.ts';

const QUICK = { timeoutMs: 3_000 };

/** Pending tasks in the streams, all priorities together; null while NATS cannot be asked. */
function waitingTasks({ queue_lag }: Pick<SchedulerFigures, 'queue_lag'>): number | null {
  const lags = Object.values(queue_lag);
  return lags.some((lag) => lag === null) ? null : lags.reduce((sum, lag) => sum + (lag?.waiting ?? 0), 0);
}

function keyView({ disabled_reason, ...key }: PoolFigures['keys'][number]): KeyPoolStats['keys'][number] {
  const { status, total_calls, last_error_code } = key;
  const cooling = status === 'cooling' ? `rests after ${last_error_code ?? 'a failure'}` : null;
  return { ...key, success_rate: total_calls === 0 ? null : key.success_rate, notice: disabled_reason ?? cooling };
}

export function poolView(figures: PoolFigures): KeyPoolStats {
  const { total_calls, success_rate, keys } = figures;
  const models = figures.models.map((model) => ({ ...model, base_url: redactUrl(model.base_url) }));
  return { ...figures, success_rate: total_calls === 0 ? null : success_rate, keys: keys.map(keyView), models };
}

function stateOf(
  { bus_ok, mode, provider_down_since }: SchedulerFigures,
  health: AssessmentHealth | null,
): Pick<SchedulerHealth, 'status' | 'message'> {
  if (!bus_ok) return { status: 'down', message: 'tasks cannot be fetched: NATS is down' };
  if (mode === 'rules') return { status: 'ok', message: 'no keys: rules judge' };
  if (provider_down_since !== null) {
    const why = health === null || health.lastFailure === null ? '' : ` (${health.lastFailure})`;
    return {
      status: 'degraded',
      message:
        `no model judges, the provider does not answer since ${provider_down_since}${why}: groups wait while they ` +
        'are valid, then rules judge them, marked degraded; see circuits in GET /api/scheduler/stats',
    };
  }
  const amiss = health?.outage ?? (health?.defects ?? []).join('. ');
  return amiss === '' ? { status: 'ok', message: 'the model judges' } : { status: 'degraded', message: amiss };
}

/** `health`: as the key pool's figures show it; null where the pool cannot be asked. */
export const schedulerView = (figures: SchedulerFigures, health: AssessmentHealth | null = null): SchedulerHealth => ({
  ...stateOf(figures, health),
  source: figures.mode,
  waiting: waitingTasks(figures),
  in_flight: figures.in_flight,
  max_concurrent: figures.max_concurrent_tasks,
});

/** The health of a scheduler that does not answer. */
export const schedulerDown = (thrown: unknown): SchedulerHealth => ({
  status: 'down',
  message: `the scheduler does not answer: ${asError(thrown).message}`,
  source: 'rules',
  waiting: null,
  in_flight: 0,
  max_concurrent: 0,
});

/** The HTTP room's port for scheduler and key pool. */
export function schedulerPort(system: ActorSystem): HttpPorts['scheduler'] {
  const pool = system.ref(KEY_POOL);
  const scheduler = system.ref(SCHEDULER);
  return {
    stats: async () => poolView(PoolFigures.parse(await pool.ask({ type: 'stats' }, QUICK))),
    health: async () => {
      const health = pool.ask({ type: 'stats' }, QUICK).then(
        (stats) => assessmentHealthOf(PoolFigures.parse(stats)),
        () => null,
      );
      try {
        return schedulerView(await scheduler.ask({ type: 'stats' }, QUICK), await health);
      } catch (thrown) {
        return schedulerDown(thrown);
      }
    },
  };
}
