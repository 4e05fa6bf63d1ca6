import type { Frame } from '../../vision/frame.ts';

export interface TakenFrame {
  readonly frame: Frame;
  /** When it arrived, epoch ms. */
  readonly at: number;
}

/** Holds the newest frame of a camera until the analysis is free: a newer one replaces it. */
export class NewestFrame {
  #waiting: TakenFrame | null = null;
  #taker: ((taken: TakenFrame | null) => void) | null = null;
  #closed = false;
  #replaced = 0;

  /** Frames that were replaced, so never analysed. */
  get replaced(): number {
    return this.#replaced;
  }

  put(taken: TakenFrame): void {
    if (this.#closed) return;
    if (this.#taker !== null) {
      this.#taker(taken);
      this.#taker = null;
      return;
    }
    if (this.#waiting !== null) this.#replaced += 1;
    this.#waiting = taken;
  }

  /** The newest frame, as soon as there is one; null once closed. One call at a time. */
  take(): Promise<TakenFrame | null> {
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null || this.#closed) return Promise.resolve(waiting);
    return new Promise((resolve) => {
      this.#taker = resolve;
    });
  }

  /** Drops the frame that waits, and every later one. */
  close(): void {
    this.#closed = true;
    this.#waiting = null;
    this.#taker?.(null);
    this.#taker = null;
  }
}
