import { z } from 'zod';
import { IsoTime } from '../../messages/ids.ts';

/** For pictures and WebSockets, where a browser cannot send a header. Ignored when no access token is set. */
export const TicketQuery = z.object({ ticket: z.string().optional() });

export const TicketReply = z.object({
  /** Replaces the access token, as `?ticket=`, until `expiresAt`. */
  ticket: z.string(),
  expiresAt: IsoTime,
});
