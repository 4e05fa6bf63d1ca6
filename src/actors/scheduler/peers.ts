import { z } from 'zod';

/** What each scheduler tells the others, every second; body of `scheduler-load`. */
export const SchedulerLoad = z.object({
  /** One running scheduler. */
  scheduler: z.string().max(64),
  /** Tasks it serves in a second, while all its places are taken; null while it has room or knows too little. */
  perSecond: z.number().min(0).nullable(),
});
export type SchedulerLoad = z.infer<typeof SchedulerLoad>;

/** One that was not heard of for this long is gone. */
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

  /** Tasks that all serve in a second together; null while one has room, or how much it can take is not known. */
  perSecond(now: number): number | null {
    const alive = this.#alive(now);
    return alive.length === 0 || alive.some(([, { perSecond }]) => perSecond === null)
      ? null
      : alive.reduce((sum, [, { perSecond }]) => sum + (perSecond ?? 0), 0);
  }

  /** One decides for all what is given up: the first by name. */
  decides(now: number): boolean {
    return this.#alive(now).every(([name]) => this.#own <= name);
  }

  #alive(now: number): (readonly [string, { readonly perSecond: number | null }])[] {
    return [...this.#heard].filter(([, { at }]) => now - at <= GONE_MS);
  }
}
