import type { Frame, FrameSize } from '../../vision/frame.ts';

export interface TakenPicture {
  readonly frame: Frame & { readonly display: FrameSize };
  /** Size of the camera's picture as shown, in px. */
  readonly display: FrameSize;
  /** When it arrived, epoch ms. */
  readonly at: number;
}

/** Holds the newest picture of a camera until the analysis is free: a newer one replaces it. */
export class NewestPicture {
  #waiting: TakenPicture | null = null;
  #taker: ((taken: TakenPicture | null) => void) | null = null;
  #closed = false;
  #replaced = 0;

  /** Pictures that were replaced, so never analysed. */
  get replaced(): number {
    return this.#replaced;
  }

  put(taken: TakenPicture): void {
    if (this.#closed) return;
    if (this.#taker !== null) {
      this.#taker(taken);
      this.#taker = null;
      return;
    }
    if (this.#waiting !== null) this.#replaced += 1;
    this.#waiting = taken;
  }

  /** The newest picture, as soon as there is one; null once closed. One call at a time. */
  take(): Promise<TakenPicture | null> {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null || this.#closed) return Promise.resolve(waiting);
    return new Promise((resolve) => {
      this.#taker = resolve;
    });
  }

  /** Drops the picture that waits, and every later one. */
  close(): void {
    this.#closed = true;
    this.#waiting = null;
    this.#taker?.(null);
    this.#taker = null;
  }
}
