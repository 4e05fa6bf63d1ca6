/** The last positions of each road user of a camera. */
import type { Aggregate } from '../../../../src/messages/aggregate.ts';

export interface TrailPoint {
  /** Foot of the box, px of the frame. */
  readonly x: number;
  readonly y: number;
  /** Epoch ms. */
  readonly at: number;
}

/** Positions of one road user. */
const MOST_POINTS = 40;
/** Older positions are left out. */
const KEPT_MS = 60_000;

/** Takes the frames of one camera in the order of time. As many trails as its last minute had road users. */
export class Trails {
  #trails = new Map<number, readonly TrailPoint[]>();
  #newest = -Infinity;

  /** A frame that is not newer than the last one is left out: a revision has the same boxes. */
  add({ timestamp, detectedObjects }: Pick<Aggregate, 'timestamp' | 'detectedObjects'>): void {
    const at = Date.parse(timestamp);
    if (at <= this.#newest) return;
    this.#newest = at;
    for (const { trackId, bbox } of detectedObjects) {
      const point = { x: (bbox[0] + bbox[2]) / 2, y: bbox[3], at };
      this.#trails.set(trackId, [...(this.#trails.get(trackId) ?? []), point].slice(-MOST_POINTS));
    }
    for (const [trackId, points] of this.#trails) {
      const kept = points.filter((point) => at - point.at <= KEPT_MS);
      if (kept.length === 0) this.#trails.delete(trackId);
      else if (kept.length < points.length) this.#trails.set(trackId, kept);
    }
  }

  /** Of the road users seen in the last minute, oldest position first. */
  get all(): ReadonlyMap<number, readonly TrailPoint[]> {
    return this.#trails;
  }
}
