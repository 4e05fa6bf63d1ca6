import { PRIORITIES, type Priority } from '../../messages/task.ts';

/** Part of the tasks servable in time that may wait: answers take a moment, and rates change. */
const FILLED = 0.9;

export interface Backlog {
  /** Tasks at each level that no scheduler has begun. */
  readonly waiting: ReadonlyMap<Priority, number>;
  /** Tasks that schedulers have begun and not answered. */
  readonly begun: number;
  /** Tasks that all schedulers together serve in a second. */
  readonly perSecond: number;
  /** For how long a task is worth an answer, in ms. */
  readonly validityMs: number;
}

/**
 * How many tasks of each level to give up when more wait than can be served while valid, from the lowest level up. No
 * task is given up while one of a lower level waits. Within a level the oldest go, which a stream hands out first.
 * Levels that lose none are left out. Pure.
 */
export function tooMany({ waiting, begun, perSecond, validityMs }: Backlog): ReadonlyMap<Priority, number> {
  const capacity = Math.floor((perSecond * validityMs * FILLED) / 1_000);
  let excess = [...waiting.values()].reduce((sum, count) => sum + count, begun) - capacity;
  const shed = new Map<Priority, number>();
  for (const priority of PRIORITIES) {
    const count = Math.min(excess, waiting.get(priority) ?? 0);
    if (count <= 0) continue;
    shed.set(priority, count);
    excess -= count;
  }
  return shed;
}
