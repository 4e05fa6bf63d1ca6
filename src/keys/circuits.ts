import { Circuit, type CircuitStats } from './circuit.ts';
import type { KeySpec } from './key-config.ts';

/**
 * The name of a key's circuit: its endpoint, with its quota group or, without one, its model. Keys without a group find
 * out together that an endpoint is down. A group (an account) has a circuit of its own, since a provider may fail for
 * one account alone. The name is shown, so query, user and password of the URL are left out.
 */
export function circuitName({ baseUrl, quotaGroup, model }: KeySpec): string {
  const { host, pathname } = new URL(baseUrl);
  return `${quotaGroup === null ? model : `group ${quotaGroup}`} at ${host}${pathname.replace(/\/$/, '')}`;
}

/** One circuit for each provider that the keys name. */
export class Circuits {
  readonly #random: () => number;
  readonly #circuits = new Map<string, Circuit>();
  /** State as last reported. */
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

  /** Forgets circuits that no key uses any more. */
  keep(specs: readonly KeySpec[]): void {
    const named = new Set(specs.map(circuitName));
    for (const name of this.#circuits.keys()) if (!named.has(name)) this.#circuits.delete(name);
    for (const name of this.#told.keys()) if (!named.has(name)) this.#told.delete(name);
  }

  /** Circuits that opened or closed since the last call of this. */
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
