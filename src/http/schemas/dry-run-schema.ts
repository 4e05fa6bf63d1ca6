import { z } from 'zod';
import { Box } from '../../messages/detection.ts';
import { ImageId, IsoTime, RequestId } from '../../messages/ids.ts';
import { Evidence, IncidentSeverity } from '../../messages/incident.ts';
import { EVENT_KINDS } from '../../messages/scene-constants.ts';
import { SceneBody } from './scene-schema.ts';

/** The minutes back from now that a dry run may play. */
export const MOST_MINUTES = 10;

export const DryRunBody = z.strictObject({
  scene: SceneBody.meta({ description: 'As for `PUT`; it is not kept' }),
  minutes: z.int().min(1).max(MOST_MINUTES).default(MOST_MINUTES).meta({ description: 'Back from now' }),
});

const Counts = z.partialRecord(z.enum(EVENT_KINDS), z.int().min(0));

const DryRunIncident = z.object({
  kind: z.enum(EVENT_KINDS),
  onset: IsoTime,
  /** Null: it goes on in the last frame. */
  endedAt: IsoTime.nullable(),
  zone: z.string().nullable(),
  severity: IncidentSeverity,
  evidence: Evidence,
  /** Of those who take part, in the frame in which it was found; px of that frame. */
  bbox: Box,
  /** The frame in which it was found, and its picture while it is kept. */
  requestId: RequestId,
  imageId: ImageId.nullable(),
});

/** The events that a scene would have brought over the last minutes. */
export const DryRunReport = z.object({
  /** When the first and the last frame that were played were taken; without frames, the time that was asked for. */
  from: IsoTime,
  to: IsoTime,
  frames: z.int().min(0).meta({ description: 'That were played' }),
  recorded: z.int().min(0).meta({ description: 'That there were; of a crowded road only the newest are played' }),
  /** The newest onset first, at most 200. */
  incidents: z.array(DryRunIncident),
  /** All of them, by kind. */
  counts: Counts,
  /** The same of the camera's present scene, over the same frames. */
  withoutScene: Counts,
  /** Why the scene could not be used as it is with the camera's pictures; null when it could. */
  problem: z.string().nullable(),
});
export type DryRunReport = z.infer<typeof DryRunReport>;
