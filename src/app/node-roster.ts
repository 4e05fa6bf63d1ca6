import type { NodeFigures } from './node-figures.ts';

/** A node that has not answered for so long is away, and forgotten after so long. */
const AWAY_MS = 30_000;
const FORGOTTEN_MS = 10 * 60_000;
const MOST_NODES = 1_000;

export interface SeenNode extends NodeFigures {
  readonly state: 'present' | 'away';
  /** When it answered last, epoch ms. */
  readonly seenAt: number;
}

/** The nodes that answered in the last ten minutes. Pure: every call takes the time, epoch ms. */
export class NodeRoster {
  /** The one that answered longest ago first. */
  readonly #seen = new Map<string, { readonly at: number; readonly figures: NodeFigures }>();

  note(answers: readonly NodeFigures[], now: number): void {
    for (const figures of answers) {
      this.#seen.delete(figures.nodeId);
      this.#seen.set(figures.nodeId, { at: now, figures });
    }
    for (const [nodeId, { at }] of this.#seen)
      if (now - at > FORGOTTEN_MS || this.#seen.size > MOST_NODES) this.#seen.delete(nodeId);
  }

  /** By name. */
  list(now: number): readonly SeenNode[] {
    return [...this.#seen.values()]
      .filter(({ at }) => now - at <= FORGOTTEN_MS)
      .map(({ at, figures }): SeenNode => ({
        ...figures,
        state: now - at > AWAY_MS ? 'away' : 'present',
        seenAt: at,
      }))
      .toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }
}
