import { z } from 'zod';
import { IsoTime } from '../../messages/ids.ts';

/** Most cameras in one report: those with the most unasked questions, then those with the most calls. */
export const MOST_CAMERAS = 500;

const count = z.int().min(0);
/** Questions of cameras: one about each group of a frame. */
const counts = {
  /** Put to the model. */
  asked: count,
  /** Dropped unasked, because a newer question about the same group came. */
  superseded: count,
  /**
   * Not put, because nothing had changed since the model's last answer about the group: saved calls. Null while no task
   * generator answers.
   */
  carried: count.nullable(),
  /** Answered by rules, because no call could be spared in time. */
  budget: count,
};

/** Calls about a camera: begun in the last minute; today (UTC) with their cost, by the prices of the key file. */
const calls = { calls_last_minute: count, calls_today: count, cost_today: z.number().min(0) };

/** How the calls that the keys allow are spent. Counted since the start where nothing else is said. */
export const BudgetReport = z.object({
  calls: z.object({
    /** Calls a minute that all keys together allow now; null while not known. */
    allowed_per_minute: z.number().min(0).nullable(),
    used_last_minute: count,
    /** Calls that brought no answer, or one that nobody waited for any more. */
    wasted_last_minute: count,
    used: count,
    wasted: count,
    /** From the lease to the answer, in ms; null before the first answer. */
    answer_ms: z.number().min(0).nullable(),
    /** Least value of a question that is worth a call now, from 0 to 1; above 1 while there is no call to spend. */
    price: z.number().min(0),
  }),
  questions: z.object({
    ...counts,
    /** Questions a minute that were to be put, over the last minute; null before that. */
    per_minute: z.number().min(0).nullable(),
    /** The cameras with the most unasked questions first, at most 500. */
    by_camera: z.array(z.object({ camera_id: z.string(), ...counts, ...calls })),
  }),
  /** Age of a frame when the model's verdict about it is published, over the last minute; null without verdicts. */
  freshness: z.object({
    limit_seconds: z.number().positive().nullable(),
    p50_seconds: z.number().min(0).nullable(),
    p95_seconds: z.number().min(0).nullable(),
    /** Whether 95 % of them were within the limit; null while not known. */
    reached: z.boolean().nullable(),
  }),
  keys: z.object({
    /** Keys that are meant to be used; null while the key pool does not answer. */
    present: count.nullable(),
    /** Keys of the same kind that the questions of the last minute would take; null while not known. */
    needed: count.nullable(),
  }),
  /**
   * The use of each limit over all nodes: calls of the last second and minute, tokens of the last minute, and the cost
   * of today for `day`, which belongs to no key.
   */
  limits: z.array(
    z.object({
      key: z.string().nullable(),
      limit: z.enum(['qps', 'rpm', 'tpm', 'day']),
      used: z.number().min(0),
      of: z.number().min(0),
    }),
  ),
  /** Keys that rest after a failure, the one that comes back first before the others. */
  cooling: z.array(z.object({ key: z.string(), until: IsoTime, seconds: z.int().min(0), notice: z.string() })),
  /** Of all nodes, by the prices of the key file; null while not known. */
  cost_today: z.number().min(0).nullable(),
  /** Mean of today's calls; null before the first. */
  tokens_per_call: z.object({ prompt: z.number().min(0), completion: z.number().min(0) }).nullable(),
  /** Since when rules have answered more than a fifth of the questions for want of calls; null while they do not. */
  short_since: IsoTime.nullable(),
});
export type BudgetReport = z.infer<typeof BudgetReport>;

export const BudgetReply = z.object({ code: z.literal(200), data: BudgetReport });
