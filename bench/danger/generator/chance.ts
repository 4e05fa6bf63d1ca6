import { seededRandom } from '../../../src/simulator/random.ts';

/** Seeded random choices. */
export class Chance {
  readonly next: () => number;

  constructor(seed: number) {
    this.next = seededRandom(seed);
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 5; i += 1) this.next();
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.next();
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }

  /** Mean 0, standard deviation 1 (Box and Muller 1958). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** In proportion to the weights. */
  pick<T>(options: readonly (readonly [T, number])[]): T {
    const [first] = options;
    if (first === undefined) throw new RangeError('nothing to pick from');
    let left = this.next() * options.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [option, weight] of options) {
      left -= weight;
      if (left < 0) return option;
    }
    return first[0];
  }
}
