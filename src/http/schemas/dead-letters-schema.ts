import { z } from 'zod';

export const DeadLetterParams = z.object({ id: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) });

export const DeadLetterQuery = z.strictObject({
  stream: z
    .string()
    .regex(/^[A-Z_]{1,32}$/u, 'must be the name of a stream, such as DETECTIONS')
    .optional(),
  limit: z.coerce.number().int().min(1).max(1_000).default(50),
});

const summary = {
  id: z.int().min(1),
  /** When it became a dead letter. */
  at: z.iso.datetime(),
  stream: z.string(),
  consumer: z.string(),
  /** Where the message was published, and where a replay publishes it again. */
  subject: z.string(),
  reason: z.string(),
  deliveries: z.int(),
  cameraId: z.string().nullable(),
  requestId: z.string().nullable(),
  traceId: z.string().nullable(),
};
/** Newest first. */
export const DeadLetterList = z.object({ deadLetters: z.array(z.object(summary)) });
export type DeadLetterList = z.infer<typeof DeadLetterList>;

export const DeadLetterView = z.object({
  ...summary,
  /** Of the original message. */
  headers: z.record(z.string(), z.string()),
  /** The original body as text; bytes that are not UTF-8 are replaced. */
  body: z.string(),
  /** The parts cut off a message that was too large to keep, which cannot be replayed; null when it is whole. */
  cut: z.string().nullable(),
});
export type DeadLetterView = z.infer<typeof DeadLetterView>;

export const ReplayReply = z.object({ replayed: z.int().min(1) });
