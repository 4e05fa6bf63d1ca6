import type { Aggregate } from '../messages/aggregate.ts';

/** Frames remembered, so that a revision counts no group again. */
const REMEMBERED = 4_096;

/** Counts groups that nobody judged because there was no room or no time, each once. Pure. */
export class ShedGroups {
  readonly #counted = new Map<string, Set<number>>();

  /** How many of this aggregate's groups are to be counted now. */
  of({ requestId, riskAssessment }: Pick<Aggregate, 'requestId' | 'riskAssessment'>): number {
    const shed = riskAssessment.missingGroups.filter(({ reason }) => reason === 'shed' || reason === 'expired').map(({ groupIndex }) => groupIndex);
    if (shed.length === 0) return 0;
    const counted = this.#counted.get(requestId) ?? new Set();
    const fresh = shed.filter((group) => !counted.has(group));
    for (const group of fresh) counted.add(group);
    this.#counted.set(requestId, counted);
    if (this.#counted.size > REMEMBERED) this.#counted.delete(this.#counted.keys().next().value ?? '');
    return fresh.length;
  }
}
