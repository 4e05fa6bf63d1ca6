import type { LeaseGrant, LeaseReply } from '../../keys/pool.types.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { MadeCall } from './call.ts';

/** One of so many calls may be made twice. */
const CALLS_PER_HEDGE = 10;
/** Hedges that may be saved up. */
const MOST_SAVED = 5;

/** Bounds the calls made twice to a tenth of those made once. Pure. */
export class HedgeBudget {
  #saved = 0;
  hedges = 0;
  /** Hedges that answered before the call they were made beside. */
  wins = 0;

  called(): void {
    this.#saved = Math.min(MOST_SAVED * CALLS_PER_HEDGE, this.#saved + 1);
  }

  get allows(): boolean {
    return this.#saved >= CALLS_PER_HEDGE;
  }

  take(): void {
    this.#saved -= CALLS_PER_HEDGE;
    this.hedges++;
  }
}

export interface HedgeOptions {
  readonly clock: Clock;
  /** The call is made a second time when it takes longer than this, in ms. */
  readonly afterMs: number;
  readonly budget: HedgeBudget;
  /** A lease of another key that is free at once, or a refusal. */
  lease(): Promise<LeaseReply>;
  /** A lease that came too late to be used. */
  giveBack(lease: LeaseGrant): void;
  /** Makes the call under this lease; `dropped` is aborted when the other one answered first. Never rejects. */
  call(lease: LeaseGrant, askedAt: number, dropped: AbortSignal): Promise<MadeCall>;
}

/**
 * One round of a task's calls: `first`, and a second one on another key when the first takes too long. The first to
 * answer wins and the other is dropped. Returns the calls in the order in which they ended.
 */
export async function hedged(
  first: (dropped: AbortSignal) => Promise<MadeCall>,
  options: HedgeOptions,
): Promise<readonly MadeCall[]> {
  const { clock, afterMs, budget } = options;
  const ended: MadeCall[] = [];
  const [dropFirst, dropHedge] = [new AbortController(), new AbortController()];
  let over = false;
  const finish = (made: MadeCall, other: AbortController): void => {
    ended.push(made);
    if (!made.reply.ok) return;
    over = true;
    other.abort();
  };
  let wake = (): void => undefined;
  const slow = new Promise<boolean>((resolve) => {
    const timer = clock.setTimeout(() => resolve(true), afterMs);
    wake = () => {
      clock.clearTimeout(timer);
      resolve(false);
    };
  });
  let firstEnded = false;
  const running = first(dropFirst.signal).then((made) => {
    firstEnded = true;
    finish(made, dropHedge);
    wake();
  });
  if ((await slow) && budget.allows) {
    const askedAt = clock.now();
    const lease = await options.lease();
    if (lease.kind === 'granted' && firstEnded) options.giveBack(lease);
    else if (lease.kind === 'granted') {
      budget.take();
      const made = await options.call(lease, askedAt, dropHedge.signal);
      if (made.reply.ok && !over) budget.wins++;
      finish(made, dropFirst);
    }
  }
  await running;
  return ended;
}
