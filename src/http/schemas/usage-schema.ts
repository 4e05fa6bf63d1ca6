import { z } from 'zod';

export const UsageQuery = z.object({ day: z.iso.date().optional().meta({ description: 'UTC; default: today' }) });

const figures = { calls: z.int(), promptTokens: z.int(), completionTokens: z.int(), cost: z.number() };
export const UsageReport = z.object({
  day: z.string(),
  ...figures,
  /** Cost per day after which rules assess the groups; null without a bound. For today only. */
  dailyBudget: z.number().nullable(),
  /** False when the budget of today is spent. */
  withinBudget: z.boolean(),
  /** False when other nodes could not be asked. */
  complete: z.boolean(),
  byKey: z.array(z.object({ key: z.string(), ...figures })),
  byCamera: z.array(z.object({ camera: z.string(), ...figures })),
});
export type UsageReport = z.infer<typeof UsageReport>;
