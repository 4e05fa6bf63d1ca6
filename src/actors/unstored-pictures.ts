import { isBusDown } from '../infra/infra-error.ts';
import { Sender } from '../infra/stage-sender.ts';
import type { ImageId } from '../messages/ids.ts';
import type { Clock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';

export interface UnstoredPicturesOptions {
  readonly clock: Clock;
  /** Resolves when the picture is stored; rejects `BUS_DOWN` when a later attempt may succeed. */
  readonly put: (id: ImageId, jpeg: Uint8Array) => Promise<void>;
  /** Called with each picture that is given up. */
  readonly onFailed: (id: ImageId, error: Error) => void;
}

interface Picture {
  readonly id: ImageId;
  readonly jpeg: Uint8Array;
}

/** Some 500 frames of 720p with their crops, as many as the publisher buffers detections. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Pictures stored at once when NATS is back. New frames do not wait for these. */
const WINDOW = 8;

/**
 * Pictures that NATS did not take because it was down. They are stored when it is back, the newest first, as those are
 * still asked about. At the bound of 64 MB the oldest is given up.
 */
export class UnstoredPictures {
  readonly #options: UnstoredPicturesOptions;
  /** Oldest first; those under way too. */
  readonly #kept = new Set<Picture>();
  /** Oldest first. */
  readonly #waiting: Picture[] = [];
  readonly #sender: Sender<Picture>;
  #bytes = 0;

  constructor(options: UnstoredPicturesOptions) {
    this.#options = options;
    this.#sender = new Sender<Picture>({
      clock: options.clock,
      window: WINDOW,
      waiting: () => this.#waiting.length,
      next: () => this.#waiting.pop() ?? null,
      send: (picture) => this.#send(picture),
    });
  }

  /** Pictures that are neither stored nor given up. */
  get size(): number {
    return this.#kept.size;
  }

  add(id: ImageId, jpeg: Uint8Array): void {
    const picture = { id, jpeg };
    this.#kept.add(picture);
    this.#waiting.push(picture);
    this.#bytes += jpeg.byteLength;
    for (let oldest = this.#waiting[0]; this.#bytes > MOST_BYTES && oldest !== undefined; oldest = this.#waiting[0]) {
      this.#waiting.shift();
      this.#giveUp(oldest, new Error('more pictures wait for NATS than may be kept'));
    }
    this.#sender.pump();
  }

  /** Stores pictures for at most `flushMs`, while NATS is up, and gives up the others. */
  async stop(flushMs: number): Promise<void> {
    await this.#sender.stop(flushMs);
    this.#waiting.length = 0;
    for (const picture of this.#kept) this.#giveUp(picture, new Error('NATS did not take it before the stop'));
  }

  async #send(picture: Picture): Promise<void> {
    try {
      await this.#options.put(picture.id, picture.jpeg);
      this.#forget(picture);
    } catch (thrown) {
      if (isBusDown(thrown)) throw thrown;
      this.#giveUp(picture, asError(thrown));
    }
  }

  #giveUp(picture: Picture, error: Error): void {
    if (this.#forget(picture)) this.#options.onFailed(picture.id, error);
  }

  #forget(picture: Picture): boolean {
    const known = this.#kept.delete(picture);
    if (known) this.#bytes -= picture.jpeg.byteLength;
    return known;
  }
}
