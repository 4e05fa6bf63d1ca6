import { isDangerous, type RiskLevel } from '../messages/assessment.ts';
import type { Judgement } from '../messages/release.ts';

/** Bounds of the latencies' buckets: from 10 ms on, each 5 % above the one before, to 170 s. */
const LEAST_SECONDS = 0.01;
const STEP = Math.log(1.05);
const BUCKETS = 200;

export type Levels = Record<RiskLevel, number>;
export const noLevels = (): Levels => ({ none: 0, low: 0, medium: 0, high: 0, unknown: 0 });

/** Judgements of one way, added up. */
export class Tally {
  judgements = 0;
  /** Of those, the ones that no answer came to; they are in none of the other numbers but the cost. */
  failed = 0;
  cost = 0;
  /** Judgements of a dangerous level. */
  alerts = 0;
  readonly levels = noLevels();
  readonly #latencies = new Float64Array(BUCKETS);
  #timed = 0;

  add({ level, seconds, cost, failure }: Judgement): void {
    this.judgements += 1;
    this.cost += cost;
    if (failure !== undefined) {
      this.failed += 1;
      return;
    }
    this.levels[level] += 1;
    if (isDangerous(level)) this.alerts += 1;
    if (seconds === null) return;
    const bucket = Math.floor(Math.log(Math.max(seconds, LEAST_SECONDS) / LEAST_SECONDS) / STEP);
    const slot = Math.min(BUCKETS - 1, bucket);
    this.#latencies[slot] = (this.#latencies[slot] ?? 0) + 1;
    this.#timed += 1;
  }

  /** Both together. */
  with(other: Tally): Tally {
    const sum = new Tally();
    for (const each of [this, other]) {
      sum.judgements += each.judgements;
      sum.failed += each.failed;
      sum.cost += each.cost;
      sum.alerts += each.alerts;
      for (const level of Object.keys(sum.levels) as RiskLevel[]) sum.levels[level] += each.levels[level];
      for (const [slot, count] of each.#latencies.entries()) sum.#latencies[slot] = (sum.#latencies[slot] ?? 0) + count;
      sum.#timed += each.#timed;
    }
    return sum;
  }

  /** Of the answers; null without one. */
  get unknownShare(): number | null {
    return share(this.levels.unknown, this.judgements - this.failed);
  }

  get failedShare(): number | null {
    return share(this.failed, this.judgements);
  }

  get costPerJudgement(): number | null {
    return share(this.cost, this.judgements);
  }

  /** Seconds that a part of the answers (0 to 1) took at most, 5 % too long at worst; null without a call. */
  latency(part: number): number | null {
    if (this.#timed === 0) return null;
    let left = Math.ceil(this.#timed * part);
    const slot = this.#latencies.findIndex((count) => (left -= count) <= 0);
    return LEAST_SECONDS * Math.exp(STEP * (slot + 1));
  }
}

export const share = (part: number, all: number): number | null => (all === 0 ? null : part / all);
