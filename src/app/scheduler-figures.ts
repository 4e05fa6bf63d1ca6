import { z } from 'zod';
import { KeyPoolStats, KeyStats } from '../http/schemas/operations-schema.ts';

/** Figures of a scheduler, as it answers `stats` here or on another node. */
export const SchedulerFigures = z.object({
  mode: z.enum(['vlm', 'rules']),
  bus_ok: z.boolean(),
  in_flight: z.int().min(0),
  max_concurrent_tasks: z.int().min(0),
  provider_down_since: z.iso.datetime().nullable().default(null),
  queue_lag: z.record(z.string(), z.object({ waiting: z.int().min(0) }).nullable()),
});
export type SchedulerFigures = z.infer<typeof SchedulerFigures>;

/** The same of a key pool. */
export const PoolFigures = KeyPoolStats.extend({
  keys: z.array(KeyStats.omit({ notice: true }).extend({ disabled_reason: z.string().nullable() })),
});
export type PoolFigures = z.infer<typeof PoolFigures>;
