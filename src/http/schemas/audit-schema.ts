import { z } from 'zod';
import { AuditAction, AuditEntry } from '../../messages/audit.ts';
import { MOST } from '../../messages/bounds.ts';
import { CameraId } from '../../messages/ids.ts';
import { isSpan, NO_SPAN, RequestTime } from './time-span.ts';

export const AuditParams = z
  .strictObject({
    from: RequestTime.optional().meta({ description: 'Time of the first change wanted; default: a year ago' }),
    to: RequestTime.optional().meta({ description: 'Time of the last change wanted; default: now' }),
    who: z.string().min(1).max(MOST.name).optional().meta({ description: 'Name of a user or an API token' }),
    action: AuditAction.optional().meta({ description: 'Kind of change, e.g. `camera.change`' }),
    cameraId: CameraId.optional(),
    limit: z.coerce.number().int().min(1).max(200).default(50),
    before: z.coerce
      .number()
      .int()
      .min(1)
      .max(Number.MAX_SAFE_INTEGER)
      .optional()
      .meta({ description: '`next` of the page before' }),
  })
  .refine(isSpan, NO_SPAN);

export const AuditReply = z.object({
  /** Newest first. */
  entries: z.array(AuditEntry),
  /** Value of `before` for the next page; null at the end. A short or empty page need not be the last. */
  next: z.int().min(1).nullable(),
});
export type AuditReply = z.infer<typeof AuditReply>;
