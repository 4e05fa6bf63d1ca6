import assert from 'node:assert/strict';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import type { LimitMemory } from '../../src/keys/limits.ts';
import type { CallOutcome } from '../../src/keys/outcome.ts';
import { KeyPool } from '../../src/keys/pool.ts';
import {
  type KeyView,
  type LeaseGrant,
  type LeaseRequest,
  poolSettings,
  type PoolStep,
} from '../../src/keys/pool.types.ts';

export const T0 = 1_700_000_000_000;

/** Keys `k1`, `k2`, ... with the fields given, as a key file would say them; no guard, so that times are round. */
export const keyConfig = (keys: readonly object[], strategy = 'round_robin', scheduler: object = {}) =>
  parseKeyConfig(
    {
      strategy,
      scheduler: { transit_guard_ms: 0, ...scheduler },
      api_keys: keys.map((key, index) => ({ name: `k${index + 1}`, key: `secret-${index}`, ...key })),
    },
    {},
  );

export function poolOf(
  keys: readonly object[],
  strategy = 'round_robin',
  scheduler: object = {},
  memory?: LimitMemory,
): KeyPool {
  const config = keyConfig(keys, strategy, scheduler);
  return new KeyPool(config.keys, poolSettings(config.strategy, config.scheduler), memory);
}

export const grants = (step: PoolStep): LeaseGrant[] =>
  step.replies.flatMap(({ reply }) => (reply.kind === 'granted' ? [reply] : []));
/** Reasons of the refusals in a step. */
export const reasons = (step: PoolStep): string[] =>
  step.replies.flatMap(({ reply }) => (reply.kind === 'refused' ? [reply.reason] : []));

let asked = 0;
export const newWaiter = (): string => `w${++asked}`;
/** A request of a new waiter that lasts ten minutes from T0. */
export const want = (more: Partial<LeaseRequest> = {}): LeaseRequest => ({
  waiterId: newWaiter(),
  priority: 3,
  exclude: [],
  deadline: T0 + 600_000,
  ...more,
});
export const ask = (pool: KeyPool, now: number, patienceMs = 10_000): PoolStep =>
  pool.request(want({ deadline: now + patienceMs }), now);

/** A lease that must be granted, its call sent at once. */
export function lease(pool: KeyPool, now: number): LeaseGrant {
  const step = ask(pool, now);
  const [grant] = grants(step);
  assert.ok(grant !== undefined, `not granted: ${reasons(step).join(' ')}`);
  pool.sent(grant.leaseId, now, now);
  return grant;
}

/** A call that ends at once. */
export function call(pool: KeyPool, now: number, outcome: CallOutcome): LeaseGrant {
  const grant = lease(pool, now);
  pool.settle(grant.leaseId, outcome, now);
  return grant;
}

export function keyOf(pool: KeyPool, name: string, now: number): KeyView {
  const found = pool.view(now).find((key) => key.key_id === name);
  assert.ok(found !== undefined);
  return found;
}
