import type { Behaviour, BehaviourOptions } from './simulator.types.ts';

interface Rule {
  readonly behaviour: Behaviour;
  readonly probability: number;
  readonly key: string | null;
  left: number;
}

/** The active behaviours; the newest that applies to a call wins. */
export class Behaviours {
  readonly #random: () => number;
  #rules: Rule[] = [];

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Returns a function that removes it again. */
  add(behaviour: Behaviour, { probability = 1, times = Infinity, key }: BehaviourOptions = {}): () => void {
    const rule: Rule = { behaviour, probability, key: key ?? null, left: times };
    this.#rules.unshift(rule);
    return () => {
      this.#rules = this.#rules.filter((other) => other !== rule);
    };
  }

  clear(): void {
    this.#rules = [];
  }

  /** The behaviour for the next call of this key; null for a good answer. */
  next(key: string): Behaviour | null {
    const rule = this.#rules.find(
      (one) =>
        one.left > 0 &&
        (one.key === null || one.key === key) &&
        (one.probability >= 1 || this.#random() < one.probability),
    );
    if (rule === undefined) return null;
    rule.left--;
    return rule.behaviour;
  }
}
