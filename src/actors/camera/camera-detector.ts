import type { LocatedModel } from '../../messages/model.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import type { Frame, FrameSize } from '../../vision/frame.ts';
import type { Detector, NativeGuard, RawDetection } from '../../vision/vision.types.ts';

/** Loads a detector; null: of the model with which the process began. Rejects as `createDetector`. */
export type OpenDetector = (model: LocatedModel | null) => Promise<Detector>;

export interface CameraDetectorOptions {
  readonly open: OpenDetector;
  readonly native: NativeGuard;
  /** Another detector looks from now on. */
  readonly onSwitched: () => void;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Pick<ActorLog, 'warn'>;
}

/** The one detector of a camera's pictures; which one may change. */
export interface SwitchableDetector extends Detector {
  /** The model that looks now is this one; null: that of the start. */
  isThe(model: LocatedModel | null): boolean;
  /** The present detector goes on until the wanted one is loaded; one that is wanted no more is not loaded. */
  want(model: LocatedModel | null): void;
  /** Time that `detect` has taken since the last call, in ms. */
  takeMs(): number;
}

/** The detector of a camera, which a release may change while the camera runs. */
export class CameraDetector implements SwitchableDetector {
  readonly #options: CameraDetectorOptions;
  #current: Detector;
  /** The model that `#current` was loaded from. */
  #loaded: LocatedModel | null;
  #wanted: LocatedModel | null;
  #ms = 0;
  /** Loads and releases under way, one after the other. Never rejects. */
  #work: Promise<void> = Promise.resolve();

  private constructor(options: CameraDetectorOptions, current: Detector, loaded: LocatedModel | null) {
    this.#options = options;
    this.#current = current;
    this.#loaded = loaded;
    this.#wanted = loaded;
  }

  /** Loads the wanted detector, or that of the start where it fails. Rejects when that fails, too. */
  static async load(options: CameraDetectorOptions, wanted: LocatedModel | null): Promise<CameraDetector> {
    if (wanted !== null) {
      try {
        return new CameraDetector(options, await options.open(wanted), wanted);
      } catch (thrown) {
        options.log.warn({ err: asError(thrown) }, GOES_ON);
      }
    }
    return new CameraDetector(options, await options.open(null), null);
  }

  get modelType(): string {
    return this.#current.modelType;
  }

  get inputSize(): FrameSize {
    return this.#current.inputSize;
  }

  isThe(model: LocatedModel | null): boolean {
    return isSame(this.#loaded, model);
  }

  want(model: LocatedModel | null): void {
    if (isSame(this.#wanted, model)) return;
    this.#wanted = model;
    this.#work = this.#work.then(() => this.#switch(model));
  }

  takeMs(): number {
    const ms = this.#ms;
    this.#ms = 0;
    return ms;
  }

  async detect(frame: Frame, native: NativeGuard): Promise<RawDetection[]> {
    const { clock } = this.#options;
    const began = clock.now();
    try {
      return await this.#current.detect(frame, native);
    } finally {
      this.#ms += clock.now() - began;
    }
  }

  async release(native?: NativeGuard): Promise<void> {
    await this.#work;
    await this.#current.release(native);
  }

  async #switch(model: LocatedModel | null): Promise<void> {
    const { open, native, onSwitched, log } = this.#options;
    if (!isSame(this.#wanted, model) || isSame(this.#loaded, model)) return;
    let next: Detector;
    try {
      next = await open(model);
    } catch (thrown) {
      // The next wish tries again, whichever it is.
      if (isSame(this.#wanted, model)) this.#wanted = this.#loaded;
      log.warn({ err: asError(thrown) }, GOES_ON);
      return;
    }
    const before = this.#current;
    this.#current = next;
    this.#loaded = model;
    onSwitched();
    // Waits for the picture that it looks at.
    await before
      .release(native)
      .catch((thrown: unknown) => log.warn({ err: asError(thrown) }, `${before.modelType} could not be released`));
  }
}

const GOES_ON = 'the wanted detector could not be loaded: the present one goes on';

/** A model is its file. */
const isSame = (one: LocatedModel | null, other: LocatedModel | null): boolean => one?.path === other?.path;
