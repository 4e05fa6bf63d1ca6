import type { PooledKey } from './key.ts';
import type { TokenEstimates } from './token-estimate.ts';
import { mayUse, takesAny, type Waiters } from './waiters.ts';

export interface NextChangeOptions {
  /** When the first lease expires; null: none is out. */
  readonly expiresAt: number | null;
  readonly waiters: Waiters;
  readonly keys: readonly PooledKey[];
  readonly estimates: Pick<TokenEstimates, 'tokensWith'>;
  readonly now: number;
}

/** The next moment at which time alone lets a lease expire, a waiter give up, or a key come free; null: none. */
export function nextChangeAt({ expiresAt, waiters, keys, estimates, now }: NextChangeOptions): number | null {
  let next = expiresAt ?? Infinity;
  let everyKeyBusy = false;
  for (const waiter of waiters.inOrder()) {
    next = Math.min(next, waiter.deadline);
    // As in the pool's `advance`: waiters behind one that takes any key wait for it.
    // A spare call is looked for at the next event: it is not worth a timer.
    if (everyKeyBusy || waiter.spareOf !== null) continue;
    everyKeyBusy = takesAny(waiter);
    const tokensOf = estimates.tokensWith(waiter.tokens, now, waiter.model);
    for (const key of keys)
      if (mayUse(waiter, key.spec.name)) next = Math.min(next, key.availableAt(now, tokensOf(key)) ?? Infinity);
  }
  return next === Infinity ? null : next;
}
