import type { ImageStore } from '../../infra/bus.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { type Clock, pause } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';

/** Pause before a store that is down is asked again. */
const AGAIN_MS = 250;

export interface PictureSource {
  readonly images: Pick<ImageStore, 'get'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly closing: AbortSignal;
}

/** The JPEG of this id; null when it is gone. Waits while the store is down, at most until `deadline` (epoch ms). */
export async function readPicture(
  id: string,
  deadline: number,
  { images, clock, log, closing }: PictureSource,
): Promise<Uint8Array | null> {
  for (;;) {
    try {
      return await images.get(id, closing);
    } catch (thrown) {
      if (closing.aborted || clock.now() + AGAIN_MS >= deadline) return null;
      log.debug({ imageId: id, err: asError(thrown) }, 'a picture cannot be read now');
      await pause(clock, AGAIN_MS, closing);
    }
  }
}
