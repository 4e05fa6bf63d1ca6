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

/**
 * The JPEG of this id; null when it is gone. Waits while the store is down and while the picture is not stored yet, at
 * most until `deadline` (epoch ms). Never rejects.
 */
export async function readPicture(
  id: string,
  deadline: number,
  { images, clock, log, closing }: PictureSource,
): Promise<Uint8Array | null> {
  const over = new AbortController();
  const end = (): void => over.abort(new Error(`picture ${id} is waited for no longer`));
  const timer = clock.setTimeout(end, deadline - clock.now());
  closing.addEventListener('abort', end, { once: true });
  if (closing.aborted) end();
  try {
    for (;;) {
      try {
        return await images.get(id, over.signal);
      } catch (thrown) {
        if (over.signal.aborted) return null;
        log.debug({ imageId: id, err: asError(thrown) }, 'a picture cannot be read now');
        await pause(clock, AGAIN_MS, over.signal);
      }
    }
  } finally {
    clock.clearTimeout(timer);
    closing.removeEventListener('abort', end);
  }
}
