import type { LocatedModel } from '../messages/model.ts';
import type { ActorLog } from '../runtime/actor.ts';
import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';

type Held =
  | { readonly state: 'locating' }
  | { readonly state: 'usable'; readonly model: LocatedModel; readonly tries: Tries | null }
  | { readonly state: 'failed'; readonly message: string };

/** Failures to load that may pass, e.g. for want of memory. */
interface Tries {
  readonly failed: number;
  /** Time of the last one, epoch ms. */
  readonly at: number;
}

/** The cameras of this process try again after so long. Failures before that are of the same try. */
const TRY_AGAIN_MS = 30_000;
/** So many failed tries in a row are a failure of the detector at this process. */
const MOST_TRIES = 3;
/** A try so much later begins a new row. */
const SAME_ROW_MS = 10 * 60_000;

export interface ReleaseDetectorsOptions {
  /** Makes the model of a name in the manifest ready; rejects as `pullModel`. */
  readonly locate: (name: string) => Promise<LocatedModel>;
  /** A detector became usable, is usable no more, or is to be tried again. */
  readonly onChange: () => void;
  /** One that could not be located. */
  readonly onFailed: () => void;
  readonly clock: Clock;
  readonly log: Pick<ActorLog, 'info' | 'error'>;
}

/**
 * The detectors that releases name: two at most. Each is located when a release first names it and forgotten when none
 * does, so that a later release tries one that failed again.
 */
export class ReleaseDetectors {
  readonly #options: ReleaseDetectorsOptions;
  readonly #held = new Map<string, Held>();
  readonly #timers = new Set<TimerHandle>();

  constructor(options: ReleaseDetectorsOptions) {
    this.#options = options;
  }

  /** Null until the detector is usable. */
  modelOf(name: string): LocatedModel | null {
    const held = this.#held.get(name);
    return held?.state === 'usable' ? held.model : null;
  }

  /** A sentence for the operator; null while all detectors are usable, or being located. */
  get problem(): string | null {
    for (const [name, held] of this.#held)
      if (held.state === 'failed')
        return `the detector ${name} of a release can't be used, so cameras keep the present one: ${held.message}`;
    return null;
  }

  /** Why the detector can't be used by this process; null while it can, or is being located. */
  failureOf(name: string): string | null {
    const held = this.#held.get(name);
    return held?.state === 'failed' ? held.message : null;
  }

  /** No detector is tried again. */
  close(): void {
    for (const timer of this.#timers) this.#options.clock.clearTimeout(timer);
    this.#timers.clear();
  }

  /** The detectors that the releases in force name now. */
  want(names: readonly string[]): void {
    for (const name of this.#held.keys()) if (!names.includes(name)) this.#held.delete(name);
    for (const name of names) if (!this.#held.has(name)) void this.#locate(name);
  }

  /**
   * A camera could not load this model file. When that is permanent, or has failed in several tries, no camera gets it
   * any more; else all cameras try again later.
   */
  fail(path: string, message: string, permanent: boolean): void {
    const { onChange, clock } = this.#options;
    for (const [name, held] of this.#held) {
      if (held.state !== 'usable' || held.model.path !== path) continue;
      const sinceLast = clock.now() - (held.tries?.at ?? -Infinity);
      if (!permanent && sinceLast < TRY_AGAIN_MS) continue;
      const failed = (held.tries !== null && sinceLast < SAME_ROW_MS ? held.tries.failed : 0) + 1;
      if (permanent || failed >= MOST_TRIES) {
        this.#held.set(name, { state: 'failed', message });
        onChange();
      } else {
        this.#held.set(name, { ...held, tries: { failed, at: clock.now() } });
        this.#tryAgainLater();
      }
    }
  }

  #tryAgainLater(): void {
    const { onChange, clock } = this.#options;
    const timer = clock.setTimeout(() => {
      this.#timers.delete(timer);
      onChange();
    }, TRY_AGAIN_MS);
    this.#timers.add(timer);
  }

  /** Never rejects. */
  async #locate(name: string): Promise<void> {
    const { locate, onChange, onFailed, log } = this.#options;
    const locating: Held = { state: 'locating' };
    this.#held.set(name, locating);
    try {
      const model = await locate(name);
      if (this.#held.get(name) !== locating) return;
      this.#held.set(name, { state: 'usable', model, tries: null });
      log.info({ detector: name }, `the detector ${name} of a release is ready`);
      onChange();
    } catch (thrown) {
      const { message } = asError(thrown);
      if (this.#held.get(name) !== locating) return;
      this.#held.set(name, { state: 'failed', message });
      log.error({ detector: name, err: message }, `the detector ${name} of a release can't be used: ${message}`);
      onFailed();
    }
  }
}
