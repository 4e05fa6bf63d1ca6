import { PRIORITIES_URGENT_FIRST } from '../../messages/subjects.ts';
import type { Priority } from '../../messages/task.ts';

interface Level<D> {
  readonly priority: Priority;
  readonly ready: { readonly delivery: D; readonly since: number }[];
  /** Since when a fetch is under way; null when none is. */
  fetchingSince: number | null;
  /** The last fetch brought nothing, so the queue is taken to be empty until one does. */
  empty: boolean;
}

export interface IntakeOptions {
  /** A waiting task gains one level in this time. */
  readonly ageingMs: number;
  /** A fetch that brings nothing for this long means: nothing waits at that level. */
  readonly quietMs: number;
  /** Tasks fetched at once from one level. */
  readonly batch: number;
}

export type Taken<D> =
  | { readonly kind: 'task'; readonly delivery: D }
  | { readonly kind: 'wait'; readonly untilMs: number }
  | { readonly kind: 'nothing' };

/**
 * Chooses among the five queues, urgent first. One fetch per level is always under way, so what is ready here says
 * little about what waits at the server: while places are scarce a task is taken only when every higher level has been
 * silent for a moment, or when it has waited so long that it would go first anyway (ageing as in the key pool). With
 * places to spare nobody has to wait for whom: an urgent one that comes a moment later finds one too. Pure.
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

  get size(): number {
    return this.#levels.reduce((sum, level) => sum + level.ready.length, 0);
  }

  /** How many to fetch now from each level that should be asked, given the free places. */
  fetches(free: number): readonly { readonly priority: Priority; readonly max: number }[] {
    const max = Math.max(1, Math.min(this.#options.batch, free - this.size));
    return this.#levels
      .filter((level) => level.fetchingSince === null && level.ready.length === 0)
      .map(({ priority }) => ({ priority, max }));
  }

  fetching(priority: Priority, now: number): void {
    this.#level(priority).fetchingSince = now;
  }

  /** A fetch ended. */
  fetched(priority: Priority, deliveries: readonly D[], now: number): void {
    const level = this.#level(priority);
    level.fetchingSince = null;
    level.empty = deliveries.length === 0;
    for (const delivery of deliveries) level.ready.push({ delivery, since: now });
  }

  /** A fetch failed; the level holds nobody up. */
  failed(priority: Priority): void {
    const level = this.#level(priority);
    level.fetchingSince = null;
    level.empty = true;
  }

  /** `scarce`: the places left may not be enough for all that higher levels have. */
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
      untilMs = Math.max(untilMs, Math.min(oldEnough, this.#silentAt(level)));
    }
    if (scarce && untilMs > now) return { kind: 'wait', untilMs };
    best.ready.shift();
    return { kind: 'task', delivery: head.delivery };
  }

  /** Removes and returns the ready ones for which `test` holds. */
  remove(test: (delivery: D) => boolean): readonly D[] {
    return this.#levels.flatMap((level) => {
      const out = level.ready.filter((one) => test(one.delivery));
      level.ready.splice(0, level.ready.length, ...level.ready.filter((one) => !out.includes(one)));
      return out.map((one) => one.delivery);
    });
  }

  /** Removes and returns up to `most` of this level, oldest first. */
  takeOldest(priority: Priority, most: number): readonly D[] {
    return this.#level(priority)
      .ready.splice(0, most)
      .map(({ delivery }) => delivery);
  }

  readyAt(priority: Priority): number {
    return this.#level(priority).ready.length;
  }

  /** The oldest one ready at this level; undefined while there is none. */
  oldest(priority: Priority): D | undefined {
    return this.#level(priority).ready[0]?.delivery;
  }

  /** The highest level with one ready; null when none is. */
  get highest(): Priority | null {
    return this.#levels.find((level) => level.ready.length > 0)?.priority ?? null;
  }

  /** When this level, with nothing ready, counts as silent. */
  #silentAt(level: Level<D>): number {
    return level.empty || level.fetchingSince === null ? -Infinity : level.fetchingSince + this.#options.quietMs;
  }

  #level(priority: Priority): Level<D> {
    const level = this.#levels.find((one) => one.priority === priority);
    if (level === undefined) throw new Error(`there is no priority ${String(priority)}`);
    return level;
  }
}
