import { z } from 'zod';
import { Aggregate } from '../../messages/aggregate.ts';
import { AlertHandling } from '../../messages/alert-handling.ts';
import { AlertName } from '../../messages/alert-place.ts';
import { GroupAssessment, Spent } from '../../messages/assessment.ts';
import { ImageId, IsoTime } from '../../messages/ids.ts';

export const AlertParams = z.object({ id: AlertName });

/** A group of the alert's frame, or an incident. */
const Subject = { groupId: z.string().nullable(), incidentId: z.string().nullable() };

export const AlertRecord = z.object({
  /** The newest revision: numbers, and the trajectories of incidents in metres and px. */
  alert: Aggregate,
  clip: z.object({
    /** Of this server. */
    url: z.string(),
    /** `awaited`: it is being made. */
    state: z.enum(['stored', 'awaited', 'none']),
    /** Why there is none. */
    reason: z.string().nullable(),
    from: IsoTime.nullable(),
    to: IsoTime.nullable(),
    bytes: z.int().nullable(),
  }),
  /** The frame, its groups and its incidents. One that was never made is 404 `IMAGE_EXPIRED`. */
  pictures: z.array(z.object({ imageId: ImageId, url: z.string(), ...Subject })),
  /** How it was handled. */
  handling: AlertHandling,
  /** It was not announced, or will not be again, for now. */
  shelved: z.boolean(),
  /** Of the model, one for each subject that it has answered about. */
  answers: z.array(
    z.object({
      ...Subject,
      /** The model's own. */
      level: GroupAssessment.shape.riskLevel,
      confidence: z.number().nullable(),
      description: z.string(),
      model: z.string().nullable(),
      promptHash: z.string().nullable(),
      /** Time of the frame that it saw. */
      assessedAt: IsoTime.nullable(),
      /** As the model wrote it, cut to 1,000 characters; null when it is not kept. */
      reply: z.string().nullable(),
      /** Tokens and cost; null when they are not kept. */
      spent: Spent.nullable(),
    }),
  ),
});
export type AlertRecord = z.infer<typeof AlertRecord>;
