import { type ImageId, imageMadeAt } from '../messages/ids.ts';
import { type Clock, sleep } from '../runtime/clock.ts';

/** A camera gives up on the JPEGs of a frame after this, so a reader need not wait longer for them. */
export const IMAGES_WITHIN_MS = 5_000;
/** Encoding and storing take less than this unless the machine is busy. */
const USUAL_MS = 200;
/** Pauses between two looks: doubling, so that an image that never comes costs few requests. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 320;

/**
 * How long a reader waits for an image that is not there yet: until it is {@link IMAGES_WITHIN_MS} old. 200 ms at
 * least, for a reader whose clock is ahead of the camera's, and not at all for an image whose id does not tell its age.
 */
export function imageWaitMs(id: ImageId, now: number): number {
  const made = imageMadeAt(id);
  if (made === null) return 0;
  return Math.min(Math.max(made + IMAGES_WITHIN_MS - now, USUAL_MS), IMAGES_WITHIN_MS);
}

/** Calls `find` until it finds the image; null after {@link imageWaitMs}. Rejects as `find`, and on `signal`. */
export async function awaitImage(
  id: ImageId,
  find: () => Promise<Uint8Array | null>,
  clock: Clock,
  signal?: AbortSignal,
): Promise<Uint8Array | null> {
  const until = clock.now() + imageWaitMs(id, clock.now());
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
    const jpeg = await find();
    const left = until - clock.now();
    if (jpeg !== null || left <= 0) return jpeg;
    await sleep(clock, Math.min(pause, left), signal);
  }
}
