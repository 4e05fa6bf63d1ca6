import type { ProviderError } from './provider-error.ts';
import {
  type FormatStep,
  isUnspecific,
  nextShape,
  plainShape,
  sameShape,
  type Shape,
  type Wanted,
} from './request-shape.ts';

/** The plain request is tried again after this long, because providers and models change. */
export const REMEMBERED_MS = 24 * 3_600_000;
/** Most targets remembered. One more clears them all, at the cost of a few refused calls. */
const MOST_TARGETS = 500;

interface Target {
  shape: Shape;
  /** Epoch ms. */
  readonly until: number;
  /** The response format of the last request that was answered. */
  proven: FormatStep | null;
  /** A request with several pictures was answered. */
  severalProven: boolean;
  /** A shape with one thing less, tried after a refusal that named no parameter; kept only if it works. */
  trial: Shape | null;
  /** The things that were left out in trials: each is tried once. */
  readonly tried: Set<'format' | 'pictures'>;
}

/** The shape of the next request, and whether it is a trial. */
export interface ChosenShape {
  readonly shape: Shape;
  readonly trial: boolean;
}

/**
 * Remembers, per endpoint and model, which parameters the provider refuses. Each refusal takes one step, and no step is
 * taken back until the target is forgotten after a day: a refusal costs one call, and there is no loop.
 */
export class Adaptations {
  readonly #targets = new Map<string, Target>();
  readonly #now: () => number;

  /** `now`: epoch ms. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The shape to send now. `target` names endpoint and model. */
  choose(target: string, wanted: Wanted): ChosenShape {
    const known = this.#known(target);
    if (known === null) return { shape: plainShape(wanted.responseFormat), trial: false };
    const trial = trialFor(known, wanted);
    const shape = trial ?? known.shape;
    const format = wanted.responseFormat === 'auto' ? shape.format : wanted.responseFormat;
    return { shape: { ...shape, format }, trial: trial !== null };
  }

  /** Records that the provider answered a request of this shape. */
  answered(target: string, wanted: Wanted, { shape, trial }: ChosenShape): void {
    const known =
      this.#targets.get(target) ?? (wanted.responseFormat === 'auto' ? this.#new(target, plainShape('auto')) : null);
    if (known === null) return;
    if (trial && known.trial !== null) {
      known.shape = known.trial;
      known.trial = null;
    }
    if (wanted.responseFormat === 'auto') known.proven = shape.format;
    if (wanted.pictures > 1 && shape.pictures === 'several') known.severalProven = true;
  }

  /** Records a refused request. True when the next one will have another shape, so that it is worth sending. */
  refused(target: string, wanted: Wanted, { shape, trial }: ChosenShape, error: ProviderError): boolean {
    const known = this.#known(target) ?? this.#new(target, plainShape('auto'));
    const now = { ...known.shape, format: wanted.responseFormat === 'auto' ? known.shape.format : shape.format };
    // Several calls in flight may be refused for the same reason: the first took the step for all.
    if (!trial && !sameShape(shape, now)) return true;
    const next = nextShape(shape, wanted, error);
    if (next !== null) {
      known.trial = null;
      known.shape = next;
      return true;
    }
    if (trial) {
      known.trial = null;
      return false;
    }
    if (known.trial !== null) return trialFor(known, wanted) !== null;
    const without = isUnspecific(error) ? worthTrial(known, wanted, shape) : null;
    if (without === null) return false;
    known.tried.add(without);
    known.trial = without === 'pictures' ? { ...shape, pictures: 'one' } : { ...shape, format: 'none' };
    return true;
  }

  #known(target: string): Target | null {
    const known = this.#targets.get(target);
    if (known === undefined) return null;
    if (known.until > this.#now()) return known;
    this.#targets.delete(target);
    return null;
  }

  #new(target: string, shape: Shape): Target {
    if (this.#targets.size >= MOST_TARGETS) this.#targets.clear();
    const made: Target = {
      shape,
      until: this.#now() + REMEMBERED_MS,
      proven: null,
      severalProven: false,
      trial: null,
      tried: new Set(),
    };
    this.#targets.set(target, made);
    return made;
  }
}

/** The trial under way; null when a request like this would say nothing about it. */
const trialFor = ({ trial, shape }: Target, { pictures }: Wanted): Shape | null =>
  trial !== null && (trial.pictures === shape.pictures || pictures > 1) ? trial : null;

/** The thing whose leaving out is worth a trial: nothing that a request was answered with. */
function worthTrial(known: Target, { responseFormat, pictures }: Wanted, shape: Shape): 'format' | 'pictures' | null {
  if (pictures > 1 && shape.pictures === 'several' && !known.severalProven && !known.tried.has('pictures'))
    return 'pictures';
  const formatMay = responseFormat === 'auto' && shape.format !== 'none' && known.proven !== shape.format;
  return formatMay && !known.tried.has('format') ? 'format' : null;
}
