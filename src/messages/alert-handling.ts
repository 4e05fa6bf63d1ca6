import { z } from 'zod';
import { MOST } from './bounds.ts';
import { CameraId, IsoTime, RequestId } from './ids.ts';
import { EVENT_KINDS } from './scene-constants.ts';

/** Whether an alert was right, as somebody who looked at it says. */
export const VERDICT_VALUES = ['true', 'false', 'unclear'] as const;

const By = { by: z.string().min(1).max(MOST.name), at: IsoTime };

/** How an alert was handled. Kept as long as the alert. */
export const AlertHandling = z.object({
  alertId: RequestId,
  cameraId: CameraId,
  acknowledged: z.object(By).nullable(),
  verdict: z.object({ value: z.enum(VERDICT_VALUES), ...By }).nullable(),
  comment: z.object({ text: z.string().min(1).max(MOST.comment), ...By }).nullable(),
  /** Grows with each change; 0 before the first. */
  revision: z.int().min(0),
});
export type AlertHandling = z.infer<typeof AlertHandling>;

/** Alerts that are kept and listed, but not announced, until a time: of a camera, of a kind, or of both. */
export const Shelf = z.object({
  shelfId: z.uuid(),
  /** Null: every camera. */
  cameraId: CameraId.nullable(),
  /** Null: every kind, and alerts without an incident. */
  kind: z.enum(EVENT_KINDS).nullable(),
  until: IsoTime,
  reason: z.string().max(MOST.shelfReason),
  ...By,
});
export type Shelf = z.infer<typeof Shelf>;
