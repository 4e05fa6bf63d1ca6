import { z } from 'zod';
import { MOST } from '../../messages/bounds.ts';

/** Most values, and most groups, that one message tells of. */
export const MOST_TOLD = 64;

/**
 * Body of `scheduler-load`, which each scheduler sends to the others every second, and four times a second while there
 * are questions.
 */
export const SchedulerLoad = z.object({
  /** Name of one running scheduler. */
  scheduler: z.string().max(64),
  /** Tasks it serves in a second while all its slots are taken; null while it has room or knows too little. */
  perSecond: z.number().min(0).nullable(),
  /** Tasks that it assesses at once. */
  slots: z.int().min(0).max(100_000).default(0),
  /** Calls that it has spent since its start. */
  called: z.int().min(0).default(0),
  /** Questions that it got since the last message, and the values of some of them. */
  arrivals: z.int().min(0).max(100_000).default(0),
  arrived: z.array(z.number().min(0).max(1)).max(MOST_TOLD).default([]),
  /** Groups that it asked about since then, see `groupKey`. */
  asked: z
    .array(z.string().max(2 * MOST.name))
    .max(MOST_TOLD)
    .default([]),
});
export type SchedulerLoad = z.infer<typeof SchedulerLoad>;

/** A scheduler's report on its questions, for the others. */
export type QuestionLoad = Pick<SchedulerLoad, 'slots' | 'called' | 'arrivals' | 'arrived' | 'asked'>;

/** A scheduler not heard from for this long is gone. */
const GONE_MS = 3_500;
const MOST_PEERS = 1_000;

interface Heard {
  readonly perSecond: number | null;
  readonly slots: number;
  readonly called: number;
  readonly at: number;
}

/** The schedulers that share the queues, this one among them. Pure: every call takes the time (ms). */
export class Peers {
  readonly #own: string;
  readonly #heard = new Map<string, Heard>();

  constructor(own: string) {
    this.#own = own;
  }

  /**
   * Returns the calls that it has spent since its last report; 0 for the first one, and below 0 when it did not make
   * calls that it had counted.
   */
  hear({ scheduler, perSecond, slots, called }: SchedulerLoad, now: number): number {
    for (const [name, { at }] of this.#heard) if (now - at > GONE_MS) this.#heard.delete(name);
    const before = this.#heard.get(scheduler);
    if (this.#heard.size >= MOST_PEERS && before === undefined) return 0;
    this.#heard.set(scheduler, { perSecond, slots, called, at: now });
    return called - (before?.called ?? called);
  }

  /** No other one is heard of. */
  isAlone(now: number): boolean {
    return this.#alive(now).every(([name]) => name === this.#own);
  }

  /** How many they are, from 1. */
  count(now: number): number {
    return Math.max(1, this.#alive(now).length);
  }

  /** Tasks that all of them assess at once. */
  slots(now: number): number {
    return this.#alive(now).reduce((sum, [, { slots }]) => sum + slots, 0);
  }

  /** Tasks that all of them serve in a second; null while one has room or does not know its rate. */
  perSecond(now: number): number | null {
    const alive = this.#alive(now);
    return alive.length === 0 || alive.some(([, { perSecond }]) => perSecond === null)
      ? null
      : alive.reduce((sum, [, { perSecond }]) => sum + (perSecond ?? 0), 0);
  }

  /** Whether this one decides for all which tasks are given up: the first by name does. */
  decides(now: number): boolean {
    return this.#alive(now).every(([name]) => this.#own <= name);
  }

  #alive(now: number): (readonly [string, Heard])[] {
    return [...this.#heard].filter(([, { at }]) => now - at <= GONE_MS);
  }
}
