import { PRIORITIES, type Priority } from '../../messages/task.ts';

/** Part of what could be served in time that may wait: answers take a moment, and rates change. */
const FILLED = 0.9;

export interface Backlog {
  /** Tasks at each level that nobody has begun. */
  readonly waiting: ReadonlyMap<Priority, number>;
  /** Tasks that schedulers have begun and not answered. */
  readonly begun: number;
  /** Tasks that all schedulers together serve in a second. */
  readonly perSecond: number;
  /** For how long a task is worth an answer, in ms. */
  readonly validityMs: number;
}

/**
 * How many tasks of each level are given up, because more wait than can be served while they are valid: as many as are
 * too many, from the lowest level up. So no task is given up while one of a lower level waits; within a level the oldest
 * go, which a stream hands out first. Levels of which none is given up are not named. Pure.
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
