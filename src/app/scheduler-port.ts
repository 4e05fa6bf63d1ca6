import { z } from 'zod';
import { KEY_POOL } from '../actors/key-pool.ts';
import { SCHEDULER } from '../actors/scheduler/scheduler.types.ts';
import type { HttpPorts } from '../http/ports.ts';
import { KeyPoolStats, KeyStats, type SchedulerHealth } from '../http/schemas/operations-schema.ts';
import { redactUrl } from '../infra/redact.ts';
import { asError } from '../runtime/errors.ts';
import type { ActorSystem } from '../runtime/system.ts';
import { judgingOf, type Judging } from './judging.ts';

const QUICK = { timeoutMs: 3_000 };

/** What is shown of the scheduler's and the key pool's figures: also as another node sends them. */
export const SchedulerFigures = z.object({
  mode: z.enum(['vlm', 'rules']),
  bus_ok: z.boolean(),
  in_flight: z.int().min(0),
  max_concurrent_tasks: z.int().min(0),
  provider_down_since: z.iso.datetime().nullable().default(null),
  queue_lag: z.record(z.string(), z.object({ waiting: z.int().min(0) }).nullable()),
});
export type SchedulerFigures = z.infer<typeof SchedulerFigures>;
export const PoolFigures = KeyPoolStats.extend({
  keys: z.array(KeyStats.omit({ notice: true }).extend({ disabled_reason: z.string().nullable() })),
});
export type PoolFigures = z.infer<typeof PoolFigures>;

/** Tasks that wait in the streams, all priorities together; null while NATS cannot be asked. */
export function waitingTasks({ queue_lag }: Pick<SchedulerFigures, 'queue_lag'>): number | null {
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
  judging: Judging | null,
): Pick<SchedulerHealth, 'status' | 'message'> {
  if (!bus_ok) return { status: 'down', message: 'tasks cannot be fetched: NATS is away' };
  if (mode === 'rules') return { status: 'ok', message: 'no keys: rules judge' };
  const amiss = judging?.nobody ?? (judging?.partly ?? []).join('. ');
  if (provider_down_since === null && amiss !== '') return { status: 'degraded', message: amiss };
  const why = judging?.lastFailure === null || judging === null ? '' : ` (${judging.lastFailure})`;
  if (provider_down_since !== null)
    return {
      status: 'degraded',
      message: `no model judges, the provider does not answer since ${provider_down_since}${why}: groups wait while they are valid, then rules judge them, marked degraded; see circuits in GET /api/scheduler/stats`,
    };
  return { status: 'ok', message: 'the model judges' };
}

/** `judging`: what the key pool shows; null where it cannot be asked. */
export const schedulerView = (figures: SchedulerFigures, judging: Judging | null = null): SchedulerHealth => ({
  ...stateOf(figures, judging),
  source: figures.mode,
  waiting: waitingTasks(figures),
  in_flight: figures.in_flight,
  max_concurrent: figures.max_concurrent_tasks,
});

export const schedulerDown = (thrown: unknown): SchedulerHealth => ({
  status: 'down',
  message: `the scheduler does not answer: ${asError(thrown).message}`,
  source: 'rules',
  waiting: null,
  in_flight: 0,
  max_concurrent: 0,
});

/** The scheduler and the key pool as the HTTP room sees them. */
export function schedulerPort(system: ActorSystem): HttpPorts['scheduler'] {
  const pool = system.ref(KEY_POOL);
  const scheduler = system.ref(SCHEDULER);
  return {
    stats: async () => poolView(PoolFigures.parse(await pool.ask({ type: 'stats' }, QUICK))),
    health: async () => {
      const judging = pool.ask({ type: 'stats' }, QUICK).then(
        (stats) => judgingOf(PoolFigures.parse(stats)),
        () => null,
      );
      try {
        return schedulerView(await scheduler.ask({ type: 'stats' }, QUICK), await judging);
      } catch (thrown) {
        return schedulerDown(thrown);
      }
    },
  };
}
