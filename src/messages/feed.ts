import { z } from 'zod';
import type { Aggregate } from './aggregate.ts';
import type { CameraStatus } from './camera.ts';
import { CameraId } from './ids.ts';

/** What a viewer may send on `/ws`. */
export const FeedRequest = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ping'), data: z.unknown().optional() }),
  z.object({
    type: z.literal('subscribe'),
    /** Cameras to follow; an empty list or none at all means every camera. */
    data: z.object({ cameraIds: z.array(CameraId).max(1000).optional() }).optional(),
  }),
  z.object({
    type: z.literal('unsubscribe'),
    data: z.object({ cameraIds: z.array(CameraId).max(1000).optional() }).optional(),
  }),
]);
export type FeedRequest = z.infer<typeof FeedRequest>;

/** What the server sends on `/ws`. */
export type FeedMessage =
  | { readonly type: 'connection_ack'; readonly data: { readonly connectionId: string; readonly serverTime: string } }
  | { readonly type: 'pong'; readonly data: { readonly serverTime: string } }
  | { readonly type: 'camera_status'; readonly data: CameraStatus }
  | { readonly type: 'detection_result'; readonly data: Aggregate }
  | { readonly type: 'alert'; readonly data: Aggregate }
  | { readonly type: 'error'; readonly data: { readonly code: string; readonly message: string; readonly field?: string; readonly value?: unknown } };
