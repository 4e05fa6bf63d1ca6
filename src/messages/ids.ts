import { z } from 'zod';
import { MOST } from './bounds.ts';

export * from './new-ids.ts';

/**
 * A camera's name: 1 to 64 of `A-Z a-z 0-9 _ -`. The alphabet is the one that is safe, unescaped, as a NATS
 * subject token, inside a Redis key, in a URL path and as a file name.
 */
export const CameraId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 characters of A-Z a-z 0-9 _ -');
export type CameraId = z.infer<typeof CameraId>;

/** Camera id of pictures handed in by clients; no camera may have it. */
export const ON_DEMAND_CAMERA = 'on-demand';

/** One analysed frame. UUID v7; the key that joins a detection, its tasks, their results and the aggregate. */
export const RequestId = z.uuid();
export type RequestId = z.infer<typeof RequestId>;

/** W3C trace id: 32 lower-case hex digits. One per analysed frame, carried in bodies and in NATS headers. */
export const TraceId = z.string().regex(/^[0-9a-f]{32}$/);
export type TraceId = z.infer<typeof TraceId>;

/** Claim check of a stored JPEG: `{requestId}.frame` or `{requestId}.g{groupIndex}`. Never the bytes. */
export const ImageId = z.string().regex(/^[0-9a-f-]{36}\.(frame|g[0-9]{1,3})$/);
export type ImageId = z.infer<typeof ImageId>;

export const IsoTime = z.iso.datetime().max(MOST.time);

/** Deterministic, so that NATS drops a task published twice. */
export const taskId = (requestId: RequestId, groupIndex: number): string => `${requestId}_group${groupIndex}`;

/** Names a group of a camera in maps and messages: the camera's id, a space, which no camera's id has, the group's. */
export const groupKey = (cameraId: CameraId, groupId: string): string => `${cameraId} ${groupId}`;
/** The camera of a {@link groupKey}. */
export const cameraOf = (key: string): CameraId => key.slice(0, key.indexOf(' '));
