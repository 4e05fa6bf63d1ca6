import type { PooledKey } from './key.ts';
import type { RefusalReason } from './pool.types.ts';
import { mayUse, type Waiter } from './waiters.ts';

/** Why a lease is refused, as its requester is told. */
export const REFUSAL_MESSAGES: Readonly<Record<RefusalReason, string>> = {
  'no-keys': 'no API key is enabled: see GET /api/scheduler/stats for the reason of each',
  'tried-all': 'every enabled API key was tried for this task',
  deadline: 'no API key came free before the deadline',
  'queue-full': 'too many requests wait for an API key',
  cancelled: 'the request for an API key was withdrawn',
  duplicate: 'a request of this id waits for an API key already',
  'provider-down': 'the provider does not work: see circuits in GET /api/scheduler/stats',
};

/** A count for each reason. */
export const noRefusals = (): Record<RefusalReason, number> => ({
  'no-keys': 0,
  'tried-all': 0,
  deadline: 0,
  'queue-full': 0,
  cancelled: 0,
  duplicate: 0,
  'provider-down': 0,
});

/** Why this waiter cannot be served at all; null when it can or may be. `tokensWith`: tokens of its call with a key. */
export function refusalOf(
  waiter: Waiter,
  keys: readonly PooledKey[],
  tokensWith: (key: PooledKey) => number,
  now: number,
): RefusalReason | null {
  const late = waiter.deadline <= now;
  let enabled = false;
  let wanted = false;
  let down = true;
  for (const key of keys) {
    if (key.disabled && !key.probeDue(now)) continue;
    enabled = true;
    if (!mayUse(waiter, key.spec.name)) continue;
    wanted = true;
    down &&= !key.circuit.closed;
    // Only time brings a permit, so a deadline before the earliest one is known to be missed.
    if (!late && key.possibleAt(now, tokensWith(key)) < waiter.deadline) return null;
  }
  if (wanted) return down ? 'provider-down' : 'deadline';
  if (late) return 'deadline';
  return enabled ? 'tried-all' : 'no-keys';
}
