import { Circuit, type CircuitStats } from './circuit.ts';
import type { KeySpec } from './key-config.ts';

/**
 * Which provider a key's calls speak of: its endpoint, for its quota group or, without one, its model. All keys without
 * a group find out together that an endpoint is down; a group (an account) is one of its own, since a provider may
 * fail for one account alone. Query, user and password of the URL are left out: the name is shown.
 */
export function circuitName({ baseUrl, quotaGroup, model }: KeySpec): string {
  const { host, pathname } = new URL(baseUrl);
  return `${quotaGroup === null ? model : `group ${quotaGroup}`} at ${host}${pathname.replace(/\/$/, '')}`;
}

/** One circuit for each provider that the keys name. */
export class Circuits {
  readonly #random: () => number;
  readonly #circuits = new Map<string, Circuit>();
  /** State as last told. */
  readonly #told = new Map<string, boolean>();

  constructor(random: () => number) {
    this.#random = random;
  }

  of(spec: KeySpec): Circuit {
    const name = circuitName(spec);
    const known = this.#circuits.get(name);
    if (known !== undefined) return known;
    const made = new Circuit(name, this.#random);
    this.#circuits.set(name, made);
    return made;
  }

  /** Forgets those that no key names any more. */
  keep(specs: readonly KeySpec[]): void {
    const named = new Set(specs.map(circuitName));
    for (const name of this.#circuits.keys()) if (!named.has(name)) this.#circuits.delete(name);
    for (const name of this.#told.keys()) if (!named.has(name)) this.#told.delete(name);
  }

  /** Those that opened or closed since this was last asked. */
  changes(now: number): readonly CircuitStats[] {
    return [...this.#circuits.values()].flatMap((circuit) => {
      const before = this.#told.get(circuit.group) ?? true;
      if (before === circuit.closed) return [];
      this.#told.set(circuit.group, circuit.closed);
      return [circuit.stats(now)];
    });
  }

  stats(now: number): readonly CircuitStats[] {
    return [...this.#circuits.values()].map((circuit) => circuit.stats(now));
  }
}
