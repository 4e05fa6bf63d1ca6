import type { LocatedModel } from '../messages/model.ts';
import type { Detector } from '../vision/vision.types.ts';

/** Models in a thread at once: that of the start, that of a promoted release, and a candidate's. */
const MOST_LOADED = 3;
/** A detector that no picture came for in so long is freed, in ms. */
const UNUSED_MS = 600_000;

/**
 * The detectors of one thread by their model files, loaded when they are needed. Beyond three the one that was used
 * longest ago is freed, and one that was not used for ten minutes. One call at a time.
 */
export class LoadedDetectors {
  readonly #create: (model: LocatedModel) => Promise<Detector>;
  /** Those used longest ago first. */
  readonly #loaded = new Map<string, { readonly detector: Detector; readonly usedAt: number }>();

  constructor(create: (model: LocatedModel) => Promise<Detector>) {
    this.#create = create;
  }

  /** A detector that could not be loaded is tried again with the next call. `now`: of a monotonic clock, in ms. */
  async of(model: LocatedModel, now: number): Promise<Detector> {
    const detector = this.#loaded.get(model.path)?.detector ?? (await this.#create(model));
    this.#loaded.delete(model.path);
    this.#loaded.set(model.path, { detector, usedAt: now });
    await this.#freeUnused(now);
    return detector;
  }

  async #freeUnused(now: number): Promise<void> {
    for (const [path, { detector, usedAt }] of this.#loaded) {
      if (this.#loaded.size <= MOST_LOADED && now - usedAt < UNUSED_MS) return;
      this.#loaded.delete(path);
      await detector.release();
    }
  }
}
