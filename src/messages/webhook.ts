import { z } from 'zod';
import { MOST } from './bounds.ts';
import { IsoTime, RequestId } from './ids.ts';

/** Body of `webhooks.{kind}`: one URL to be called. */
export const WebhookJob = z.object({
  /** The same over all attempts; sent as `Gantry-Delivery`, by which a receiver recognises a repeated call. */
  id: z.string().max(200),
  kind: z.enum(['assessment', 'alert']),
  url: z.string().max(MOST.url),
  createdAt: IsoTime,
  /** Whose status shows the delivery; null for alerts. */
  assessmentId: RequestId.nullable(),
  /** What is sent, as JSON text: the signature is over these very bytes. */
  body: z.string().max(MOST.hookBody),
});
export type WebhookJob = z.infer<typeof WebhookJob>;
