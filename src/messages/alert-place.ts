import { z } from 'zod';
import { CameraId, RequestId } from './ids.ts';

/** Name of an alert: its `requestId`, or the `incidentId` of an incident that it is about. */
export const AlertName = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/, 'must be 1 to 100 characters of A-Z a-z 0-9 _ -');
export type AlertName = z.infer<typeof AlertName>;

/** Body of `alert-index.{name}`: where the alert of that name is. */
export const AlertPlace = z.object({
  cameraId: CameraId,
  requestId: RequestId,
  /** Of a revision in the stream ALERTS; newer ones come after it. */
  seq: z.int().min(1),
});
export type AlertPlace = z.infer<typeof AlertPlace>;
