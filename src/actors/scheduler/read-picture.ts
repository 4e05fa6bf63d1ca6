import type { ImageStore } from '../../infra/bus.ts';
import type { Language } from '../../llm/language.ts';
import { type EarlierPicture, type Picture, picturesOf } from '../../llm/picture.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { type Clock, pause } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import { settlesWithin } from '../../runtime/time-limit.ts';

/** Pause before a store that is down is asked again. */
const AGAIN_MS = 250;

export interface PictureSource {
  readonly images: Pick<ImageStore, 'get' | 'find'>;
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

/** The JPEG of this id as stored now; null when it is not there or cannot be read. Never rejects. */
export const storedPicture = (id: string, { images, log }: PictureSource): Promise<Uint8Array | null> =>
  images.find(id).catch((thrown: unknown) => {
    log.debug({ imageId: id, err: asError(thrown) }, 'an earlier picture cannot be read');
    return null;
  });

/** Earlier moments are worth no more delay than this, once the task's own picture is there. */
const EARLIER_MS = 20;

export interface PictureReader {
  readonly clock: Clock;
  readonly language: Language;
  readonly picture: (id: string, deadline: number) => Promise<Uint8Array | null>;
  readonly earlierPicture: (id: string) => Promise<Uint8Array | null>;
}

/** The pictures of a task; null when its own is gone. Earlier ones that are not there at once are left out. */
export async function readPictures(
  task: AssessmentTask,
  deadline: number,
  { clock, language, picture, earlierPicture }: PictureReader,
): Promise<readonly Picture[] | null> {
  const { cropId, earlier = [] } = task.group;
  // Asked for first, so that they are usually there when the task's own picture is.
  const moments = Promise.all(
    earlier.map(async ({ cropId: id, timestamp }): Promise<EarlierPicture[]> => {
      const stored = await earlierPicture(id);
      return stored === null ? [] : [{ jpeg: stored, timestamp }];
    }),
  );
  const jpeg = cropId === null ? null : await picture(cropId, deadline);
  if (jpeg === null) return null;
  const read = earlier.length === 0 ? null : (await settlesWithin(clock, moments, EARLIER_MS)).value;
  return picturesOf(task, jpeg, read?.flat() ?? [], language);
}
