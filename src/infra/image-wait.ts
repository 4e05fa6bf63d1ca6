import { type ImageId, imageMadeAt } from '../messages/ids.ts';

/** A camera gives up on the JPEGs of a frame after this, so a reader need not wait longer for them. */
export const IMAGES_WITHIN_MS = 5_000;
/** Encoding and storing take less than this unless the machine is busy. */
const USUAL_MS = 200;

/**
 * How long a reader waits for an image that is not there yet: until it is {@link IMAGES_WITHIN_MS} old. 200 ms at
 * least, for readers whose clock is ahead of the camera's, and not at all for images whose id does not tell their age.
 */
export function imageWaitMs(id: ImageId, now: number): number {
  const made = imageMadeAt(id);
  if (made === null) return 0;
  return Math.min(Math.max(made + IMAGES_WITHIN_MS - now, USUAL_MS), IMAGES_WITHIN_MS);
}
