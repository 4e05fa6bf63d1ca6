/** One node's share of a budget while it cannot ask the others. Pure. */
import type { WindowLimit } from '../sliding-windows.ts';

interface Entry {
  at: number;
  /** Places it takes: every call made alone stands for one by each node. */
  readonly weight: number;
  readonly own: boolean;
}

export interface LogEntry {
  readonly id: string;
  readonly at: number;
  readonly own: boolean;
}

/** Longer than the longest window. */
const KEPT_MS = 65_000;

/**
 * A node's copy of one budget's calls, its own and those of others as last seen. While Redis is down, each of `nodes`
 * nodes may take an equal part of the places that earlier calls leave free in a window: it counts each of its own calls
 * `nodes` times. So all nodes together stay within `limit`, although none knows of the others. When a window has fewer
 * places than there are nodes, only as many nodes as it has places take part, the first by rank.
 */
export class BudgetLog {
  readonly #entries = new Map<string, Entry>();

  /** Adds a call, or moves a known one. `at` may lie ahead: the call counts until one window after it. */
  put(id: string, at: number, own: boolean, weight = 1): void {
    const known = this.#entries.get(id);
    if (known === undefined) this.#entries.set(id, { at, own, weight });
    else known.at = at;
  }

  remove(id: string): void {
    this.#entries.delete(id);
  }

  prune(now: number): void {
    for (const [id, { at }] of this.#entries) if (at < now - KEPT_MS) this.#entries.delete(id);
  }

  /** Redis decides from now on: every call counts once again. */
  settleWeights(): void {
    for (const [id, { at, own, weight }] of this.#entries)
      if (weight !== 1) this.#entries.set(id, { at, own, weight: 1 });
  }

  /** Counts the calls of `other` here as well. */
  inherit(other: BudgetLog): void {
    for (const [id, { at, weight }] of other.#entries)
      if (!this.#entries.has(id)) this.#entries.set(id, { at, weight, own: false });
  }

  list(): readonly LogEntry[] {
    return [...this.#entries].map(([id, { at, own }]) => ({ id, at, own }));
  }

  /**
   * Assumes that from `since` to `now`, unseen by this node, the others made as many calls as the windows allow.
   * Returns how many calls that adds to the known ones. They are put at `now`, the latest they can be.
   */
  assumeFull(limits: readonly WindowLimit[], since: number, now: number): number {
    let most = Infinity;
    for (const { limit, spanMs } of limits) {
      const known = this.#weightAfter(now - spanMs);
      const perWindow = limit * (Math.floor((now - since) / spanMs) + 1);
      most = Math.min(most, spanMs >= now - since ? Math.max(0, limit - known) : perWindow);
    }
    for (let i = 0; i < most; i++) this.put(`assumed:${now}:${i}`, now, false);
    return most;
  }

  /** When this node, of `rank` 0 to `nodes - 1`, may make a call of its own; Infinity: never while alone. */
  nextAt(limits: readonly WindowLimit[], guardMs: number, nodes: number, rank: number, now: number): number {
    const share = this.share(limits, nodes);
    if (rank >= share) return Infinity;
    const newestFirst = [...this.#entries.values()].toSorted((a, b) => b.at - a.at);
    let at = now;
    for (const { limit, spanMs } of limits) {
      let places = limit - share;
      for (const entry of newestFirst) {
        places -= entry.weight;
        if (places >= 0) continue;
        at = Math.max(at, entry.at + spanMs + guardMs + 1);
        break;
      }
    }
    return at;
  }

  /** Nodes that take part: each of their calls counts that often. */
  share(limits: readonly WindowLimit[], nodes: number): number {
    return Math.max(1, Math.min(nodes, ...limits.map((window) => window.limit)));
  }

  #weightAfter(from: number): number {
    let sum = 0;
    for (const { at, weight } of this.#entries.values()) if (at >= from) sum += weight;
    return sum;
  }
}
