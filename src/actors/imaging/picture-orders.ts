import { cropImageId, frameImageId, type ImageId, type RequestId } from '../../messages/ids.ts';
import type { AnalysedFrame } from '../imaging.types.ts';

/** Pictures of one frame that are wanted. */
export interface PictureOrder {
  readonly frame: AnalysedFrame;
  readonly imageIds: readonly ImageId[];
  /** When the first of them was asked for, epoch ms. */
  readonly askedAt: number;
}

export interface PictureOrdersOptions {
  /** How long a frame is remembered, in ms: as long as the ingest can have its stream. */
  readonly rememberMs: number;
  /** Most frames remembered; the oldest is forgotten. */
  readonly mostFrames: number;
  /** Most pictures of one order; the others of its frame are the next order. */
  readonly mostPictures: number;
  /** An order that waits longer is given up, in ms: nobody waits for it any more. */
  readonly patienceMs: number;
}

interface Remembered {
  readonly frame: AnalysedFrame;
  readonly since: number;
  /** Asked for, and not begun. */
  readonly waiting: Set<ImageId>;
  /** Being made, or made. */
  readonly begun: Set<ImageId>;
  askedAt: number;
}

/**
 * The pictures that can be made of the frames of the last seconds, and those of them that are wanted. A picture is
 * ordered once, and pictures of one frame together. Times are epoch ms.
 */
export class PictureOrders {
  readonly #options: PictureOrdersOptions;
  /** Oldest first. */
  readonly #frames = new Map<RequestId, Remembered>();
  /** Frames with pictures to be made, in the order in which they were asked for. */
  readonly #queue = new Set<Remembered>();
  #givenUp = 0;

  constructor(options: PictureOrdersOptions) {
    this.#options = options;
  }

  /** Frames remembered. */
  get remembered(): number {
    return this.#frames.size;
  }

  /** Frames of which pictures are wanted and not begun. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** Pictures given up because their order waited too long, since the start. */
  get givenUp(): number {
    return this.#givenUp;
  }

  remember(frame: AnalysedFrame, now: number): void {
    const entry = { frame, since: now, waiting: new Set<ImageId>(), begun: new Set<ImageId>(), askedAt: now };
    this.#frames.set(frame.requestId, entry);
    const { rememberMs, mostFrames } = this.#options;
    for (const [requestId, oldest] of this.#frames) {
      if (now - oldest.since <= rememberMs && this.#frames.size <= mostFrames) break;
      this.#frames.delete(requestId);
    }
  }

  /** Orders the pictures among these that belong to a remembered frame and are neither made nor ordered. */
  want(imageIds: readonly ImageId[], now: number): void {
    for (const id of imageIds) {
      const entry = this.#frames.get(requestOf(id));
      if (entry === undefined || entry.begun.has(id) || !canBeMade(id, entry.frame)) continue;
      if (entry.waiting.size === 0) entry.askedAt = now;
      entry.waiting.add(id);
      this.#queue.add(entry);
    }
  }

  /** The pictures wanted of the frame that was asked for first; null when none are. They count as begun. */
  next(now: number): PictureOrder | null {
    const { mostPictures, patienceMs } = this.#options;
    for (const entry of this.#queue) {
      this.#queue.delete(entry);
      if (now - entry.askedAt > patienceMs) {
        this.#givenUp += entry.waiting.size;
        entry.waiting.clear();
        continue;
      }
      const imageIds = [...entry.waiting].slice(0, mostPictures);
      for (const id of imageIds) {
        entry.waiting.delete(id);
        entry.begun.add(id);
      }
      if (entry.waiting.size > 0) this.#queue.add(entry);
      return { frame: entry.frame, imageIds, askedAt: entry.askedAt };
    }
    return null;
  }

  /** A picture that was begun could not be made or stored: it may be ordered again. */
  failed(imageId: ImageId): void {
    this.#frames.get(requestOf(imageId))?.begun.delete(imageId);
  }
}

const UUID_LENGTH = 36;
const requestOf = (id: ImageId): RequestId => id.slice(0, UUID_LENGTH);

const canBeMade = (id: ImageId, { requestId, regions }: AnalysedFrame): boolean =>
  id === frameImageId(requestId) || regions.some(({ groupIndex }) => id === cropImageId(requestId, groupIndex));
