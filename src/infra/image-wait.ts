import { type ImageId, imageMadeAt } from '../messages/ids.ts';
import { type Clock, sleep } from '../runtime/clock.ts';

/** How long a reader waits for a picture that is made because it asked, in ms. */
export const IMAGES_WITHIN_MS = 5_000;
/** The ingest has the stream of the last 12 s, so a picture that is older is not made any more. */
const CAN_BE_MADE_MS = 12_000;
/** A picture that is being stored already is there within this, also where the reader's clock is ahead. */
const USUAL_MS = 200;
/** Pauses between two looks: doubling, so that an image that never comes costs few requests. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 400;
/** The message that asks for pictures may be lost: it is sent once more after this. */
const ASK_AGAIN_MS = 1_000;

/** Where images are stored, and made when somebody asks for them. */
export interface ImageSource {
  /** Null when it is not stored. */
  find(id: ImageId): Promise<Uint8Array | null>;
  /** Asks for these pictures. */
  want(ids: readonly ImageId[]): void;
  /** Calls `onStored` when the image is stored from now on, possibly before `find` finds it. Returns the end of it. */
  watch(id: ImageId, onStored: (jpeg: Uint8Array) => void): () => void;
}

/**
 * How long a reader waits for an image that is not there: {@link IMAGES_WITHIN_MS} while it can still be made, 200 ms
 * for an older one, and not at all for an image whose id does not tell its age.
 */
export function imageWaitMs(id: ImageId, now: number): number {
  const made = imageMadeAt(id);
  if (made === null) return 0;
  return now - made <= CAN_BE_MADE_MS ? IMAGES_WITHIN_MS : USUAL_MS;
}

/**
 * The images of these ids, each as soon as it is stored, null after {@link imageWaitMs}. Those that are not stored are
 * asked for in one message. Each rejects as `find`, and on `signal`.
 */
export function awaitImages(
  ids: readonly ImageId[],
  source: ImageSource,
  clock: Clock,
  signal?: AbortSignal,
): readonly Promise<Uint8Array | null>[] {
  const waits = ids.map((id) => new ImageWait(id, source, clock, signal));
  const asked = Promise.all(waits.map((wait) => wait.isMissing())).then((missing) => {
    const wanted = ids.filter((_, index) => missing[index] === true);
    if (wanted.length > 0) source.want(wanted);
  });
  return waits.map((wait) => wait.result(asked));
}

/** One reader's wait for one image. */
class ImageWait {
  readonly #id: ImageId;
  readonly #source: ImageSource;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #stored = Promise.withResolvers<Uint8Array>();
  readonly #unwatch: () => void;
  readonly #first: Promise<Uint8Array | null>;

  constructor(id: ImageId, source: ImageSource, clock: Clock, signal: AbortSignal | undefined) {
    this.#id = id;
    this.#source = source;
    this.#clock = clock;
    this.#signal = signal;
    // Before the first look, so that nothing is missed between them.
    this.#unwatch = source.watch(id, (jpeg) => this.#stored.resolve(jpeg));
    this.#first = source.find(id);
  }

  /** True when it is not stored yet and can still be made. Never rejects. */
  async isMissing(): Promise<boolean> {
    try {
      return (await this.#first) === null && imageWaitMs(this.#id, this.#clock.now()) > USUAL_MS;
    } catch {
      return false;
    }
  }

  /** @param asked settles when the missing images were asked for */
  async result(asked: Promise<void>): Promise<Uint8Array | null> {
    try {
      const jpeg = await this.#first;
      const now = this.#clock.now();
      const waitMs = imageWaitMs(this.#id, now);
      if (jpeg !== null || waitMs === 0) return jpeg;
      await asked;
      return await this.#untilStored(now, waitMs);
    } finally {
      this.#unwatch();
    }
  }

  async #untilStored(from: number, waitMs: number): Promise<Uint8Array | null> {
    const over = new AbortController();
    const signal = this.#signal;
    const end = (): void => over.abort(signal?.reason);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted === true) end();
    try {
      return await Promise.race([this.#stored.promise, this.#looks(from, waitMs, over.signal)]);
    } finally {
      signal?.removeEventListener('abort', end);
      over.abort();
    }
  }

  /** Looks again and again, since the watch may miss a message while the connection is lost. */
  async #looks(from: number, waitMs: number, signal: AbortSignal): Promise<Uint8Array | null> {
    let askAgainAt = waitMs > USUAL_MS ? from + ASK_AGAIN_MS : Infinity;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      const left = from + waitMs - this.#clock.now();
      if (left <= 0) return null;
      await sleep(this.#clock, Math.min(pause, left), signal);
      const jpeg = await this.#source.find(this.#id);
      if (jpeg !== null) return jpeg;
      if (this.#clock.now() < askAgainAt) continue;
      askAgainAt = Infinity;
      this.#source.want([this.#id]);
    }
  }
}
