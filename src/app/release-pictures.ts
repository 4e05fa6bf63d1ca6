import { putPicture } from '../actors/put-picture.ts';
import { MAX_ALERT_IMAGE_BYTES } from '../actors/alert-images.ts';
import type { Encoder } from '../imaging/jpeg-encoder.ts';
import type { AlertImageStore, Bus, ImageStore } from '../infra/bus.ts';
import { ReleaseOutcome } from '../messages/release.ts';
import { streams, subjects } from '../messages/subjects.ts';
import { isDifference } from '../releases/release-figures.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';

export interface ReleasePicturesOptions {
  readonly bus: Pick<Bus, 'follow'>;
  readonly images: Pick<ImageStore, 'get'>;
  readonly kept: AlertImageStore;
  readonly encoder: Pick<Encoder, 'shrink'>;
  readonly log: ActorLog;
}

type Pair = Extract<ReleaseOutcome, { type: 'pair' }>;
interface Wanted extends Pick<Pair, 'cameraId'> {
  readonly cropId: NonNullable<Pair['cropId']>;
}

/** Pictures that wait to be kept; further ones are left out. They live for five minutes. */
const MOST_WAITING = 100;

/**
 * Keeps the pictures of alerts that only one way raised, as long as alerts, on nodes with the role `aggregator`.
 * Several such nodes may keep one twice, which changes nothing. A picture that fails is left out of the figures, and
 * logged.
 */
export class ReleasePictures {
  readonly #options: ReleasePicturesOptions;
  readonly #stop = new AbortController();
  readonly #waiting: Wanted[] = [];
  #keeping = false;
  /** Pictures since the start. */
  readonly counts = { kept: 0, missing: 0, failed: 0, dropped: 0 };

  constructor(options: ReleasePicturesOptions) {
    this.#options = options;
    options.bus.follow({
      stream: streams.releaseOutcomes,
      filter: subjects.releaseOutcomes,
      parser: ReleaseOutcome,
      from: 'new',
      signal: this.#stop.signal,
      onMessage: ({ body }) => this.#take(body),
    });
  }

  close(): void {
    this.#stop.abort();
  }

  #take(outcome: ReleaseOutcome): void {
    if (outcome.type !== 'pair' || outcome.cropId === null || !isDifference(outcome)) return;
    if (this.#waiting.length >= MOST_WAITING) {
      this.counts.dropped += 1;
      return;
    }
    this.#waiting.push({ cameraId: outcome.cameraId, cropId: outcome.cropId });
    if (!this.#keeping) void this.#keepAll();
  }

  /** Never rejects. */
  async #keepAll(): Promise<void> {
    this.#keeping = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#stop.signal.aborted) break;
      await this.#keep(next);
    }
    this.#keeping = false;
  }

  async #keep({ cameraId, cropId }: Wanted): Promise<void> {
    const { images, kept, encoder, log } = this.#options;
    const { signal } = this.#stop;
    try {
      if (await kept.has(cropId)) return;
      const jpeg = await images.get(cropId, signal);
      if (jpeg === null) {
        this.counts.missing += 1;
        return;
      }
      const small = await encoder.shrink(jpeg, MAX_ALERT_IMAGE_BYTES, signal);
      await putPicture(kept, { id: cropId, jpeg: small, cameraId }, (large, most) =>
        encoder.shrink(large, most, signal),
      );
      this.counts.kept += 1;
    } catch (thrown) {
      if (signal.aborted) return;
      this.counts.failed += 1;
      const err = asError(thrown).message;
      log.warn({ imageId: cropId, err }, `picture ${cropId} of a release's difference is not kept: ${err}`);
    }
  }
}
