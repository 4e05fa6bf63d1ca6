import { z } from 'zod';
import { MOST } from './bounds.ts';
import { IsoTime, RequestId } from './ids.ts';

/** Body of `webhooks.{kind}`: one URL to call. */
export const WebhookJob = z.object({
  /** The same for all attempts; sent as `Gantry-Delivery`, so that a receiver recognises a repeated call. */
  id: z.string().max(200),
  kind: z.enum(['assessment', 'alert', 'monitoring']),
  url: z.string().max(MOST.url),
  createdAt: IsoTime,
  /** The assessment whose status shows the delivery; null for the other kinds. */
  assessmentId: RequestId.nullable(),
  /** The request body, JSON: the signature covers exactly these bytes. */
  body: z.string().max(MOST.hookBody),
});
export type WebhookJob = z.infer<typeof WebhookJob>;
