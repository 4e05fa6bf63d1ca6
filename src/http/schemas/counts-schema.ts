import { z } from 'zod';
import { CountedBin } from '../../messages/counted-bin.ts';
import { CameraId } from '../../messages/ids.ts';
import { isSpan, NO_SPAN, RequestTime } from './time-span.ts';

/** Hours before `to` that are shown by default, by the minutes of a bin. */
export const DEFAULT_COUNT_HOURS = { 1: 1, 15: 24 } as const;

export const CountsParams = z
  .strictObject({
    bin: z
      .enum(['1', '15'], { error: 'must be 1 or 15' })
      .default('15')
      .transform((text) => (text === '1' ? 1 : 15))
      .meta({ description: 'Minutes of a bin' }),
    from: RequestTime.optional().meta({
      description: 'Start of the first bin wanted; default: an hour before `to`, for bins of 15 minutes a day',
    }),
    to: RequestTime.optional().meta({ description: 'Bins that begin before it; default: now' }),
  })
  .refine(isSpan, NO_SPAN);
export type CountsParams = z.infer<typeof CountsParams>;

export const CountsPage = z.object({
  cameraId: CameraId,
  /** Oldest first. Spans without pictures have none; a minute is there about 20 s after its end. */
  bins: z.array(CountedBin),
  /** Value of `from` for the next page; null at the end. */
  next: z.iso.datetime().nullable(),
});
