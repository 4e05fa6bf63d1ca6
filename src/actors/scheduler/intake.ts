import { PRIORITIES_URGENT_FIRST } from '../../messages/subjects.ts';
import type { Priority } from '../../messages/task.ts';

interface Level<D> {
  readonly priority: Priority;
  readonly ready: { readonly delivery: D; readonly since: number }[];
  /** Since when a fetch is under way; null when none is. */
  fetchingSince: number | null;
  /** The last fetch brought nothing, so the level counts as empty until one does. */
  empty: boolean;
}

export interface IntakeOptions {
  /** A ready task gains one level in this time, in ms. */
  readonly ageingMs: number;
  /** A level counts as empty once a fetch has brought nothing for this long, in ms. */
  readonly quietMs: number;
  /** Tasks fetched at once from one level. */
  readonly batch: number;
}

/** A fetch that has brought nothing for this long means that its level is empty. */
const QUIET_MS = 10;
/** Tasks fetched at once from one level. */
export const BATCH = 16;

export const intakeOptions = ({ ageingMs }: Pick<IntakeOptions, 'ageingMs'>): IntakeOptions => ({
  ageingMs,
  quietMs: QUIET_MS,
  batch: BATCH,
});

export type Taken<D> =
  | { readonly kind: 'task'; readonly delivery: D }
  /** A task is ready, but a more urgent one may arrive until then (epoch ms). */
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'nothing' };

/**
 * The fetched tasks of the five levels that are not begun. Chooses the next one, urgent first; a task gains a level
 * every `ageingMs`. The most urgent task may still be at the server: while slots are scarce, a task is taken only when
 * every higher level with none ready has been silent for `quietMs`, or when its age would put it first anyway. With
 * slots to spare it is taken at once, as a later urgent task finds a slot too. Pure.
 */
export class Intake<D> {
  #options: IntakeOptions;
  readonly #levels: readonly Level<D>[] = PRIORITIES_URGENT_FIRST.map((priority) => ({
    priority,
    ready: [],
    fetchingSince: null,
    empty: false,
  }));

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  configure(options: IntakeOptions): void {
    this.#options = options;
  }

  /** Number of ready tasks. */
  get size(): number {
    return this.#levels.reduce((sum, level) => sum + level.ready.length, 0);
  }

  /** How many to fetch now from each level without a fetch or a ready task, given the number of free slots. */
  fetches(free: number): readonly { readonly priority: Priority; readonly max: number }[] {
    const max = Math.max(1, Math.min(this.#options.batch, free - this.size));
    return this.#levels
      .filter((level) => level.fetchingSince === null && level.ready.length === 0)
      .map(({ priority }) => ({ priority, max }));
  }

  /** A fetch begins. */
  fetching(priority: Priority, now: number): void {
    this.#level(priority).fetchingSince = now;
  }

  /** A fetch ended with these tasks. */
  fetched(priority: Priority, deliveries: readonly D[], now: number): void {
    const level = this.#level(priority);
    level.fetchingSince = null;
    level.empty = deliveries.length === 0;
    for (const delivery of deliveries) level.ready.push({ delivery, since: now });
  }

  /** A fetch failed. The level counts as empty, so that no lower level waits for it. */
  failed(priority: Priority): void {
    const level = this.#level(priority);
    level.fetchingSince = null;
    level.empty = true;
  }

  /** Removes and returns the next task. `scarce`: the free slots may be too few for the tasks of higher levels. */
  take(now: number, scarce: boolean): Taken<D> {
    const { ageingMs } = this.#options;
    const rank = (level: Level<D>): number => (level.ready[0]?.since ?? Infinity) - level.priority * ageingMs;
    const best = this.#levels
      .filter((level) => level.ready.length > 0)
      .reduce<Level<D> | null>((found, level) => (found === null || rank(level) < rank(found) ? level : found), null);
    const head = best?.ready[0];
    if (best === null || head === undefined) return { kind: 'nothing' };
    let untilMs = now;
    for (const level of this.#levels) {
      if (level.priority <= best.priority || level.ready.length > 0) continue;
      const oldEnough = head.since + (level.priority - best.priority) * ageingMs;
      untilMs = Math.max(untilMs, Math.min(oldEnough, this.#emptyAt(level)));
    }
    if (scarce && untilMs > now) return { kind: 'wait', untilMs };
    best.ready.shift();
    return { kind: 'task', delivery: head.delivery };
  }

  /** Removes and returns the ready tasks for which `test` holds. */
  remove(test: (delivery: D) => boolean): readonly D[] {
    return this.#levels.flatMap((level) => {
      const removed = level.ready.filter((one) => test(one.delivery));
      level.ready.splice(0, level.ready.length, ...level.ready.filter((one) => !removed.includes(one)));
      return removed.map((one) => one.delivery);
    });
  }

  /** Removes and returns up to `most` ready tasks of this level, oldest first. */
  takeOldest(priority: Priority, most: number): readonly D[] {
    return this.#level(priority)
      .ready.splice(0, most)
      .map(({ delivery }) => delivery);
  }

  /** Number of ready tasks at this level. */
  readyAt(priority: Priority): number {
    return this.#level(priority).ready.length;
  }

  /** The oldest ready task of this level; undefined when there is none. */
  oldest(priority: Priority): D | undefined {
    return this.#level(priority).ready[0]?.delivery;
  }

  /** The highest level with a ready task; null when there is none. */
  get highest(): Priority | null {
    return this.#levels.find((level) => level.ready.length > 0)?.priority ?? null;
  }

  /** When this level, which has no ready task, counts as empty, epoch ms. */
  #emptyAt(level: Level<D>): number {
    return level.empty || level.fetchingSince === null ? -Infinity : level.fetchingSince + this.#options.quietMs;
  }

  #level(priority: Priority): Level<D> {
    const level = this.#levels.find((one) => one.priority === priority);
    if (level === undefined) throw new Error(`there is no priority ${String(priority)}`);
    return level;
  }
}
