import type { ImageStore } from '../../infra/bus.ts';
import type { Language } from '../../llm/language.ts';
import { type EarlierPicture, type Picture, picturesOf } from '../../llm/picture.ts';
import type { ImageId } from '../../messages/ids.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { type Clock, pause } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import { settlesWithin } from '../../runtime/time-limit.ts';

/** Pause before a store that is down is asked again. */
const AGAIN_MS = 250;

export interface PictureSource {
  readonly images: Pick<ImageStore, 'get' | 'getAll'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly closing: AbortSignal;
}

/**
 * The JPEGs of these ids, asked for together; each null when it cannot be had. Waits at most until `deadline` (epoch
 * ms) or `enough`, for the first one also while the store is down. Never reject.
 */
export function readTogether(
  ids: readonly ImageId[],
  deadline: number,
  enough: AbortSignal,
  { images, clock, log, closing }: PictureSource,
): readonly Promise<Uint8Array | null>[] {
  const over = new AbortController();
  const end = (): void => over.abort(new Error('the pictures are waited for no longer'));
  const timer = clock.setTimeout(end, deadline - clock.now());
  const signals = [closing, enough];
  for (const signal of signals) signal.addEventListener('abort', end, { once: true });
  if (signals.some(({ aborted }) => aborted)) end();

  const failed = (imageId: ImageId, thrown: unknown): null => {
    if (!over.signal.aborted) log.debug({ imageId, err: asError(thrown) }, 'a picture cannot be read now');
    return null;
  };
  const first = async (id: ImageId, reading: Promise<Uint8Array | null>): Promise<Uint8Array | null> => {
    for (let next = reading; ; next = images.get(id, over.signal)) {
      try {
        return await next;
      } catch (thrown) {
        failed(id, thrown);
        if (over.signal.aborted) return null;
        await pause(clock, AGAIN_MS, over.signal);
        if (over.signal.aborted) return null;
      }
    }
  };
  const reads = images
    .getAll(ids, over.signal)
    .map((reading, index) =>
      index === 0 ? first(ids[0] ?? '', reading) : reading.catch((thrown: unknown) => failed(ids[index] ?? '', thrown)),
    );
  void Promise.all(reads).then(() => {
    clock.clearTimeout(timer);
    for (const signal of signals) signal.removeEventListener('abort', end);
  });
  return reads;
}

/** Earlier moments are worth no more delay than this, once the task's own picture is there. */
const EARLIER_MS = 60;

export interface PictureReader {
  readonly clock: Clock;
  readonly language: Language;
  /** As {@link readTogether}. */
  readonly pictures: (
    ids: readonly ImageId[],
    deadline: number,
    enough: AbortSignal,
  ) => readonly Promise<Uint8Array | null>[];
}

/** The pictures of a task; null when its own is gone. Earlier ones that do not come soon after it are left out. */
export async function readPictures(
  task: AssessmentTask,
  deadline: number,
  { clock, language, pictures }: PictureReader,
): Promise<readonly Picture[] | null> {
  const { cropId, earlier = [] } = task.group;
  if (cropId === null) return null;
  const enough = new AbortController();
  try {
    const [own, ...before] = pictures([cropId, ...earlier.map((moment) => moment.cropId)], deadline, enough.signal);
    const jpeg = (await own) ?? null;
    if (jpeg === null) return null;
    const moments = earlier.map(async ({ timestamp }, index): Promise<EarlierPicture[]> => {
      const stored = (await before[index]) ?? null;
      return stored === null ? [] : [{ jpeg: stored, timestamp }];
    });
    return picturesOf(task, jpeg, await inTime(clock, moments), language);
  } finally {
    enough.abort();
  }
}

/** Those of the lists that are there within {@link EARLIER_MS}, in order. */
async function inTime<T>(clock: Clock, lists: readonly Promise<readonly T[]>[]): Promise<readonly T[]> {
  const settled = await Promise.all(lists.map((list) => settlesWithin(clock, list, EARLIER_MS)));
  return settled.flatMap(({ value }) => value ?? []);
}
