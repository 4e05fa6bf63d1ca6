import { PRIORITIES_URGENT_FIRST } from '../messages/subjects.ts';
import type { Priority } from '../messages/task.ts';
import type { LeaseRequest } from './pool.types.ts';
import { ASSUMED_CALL, type CallTokens } from './tokens.ts';

export interface Waiter {
  /** Chosen by the requester; unique among the waiters. */
  readonly id: string;
  readonly priority: Priority;
  /** Names of the keys it does not want. */
  readonly exclude: ReadonlySet<string>;
  /** Names of the keys that may serve it; null: any. */
  readonly only: ReadonlySet<string> | null;
  /** The model of its call; null: the key's own. */
  readonly model: string | null;
  /** Of a request that waits behind all others, see {@link LeaseRequest.spareOf}; else null. */
  readonly spareOf: number | null;
  /** Epoch ms after which it no longer wants one. */
  readonly deadline: number;
  readonly since: number;
  /** Bound of its call's tokens. */
  readonly tokens: CallTokens;
}

export const waiterOf = (request: LeaseRequest, now: number): Waiter => ({
  id: request.waiterId,
  priority: request.priority,
  exclude: new Set(request.exclude),
  only: request.only === undefined ? null : new Set(request.only),
  model: request.model ?? null,
  spareOf: request.spareOf ?? null,
  deadline: request.deadline,
  since: now,
  tokens: request.tokens ?? ASSUMED_CALL,
});

/** Whether the key of this name may serve it. */
export const mayUse = ({ exclude, only }: Waiter, keyName: string): boolean =>
  !exclude.has(keyName) && (only === null || only.has(keyName));

/** Any key can serve it: while it waits, nobody behind it can be served either. */
export const takesAny = ({ exclude, only, spareOf }: Waiter): boolean =>
  exclude.size === 0 && only === null && spareOf === null;

/**
 * A bounded queue served by priority, first in first out inside a level, with ageing: a waiter gains one level in each
 * `ageingMs`. Since all age alike, the order between two waiters never changes: the one with the smaller
 * `since - priority * ageingMs` goes first. So a waiter of level 1 can be overtaken only by those of level 5 that come
 * within `4 * ageingMs` after it, and its wait is bounded.
 */
export class Waiters {
  #capacity: number;
  #ageingMs: number;
  readonly #levels = new Map<Priority, Map<string, Waiter>>(
    PRIORITIES_URGENT_FIRST.map((priority) => [priority, new Map()]),
  );
  #size = 0;
  /** Requests that name or exclude keys. */
  readonly #choosy = new Set<Waiter>();

  constructor(capacity: number, ageingMs: number) {
    this.#capacity = capacity;
    this.#ageingMs = ageingMs;
  }

  /** Present waiters stay, also beyond a smaller capacity. */
  configure(capacity: number, ageingMs: number): void {
    this.#capacity = capacity;
    this.#ageingMs = ageingMs;
  }

  get size(): number {
    return this.#size;
  }

  /** Requests that name or exclude keys, oldest first. */
  get choosy(): ReadonlySet<Waiter> {
    return this.#choosy;
  }

  /** A request waits that is not content with a spare call. */
  get pressing(): boolean {
    for (const { spareOf } of this.#choosy) if (spareOf === null) return true;
    return this.#size > this.#choosy.size;
  }

  sizeOf(priority: Priority): number {
    return this.#levels.get(priority)?.size ?? 0;
  }

  has(id: string): boolean {
    return this.find(id) !== undefined;
  }

  find(id: string): Waiter | undefined {
    for (const level of this.#levels.values()) {
      const waiter = level.get(id);
      if (waiter !== undefined) return waiter;
    }
    return undefined;
  }

  /** Adds it, or says why not: null when it waits from now on. */
  offer(waiter: Waiter): 'duplicate' | 'queue-full' | null {
    if (this.has(waiter.id)) return 'duplicate';
    return this.add(waiter) ? null : 'queue-full';
  }

  /** False when the queue is full or the id waits already. */
  add(waiter: Waiter): boolean {
    if (this.#size >= this.#capacity || this.has(waiter.id)) return false;
    this.#levels.get(waiter.priority)?.set(waiter.id, waiter);
    this.#size++;
    if (!takesAny(waiter)) this.#choosy.add(waiter);
    return true;
  }

  remove(waiter: Waiter): boolean {
    const removed = this.#levels.get(waiter.priority)?.delete(waiter.id) ?? false;
    if (removed) this.#size--;
    this.#choosy.delete(waiter);
    return removed;
  }

  /** All waiters in the order of service. They may be removed while this runs. */
  *inOrder(): Generator<Waiter, void, void> {
    if (this.#size === 0) return;
    const lanes = [...this.#levels.values()].map((level) => {
      const waiters = level.values();
      return { waiters, head: waiters.next().value };
    });
    for (;;) {
      let best: (typeof lanes)[number] | undefined;
      // Lanes stand urgent first, so an equal rank goes to the more urgent one.
      for (const lane of lanes) {
        if (lane.head !== undefined && (best?.head === undefined || this.#rank(lane.head) < this.#rank(best.head)))
          best = lane;
      }
      if (best?.head === undefined) return;
      const waiter = best.head;
      yield waiter;
      best.head = best.waiters.next().value;
    }
  }

  #rank(waiter: Waiter): number {
    return waiter.since - waiter.priority * this.#ageingMs;
  }
}
