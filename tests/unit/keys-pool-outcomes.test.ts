import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CallOutcome } from '../../src/keys/outcome.ts';
import { call, grants, keyOf, lease, poolOf, reasons, T0, want } from '../support/key-pool.ts';

const OK: CallOutcome = { kind: 'ok' };
const TIMEOUT: CallOutcome = { kind: 'timeout', message: 'no answer' };
const limited = (retryAfterMs: number | null): CallOutcome => ({ kind: 'rate-limited', retryAfterMs, message: '' });

/** Rest in ms of a key that fails three times, `pauseMs` after the calls `before`. */
const restAfter = (before: readonly CallOutcome[], pauseMs: number): number => {
  const pool = poolOf([{ qps_limit: 1000, rpm_limit: 1000 }]);
  for (const outcome of before) call(pool, T0, outcome);
  const at = T0 + pauseMs;
  for (let i = 0; i < 3; i++) call(pool, at, TIMEOUT);
  return Date.parse(keyOf(pool, 'k1', at).cooldown_until ?? '') - at;
};

describe('outcomes', () => {
  it('three failures in a row cool a key for the flat time; a success between them starts the count anew', () => {
    const pool = poolOf([{ qps_limit: 20 }], 'round_robin', { adaptive_cooldown: false });
    // Enough good ones that the failures are not taken for the provider's.
    for (const outcome of [OK, OK, OK, OK, OK, OK, TIMEOUT, TIMEOUT, OK, TIMEOUT, TIMEOUT])
      call(pool, T0 - 3_000, outcome);
    assert.equal(keyOf(pool, 'k1', T0).status, 'available');
    call(pool, T0, TIMEOUT);
    const cooling = keyOf(pool, 'k1', T0);
    assert.deepEqual(
      { status: cooling.status, cooldown_until: cooling.cooldown_until, last_error_code: cooling.last_error_code },
      { status: 'cooling', cooldown_until: new Date(T0 + 60_000).toISOString(), last_error_code: 'timeout' },
    );
    assert.equal(keyOf(pool, 'k1', T0 + 60_000).status, 'available');
  });

  it('the adaptive rest grows with the share of late failures and forgets them', () => {
    const good = Array.from({ length: 97 }, () => OK);
    assert.equal(restAfter(good, 0), Math.round(10_000 + (110_000 * 4) / 102));
    assert.equal(restAfter([], 0), Math.round(10_000 + (110_000 * 4) / 5));
    assert.equal(restAfter(good, 3_600_000), 98_000);
  });

  it('a 429 cools by Retry-After, at once, and the whole quota group with it', () => {
    const pool = poolOf([{ quota_group: 'g' }, { quota_group: 'g' }, {}]);
    call(pool, T0, limited(1_500));
    assert.deepEqual(
      pool.stats(T0).keys.map((key) => key.status),
      ['cooling', 'cooling', 'available'],
    );
    assert.equal(keyOf(pool, 'k1', T0 + 1_499).status, 'cooling');
    assert.equal(keyOf(pool, 'k1', T0 + 1_500).status, 'available');
  });

  it('a 429 without Retry-After cools like a failure; an absurd one is bounded; none shortens a rest', () => {
    const flat = poolOf([{}, {}], 'round_robin', { adaptive_cooldown: false });
    call(flat, T0, limited(null));
    assert.equal(keyOf(flat, 'k1', T0).cooldown_until, new Date(T0 + 60_000).toISOString());
    call(flat, T0, limited(1e15));
    assert.equal(keyOf(flat, 'k2', T0).cooldown_until, new Date(T0 + 3_600_000).toISOString());
    const two = poolOf([{}]);
    const [first, second] = [lease(two, T0), lease(two, T0)];
    two.settle(first.leaseId, limited(9_000), T0);
    two.settle(second.leaseId, limited(1_000), T0);
    assert.equal(keyOf(two, 'k1', T0).cooldown_until, new Date(T0 + 9_000).toISOString());
  });

  for (const status of [401, 402, 403]) {
    it(`${status} disables the key for good; a late success of another call does not bring it back`, () => {
      const pool = poolOf([{}]);
      const [first, second] = [lease(pool, T0), lease(pool, T0)];
      pool.settle(first.leaseId, { kind: 'rejected-key', status, message: '' }, T0);
      pool.settle(second.leaseId, OK, T0 + 10);
      const key = keyOf(pool, 'k1', T0 + 86_400_000);
      assert.deepEqual(
        { status: key.status, success_calls: key.success_calls, failed_calls: key.failed_calls },
        { status: 'disabled', success_calls: 1, failed_calls: 1 },
      );
      assert.match(key.disabled_reason ?? '', new RegExp(String(status)));
      assert.deepEqual(reasons(pool.request(want(), T0 + 20)), ['no-keys']);
    });
  }

  it('a late success does not end a rest', () => {
    const pool = poolOf([{}]);
    const [first, second] = [lease(pool, T0), lease(pool, T0)];
    pool.settle(first.leaseId, limited(30_000), T0);
    pool.settle(second.leaseId, OK, T0 + 10);
    assert.equal(keyOf(pool, 'k1', T0 + 29_999).status, 'cooling');
  });

  it('a refused request, an unreadable answer and an abandoned lease never cool a key', () => {
    const pool = poolOf([{ qps_limit: 100 }]);
    for (let i = 0; i < 5; i++) {
      call(pool, T0, { kind: 'rejected-request', status: 400, message: '' });
      call(pool, T0, { kind: 'unreadable', message: '' });
      call(pool, T0, { kind: 'abandoned', message: '' });
    }
    const key = keyOf(pool, 'k1', T0);
    assert.deepEqual(
      {
        status: key.status,
        total_calls: key.total_calls,
        failed_calls: key.failed_calls,
        abandoned_leases: key.abandoned_leases,
        success_rate: key.success_rate,
      },
      { status: 'available', total_calls: 10, failed_calls: 10, abandoned_leases: 5, success_rate: 0 },
    );
  });

  it('a failure that the request is blamed for is counted and does not speak against the key', () => {
    const pool = poolOf([{}]);
    for (let i = 0; i < 5; i++) pool.settle(lease(pool, T0).leaseId, TIMEOUT, T0, 'request');
    const key = keyOf(pool, 'k1', T0);
    assert.deepEqual(
      { status: key.status, failed_calls: key.failed_calls, consecutive_failures: key.consecutive_failures },
      { status: 'available', failed_calls: 5, consecutive_failures: 0 },
    );
  });

  it('tells which keys changed and why', () => {
    const pool = poolOf([{ quota_group: 'g' }, { quota_group: 'g' }, {}], 'priority');
    const [first, , third] = [lease(pool, T0), lease(pool, T0), lease(pool, T0)];
    assert.deepEqual(
      pool.settle(first.leaseId, limited(2_000), T0).changes,
      ['k1', 'k2'].map((keyName) => ({ keyName, status: 'cooling', cause: 'rate-limited', until: T0 + 2_000 })),
    );
    assert.deepEqual(pool.settle(third.leaseId, { kind: 'rejected-key', status: 401, message: '' }, T0).changes, [
      { keyName: 'k3', status: 'disabled', cause: 'rejected-key', until: null },
    ]);
  });

  it('a forgiven failure does not count towards the three', () => {
    const pool = poolOf([{}]);
    call(pool, T0, TIMEOUT);
    call(pool, T0, TIMEOUT);
    pool.forgive('k1', T0);
    call(pool, T0, TIMEOUT);
    assert.equal(keyOf(pool, 'k1', T0).status, 'available');
    call(pool, T0, TIMEOUT);
    assert.equal(keyOf(pool, 'k1', T0).status, 'cooling');
  });

  it('a lease that nobody settles is taken back; settling it then changes nothing', () => {
    const pool = poolOf([{ max_in_flight: 1 }], 'round_robin', { timeout_seconds: 1 });
    const lost = lease(pool, T0);
    const step = pool.request(want(), T0);
    assert.equal(step.wakeAt, T0 + 6_000);
    assert.equal(grants(pool.advance(T0 + 6_000)).length, 1);
    pool.settle(lost.leaseId, OK, T0 + 6_001);
    pool.settle(lost.leaseId, { kind: 'rejected-key', status: 401, message: '' }, T0 + 6_002);
    const key = keyOf(pool, 'k1', T0 + 6_002);
    assert.deepEqual(
      {
        status: key.status,
        in_flight: key.in_flight,
        expired_leases: key.expired_leases,
        total_calls: key.total_calls,
        late_settlements: pool.stats(T0 + 6_002).late_settlements,
      },
      { status: 'in_use', in_flight: 1, expired_leases: 1, total_calls: 0, late_settlements: 2 },
    );
  });
});
