import { z } from 'zod';

/** Body of `scheduler-load`, which each scheduler sends to the others every second. */
export const SchedulerLoad = z.object({
  /** Name of one running scheduler. */
  scheduler: z.string().max(64),
  /** Tasks it serves in a second while all its slots are taken; null while it has room or knows too little. */
  perSecond: z.number().min(0).nullable(),
});
export type SchedulerLoad = z.infer<typeof SchedulerLoad>;

/** A scheduler not heard from for this long is gone. */
const GONE_MS = 3_500;
const MOST_PEERS = 1_000;

/** The schedulers that share the queues, this one among them. Pure: every call takes the time (ms). */
export class Peers {
  readonly #own: string;
  readonly #heard = new Map<string, { readonly perSecond: number | null; readonly at: number }>();

  constructor(own: string) {
    this.#own = own;
  }

  hear({ scheduler, perSecond }: SchedulerLoad, now: number): void {
    for (const [name, { at }] of this.#heard) if (now - at > GONE_MS) this.#heard.delete(name);
    if (this.#heard.size < MOST_PEERS || this.#heard.has(scheduler)) this.#heard.set(scheduler, { perSecond, at: now });
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

  #alive(now: number): (readonly [string, { readonly perSecond: number | null }])[] {
    return [...this.#heard].filter(([, { at }]) => now - at <= GONE_MS);
  }
}
