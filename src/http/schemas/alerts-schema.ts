import { z } from 'zod';
import { Aggregate } from '../../messages/aggregate.ts';
import { isSpan, NO_SPAN, RequestTime } from './time-span.ts';

export const DEFAULT_HISTORY_HOURS = 24;

export const HistoryParams = z
  .strictObject({
    from: RequestTime.optional().meta({
      description: `Time of the first frame wanted; default: ${DEFAULT_HISTORY_HOURS} hours before \`to\``,
    }),
    to: RequestTime.optional().meta({ description: 'Time of the last frame wanted; default: now' }),
    limit: z.coerce.number().int().min(1).max(500).default(100),
    after: z.coerce
      .number()
      .int()
      .min(1)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({ description: '`next` of the page before' }),
  })
  .refine(isSpan, NO_SPAN);
export type HistoryParams = z.infer<typeof HistoryParams>;

export const AlertHistoryPage = z.object({
  /** Oldest first, each once, as its last revision. */
  alerts: z.array(Aggregate),
  /** Value of `after` for the next page; null at the end. A short or empty page need not be the last. */
  next: z.int().min(1).nullable(),
});
