import type { Aggregate } from '../../messages/aggregate.ts';
import type { CameraId } from '../../messages/ids.ts';

interface Newest {
  readonly aggregate: Aggregate;
  /** Sequence in the stream AGGREGATES. */
  readonly offset: number;
}

const MAX_CAMERAS = 10_000;

/** The newest published aggregate of each camera, by the time of its frame. Of more than 10,000 cameras the one updated last is kept. */
export class NewestAggregates {
  readonly #byCamera = new Map<CameraId, Newest>();

  add(aggregate: Aggregate, offset: number): void {
    const { cameraId, timestamp } = aggregate;
    const known = this.#byCamera.get(cameraId);
    if (known !== undefined && known.aggregate.timestamp > timestamp) return;
    this.#byCamera.delete(cameraId);
    this.#byCamera.set(cameraId, { aggregate, offset });
    const [oldest] = this.#byCamera.keys();
    if (this.#byCamera.size > MAX_CAMERAS && oldest !== undefined) this.#byCamera.delete(oldest);
  }

  of(cameraId: CameraId): Aggregate | null {
    return this.#byCamera.get(cameraId)?.aggregate ?? null;
  }

  all(): Iterable<Newest> {
    return this.#byCamera.values();
  }
}
