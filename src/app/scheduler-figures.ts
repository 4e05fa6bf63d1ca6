import { z } from 'zod';
import { KeyPoolStats, KeyStats } from '../http/schemas/operations-schema.ts';
import { MOST } from '../messages/bounds.ts';

const count = z.int().min(0);

const QuestionCounts = z.object({ asked: count.default(0), superseded: count.default(0), budget: count.default(0) });

/** The last minute of a scheduler: answers of the model, answers of rules by reason, and questions by their end. */
export const RecentFigures = z.object({
  by_model: count,
  by_rules: z.record(z.string().max(MOST.name), count),
  questions: QuestionCounts,
  calls: count,
});
export type RecentFigures = z.infer<typeof RecentFigures>;

/** Figures that the scheduler's process adds to its statistics. */
export const WatchedFigures = z.object({
  /** Null before the first minute is over. */
  recent: RecentFigures.nullable().default(null),
  /** Since when rules have answered more than a fifth of the questions for want of calls. */
  short_since: z.iso.datetime().nullable().default(null),
  /** False when the day's budget of money is spent. */
  within_daily_budget: z.boolean().default(true),
  /** Cost of today over all nodes as this one knows it, its bound, and this node's calls by camera, most first. */
  today: z
    .object({
      cost: z.number().min(0),
      budget: z.number().min(0).nullable(),
      by_camera: z
        .array(z.object({ camera_id: z.string().max(MOST.name), calls: count, cost: z.number().min(0) }))
        .max(MOST.cameras),
    })
    .nullable()
    .default(null),
  freshness_ms: z.number().positive().nullable().default(null),
  /** Mean of today's calls. */
  tokens_per_call: z
    .object({ prompt: z.number().min(0), completion: z.number().min(0) })
    .nullable()
    .default(null),
});
export type WatchedFigures = z.infer<typeof WatchedFigures>;

/** Figures of a scheduler, as it answers `stats` here or on another node. */
export const SchedulerFigures = WatchedFigures.extend({
  mode: z.enum(['vlm', 'rules']),
  bus_ok: z.boolean(),
  in_flight: z.int().min(0),
  max_concurrent_tasks: z.int().min(0),
  provider_down_since: z.iso.datetime().nullable().default(null),
  queue_lag: z.record(z.string(), z.object({ waiting: z.int().min(0) }).nullable()),
  assessed: count.default(0),
  rules: z.record(z.string().max(MOST.name), count).default({}),
  questions: QuestionCounts.extend({
    by_camera: z
      .array(QuestionCounts.extend({ camera_id: z.string().max(MOST.name) }))
      .max(MOST.cameras)
      .default([]),
  }).prefault({}),
  calls: z
    .object({
      allowed_per_minute: z.number().min(0).nullable().default(null),
      used_last_minute: count.default(0),
      by_camera: z
        .array(z.object({ camera_id: z.string().max(MOST.name), calls: count }))
        .max(MOST.cameras)
        .default([]),
      wasted_last_minute: count.default(0),
      used: count.default(0),
      wasted: count.default(0),
      answer_ms: z.number().min(0).nullable().default(null),
      price: z.number().min(0).default(0),
    })
    .prefault({}),
});
export type SchedulerFigures = z.infer<typeof SchedulerFigures>;

/** The same of a key pool. */
export const PoolFigures = KeyPoolStats.extend({
  keys: z.array(
    KeyStats.omit({ notice: true }).extend({
      disabled_reason: z.string().nullable(),
      model: z.string().default('(unknown)'),
      base_url: z.string().default(''),
    }),
  ),
});
export type PoolFigures = z.infer<typeof PoolFigures>;

/** Figures of a task generator: questions that were not put, because the model's last answer still held. */
export const GeneratorFigures = z.object({
  carried: count.default(0),
  byCamera: z.record(z.string().max(MOST.name), z.object({ carried: count.default(0) })).default({}),
});
export type GeneratorFigures = z.infer<typeof GeneratorFigures>;

/** Figures of an aggregator: age of a frame, in seconds, when the model's verdict about it is published. */
export const AggregatorFigures = z.object({
  freshness: z
    .object({ p50: z.number().min(0).nullable(), p95: z.number().min(0).nullable() })
    .default({ p50: null, p95: null }),
});
export type AggregatorFigures = z.infer<typeof AggregatorFigures>;
