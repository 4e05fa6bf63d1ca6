import { z } from 'zod';
import { KEY_POOL } from '../actors/key-pool.ts';
import { SCHEDULER } from '../actors/scheduler/types.ts';
import type { HttpPorts } from '../http/ports.ts';
import { KeyPoolStats, KeyStats, type SchedulerHealth } from '../http/schemas/operations.ts';
import { asError } from '../runtime/errors.ts';
import type { ActorSystem } from '../runtime/system.ts';

const QUICK = { timeoutMs: 3_000 };

/** What is shown of the scheduler's and the key pool's figures: also as another node sends them. */
export const SchedulerFigures = z.object({
  mode: z.enum(['vlm', 'rules']),
  bus_ok: z.boolean(),
  in_flight: z.int().min(0),
  max_concurrent_tasks: z.int().min(0),
  queue_lag: z.record(z.string(), z.object({ waiting: z.int().min(0) }).nullable()),
});
export type SchedulerFigures = z.infer<typeof SchedulerFigures>;
export const PoolFigures = KeyPoolStats.extend({ keys: z.array(KeyStats.omit({ notice: true }).extend({ disabled_reason: z.string().nullable() })) });
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
  return { ...figures, success_rate: total_calls === 0 ? null : success_rate, keys: keys.map(keyView) };
}

export const schedulerView = (figures: SchedulerFigures): SchedulerHealth => ({
  status: figures.bus_ok ? 'ok' : 'down',
  message: figures.bus_ok ? (figures.mode === 'vlm' ? 'the model judges' : 'no keys: rules judge') : 'tasks cannot be fetched: NATS is away',
  source: figures.mode,
  waiting: waitingTasks(figures),
  in_flight: figures.in_flight,
  max_concurrent: figures.max_concurrent_tasks,
});

export const schedulerDown = (thrown: unknown): SchedulerHealth => ({ status: 'down', message: `the scheduler does not answer: ${asError(thrown).message}`, source: 'rules', waiting: null, in_flight: 0, max_concurrent: 0 });

/** The scheduler and the key pool as the HTTP room sees them. */
export function schedulerPort(system: ActorSystem): HttpPorts['scheduler'] {
  const pool = system.ref(KEY_POOL);
  const scheduler = system.ref(SCHEDULER);
  return {
    stats: async () => poolView(PoolFigures.parse(await pool.ask({ type: 'stats' }, QUICK))),
    health: () => scheduler.ask({ type: 'stats' }, QUICK).then(schedulerView, schedulerDown),
  };
}
