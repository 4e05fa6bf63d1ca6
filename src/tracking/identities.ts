import type { Identity } from './track-state.types.ts';

/** The track of a detection. */
export interface Named {
  readonly identity: Identity;
  readonly velocity: readonly [number, number] | null;
}

/** A frame that was gone through again: the ids its detections had before (0: none), and their tracks now. */
export interface RenamedFrame {
  readonly earlier: readonly number[];
  readonly now: readonly (Named | null)[];
}

/**
 * Names the tracks that began in these frames: each as most of its detections were named before, unless another track
 * has that name; else with a new id. `kept` are those that began earlier. Returns the next id to give.
 */
export function nameAgain(frames: readonly RenamedFrame[], kept: ReadonlySet<Identity>, nextId: number): number {
  const votes = new Map<Identity, Map<number, number>>();
  for (const { earlier, now } of frames) {
    for (const [i, named] of now.entries()) {
      if (named === null || kept.has(named.identity)) continue;
      const counts = votes.get(named.identity) ?? new Map<number, number>();
      votes.set(named.identity, counts);
      const id = earlier[i] ?? 0;
      if (id > 0) counts.set(id, (counts.get(id) ?? 0) + 1);
    }
  }
  const taken = new Set([...kept].map(({ id }) => id));
  const wishes = [...votes].flatMap(([identity, counts]) =>
    [...counts].map(([id, count]) => ({ identity, id, count })),
  );
  for (const { identity, id } of wishes.toSorted((a, b) => b.count - a.count || a.id - b.id)) {
    if (identity.id !== 0 || taken.has(id)) continue;
    identity.id = id;
    taken.add(id);
  }
  let next = nextId;
  for (const identity of votes.keys()) if (identity.id === 0) identity.id = next++;
  return next;
}
