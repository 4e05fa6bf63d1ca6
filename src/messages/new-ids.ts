import { randomUUID } from 'node:crypto';

// Apart from the schemas of ids: the thread of each camera makes ids, and loads no schemas.

/** A UUID v7 (RFC 9562): its first 48 bits are `now`, epoch ms, so that a picture's id tells how old the picture is. */
export function newRequestId(now = Date.now()): string {
  const time = now.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
/** When the request id of an image was made, epoch ms; null unless it is a UUID v7. */
export const imageMadeAt = (id: string): number | null =>
  id[14] === '7' ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : null;
/** From a UUID: the platform buffers random bytes for it, while `randomBytes` asks the system each time. */
export const newTraceId = (): string => randomUUID().replaceAll('-', '');
/** 16 hex digits: one span of a trace. */
export const newSpanId = (): string => newTraceId().slice(16);
export const frameImageId = (requestId: string): string => `${requestId}.frame`;
export const cropImageId = (requestId: string, groupIndex: number): string => `${requestId}.g${groupIndex}`;
