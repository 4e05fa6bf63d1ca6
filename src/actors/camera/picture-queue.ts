import type { DecodeTimes } from '../../ingest/due-pictures.ts';
import type { Frame, FrameSize } from '../../vision/frame.ts';

export interface TakenPicture {
  readonly frame: Frame & { readonly display: FrameSize };
  /** Size of the camera's picture as shown, in px. */
  readonly display: FrameSize;
  /** When it arrived, epoch ms. */
  readonly at: number;
  /** Of a look-back. */
  readonly burst: boolean;
  /** Null for a picture of a look-back. */
  readonly times: DecodeTimes | null;
}

/** Pictures of look-backs that may wait: the ingest sends the next one when one is done. */
const MOST_OF_BURSTS = 4;

/**
 * The pictures of a camera that wait until the analysis is free. Of the regular ones the newest, which is taken first;
 * of those of look-backs the first four.
 */
export class PictureQueue {
  #regular: TakenPicture | null = null;
  readonly #ofBursts: TakenPicture[] = [];
  #taker: ((taken: TakenPicture | null) => void) | null = null;
  #closed = false;
  #replaced = 0;
  #dropped = 0;

  /** Regular pictures that were replaced by newer ones, so never analysed. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Pictures of look-backs for which there was no room. */
  get dropped(): number {
    return this.#dropped;
  }

  put(taken: TakenPicture): void {
    if (this.#closed) return;
    if (this.#taker !== null) {
      this.#taker(taken);
      this.#taker = null;
    } else if (!taken.burst) {
      if (this.#regular !== null) this.#replaced += 1;
      this.#regular = taken;
    } else if (this.#ofBursts.length < MOST_OF_BURSTS) this.#ofBursts.push(taken);
    else this.#dropped += 1;
  }

  /** The next picture, as soon as there is one; null once closed. One call at a time. */
  take(): Promise<TakenPicture | null> {
    const next = this.#regular ?? this.#ofBursts.shift() ?? null;
    this.#regular = null;
    if (next !== null || this.#closed) return Promise.resolve(next);
    return new Promise((resolve) => {
      this.#taker = resolve;
    });
  }

  /** Drops the pictures that wait, and every later one. */
  close(): void {
    this.#closed = true;
    this.#regular = null;
    this.#ofBursts.length = 0;
    this.#taker?.(null);
    this.#taker = null;
  }
}
