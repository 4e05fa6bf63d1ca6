import { KEY_POOL } from '../actors/key-pool.ts';
import { SCHEDULER, type SchedulerStats } from '../actors/scheduler/types.ts';
import type { HttpPorts, KeyPoolStats } from '../http/ports.ts';
import type { KeyStats } from '../keys/pool.types.ts';
import { asError } from '../runtime/errors.ts';
import type { ActorSystem } from '../runtime/system.ts';

const QUICK = { timeoutMs: 3_000 };

/** Tasks that wait in the streams, all priorities together; null while NATS cannot be asked. */
export function waitingTasks({ queue_lag }: SchedulerStats): number | null {
  const lags = Object.values(queue_lag);
  return lags.some((lag) => lag === null) ? null : lags.reduce((sum, lag) => sum + (lag?.waiting ?? 0), 0);
}

function keyView(key: KeyStats): KeyPoolStats['keys'][number] {
  const { key_id, status, total_calls, failed_calls, in_flight, used_last_second, used_last_minute, last_error_code, qps_limit, rpm_limit, cooldown_until, disabled_reason } = key;
  const cooling = status === 'cooling' ? `rests after ${last_error_code ?? 'a failure'}` : null;
  return {
    key_id,
    status,
    total_calls,
    failed_calls,
    success_rate: total_calls === 0 ? null : key.success_rate,
    in_flight,
    used_last_second,
    used_last_minute,
    last_error_code,
    qps_limit,
    rpm_limit,
    cooldown_until,
    notice: disabled_reason ?? cooling,
  };
}

/** The scheduler and the key pool as the HTTP room sees them. */
export function schedulerPort(system: ActorSystem): HttpPorts['scheduler'] {
  const pool = system.ref(KEY_POOL);
  const scheduler = system.ref(SCHEDULER);
  return {
    stats: async () => {
      const { total_keys, available_keys, in_use_keys, cooling_keys, disabled_keys, total_calls, success_rate, keys } = await pool.ask({ type: 'stats' }, QUICK);
      const rate = total_calls === 0 ? null : success_rate;
      return { total_keys, available_keys, in_use_keys, cooling_keys, disabled_keys, total_calls, success_rate: rate, keys: keys.map(keyView) };
    },
    health: async () => {
      try {
        const stats = await scheduler.ask({ type: 'stats' }, QUICK);
        return {
          status: stats.bus_ok ? 'ok' : 'down',
          message: stats.bus_ok ? (stats.mode === 'vlm' ? 'the model judges' : 'no keys: rules judge') : 'tasks cannot be fetched: NATS is away',
          source: stats.mode,
          waiting: waitingTasks(stats),
          in_flight: stats.in_flight,
          max_concurrent: stats.max_concurrent_tasks,
        };
      } catch (thrown) {
        return { status: 'down', message: `the scheduler does not answer: ${asError(thrown).message}`, source: 'rules', waiting: null, in_flight: 0, max_concurrent: 0 };
      }
    },
  };
}
