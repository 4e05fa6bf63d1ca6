import { z } from 'zod';
import { IsoTime } from '../../messages/ids.ts';

/** Where a browser can send no header: pictures and WebSockets. Without an access token it is of no matter. */
export const TicketQuery = z.object({ ticket: z.string().optional() });

export const TicketReply = z.object({
  /** Stands for the access token in `?ticket=`, until `expiresAt`. */
  ticket: z.string(),
  expiresAt: IsoTime,
});
