import type { LocatedModel } from '../messages/model.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';

type Held =
  | { readonly state: 'locating' }
  | { readonly state: 'usable'; readonly model: LocatedModel }
  | { readonly state: 'failed'; readonly message: string };

export interface ReleaseDetectorsOptions {
  /** Makes the model of a name in the manifest ready; rejects as `pullModel`. */
  readonly locate: (name: string) => Promise<LocatedModel>;
  /** A detector became usable, or is usable no more. */
  readonly onChange: () => void;
  /** One that could not be located. */
  readonly onFailed: () => void;
  readonly log: Pick<ActorLog, 'info' | 'error'>;
}

/**
 * The detectors that releases name: two at most. Each is located when a release first names it and forgotten when none
 * does, so that a later release tries one that failed again.
 */
export class ReleaseDetectors {
  readonly #options: ReleaseDetectorsOptions;
  readonly #held = new Map<string, Held>();

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

  /** The detectors that the releases in force name now. */
  want(names: readonly string[]): void {
    for (const name of this.#held.keys()) if (!names.includes(name)) this.#held.delete(name);
    for (const name of names) if (!this.#held.has(name)) void this.#locate(name);
  }

  /** A camera could not load this model file: no camera gets it any more. */
  fail(path: string, message: string): void {
    for (const [name, held] of this.#held) {
      if (held.state !== 'usable' || held.model.path !== path) continue;
      this.#held.set(name, { state: 'failed', message });
      this.#options.onChange();
    }
  }

  /** Never rejects. */
  async #locate(name: string): Promise<void> {
    const { locate, onChange, onFailed, log } = this.#options;
    const locating: Held = { state: 'locating' };
    this.#held.set(name, locating);
    try {
      const model = await locate(name);
      if (this.#held.get(name) !== locating) return;
      this.#held.set(name, { state: 'usable', model });
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
