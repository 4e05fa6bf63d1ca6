import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CallOutcome } from '../../src/keys/outcome.ts';
import { ask, grants, keyOf, lease, newWaiter, poolOf, T0 } from '../support/key-pool.ts';

const MINUTE = 60_000;
const OK: CallOutcome = { kind: 'ok' };
const REFUSED: CallOutcome = { kind: 'rejected-key', status: 401, message: '' };

describe('a key the provider refused', () => {
  it('is tried with one real call after a minute, then after twice as long, at most a quarter of an hour', () => {
    const pool = poolOf([{}]);
    pool.settle(lease(pool, T0).leaseId, REFUSED, T0);
    let now = T0;
    for (const wait of [1, 2, 4, 8, 15, 15]) {
      assert.equal(grants(ask(pool, now + wait * MINUTE - 1)).length, 0);
      now += wait * MINUTE;
      const trial = lease(pool, now);
      assert.equal(trial.trial, true);
      assert.equal(grants(ask(pool, now)).length, 0, 'one trial at a time');
      assert.deepEqual(pool.settle(trial.leaseId, REFUSED, now).changes, []);
    }
  });

  it('serves again after a trial that succeeded, and says so', () => {
    const pool = poolOf([{}]);
    pool.settle(lease(pool, T0).leaseId, REFUSED, T0);
    const trial = lease(pool, T0 + MINUTE);
    assert.deepEqual(pool.settle(trial.leaseId, OK, T0 + MINUTE).changes, [
      { keyName: 'k1', status: 'available', cause: 'ok', until: null },
    ]);
    assert.deepEqual(
      [lease(pool, T0 + MINUTE), lease(pool, T0 + MINUTE)].map((grant) => grant.trial),
      [false, false],
    );
  });

  it('is not enabled by a call that was leased before, not even while its trial is under way', () => {
    const pool = poolOf([{}]);
    const [early, first] = [lease(pool, T0), lease(pool, T0)];
    pool.settle(first.leaseId, REFUSED, T0);
    lease(pool, T0 + MINUTE);
    pool.settle(early.leaseId, OK, T0 + MINUTE);
    assert.equal(keyOf(pool, 'k1', T0 + MINUTE).status, 'disabled');
    assert.equal(grants(ask(pool, T0 + MINUTE)).length, 0, 'the trial is still under way');
  });

  it('is tried although the strategy prefers another, once', () => {
    const pool = poolOf([{ priority: 1 }, { priority: 9 }], 'priority');
    const both = [lease(pool, T0)];
    pool.disable('k2', true, T0);
    pool.settle(lease(pool, T0).leaseId, REFUSED, T0);
    pool.disable('k2', false, T0);
    assert.equal(both[0]?.keyName, 'k2');
    assert.equal(lease(pool, T0 + MINUTE - 1).keyName, 'k2');
    assert.deepEqual(
      [lease(pool, T0 + MINUTE), lease(pool, T0 + MINUTE)].map((grant) => [grant.keyName, grant.trial]),
      [
        ['k1', true],
        ['k2', false],
      ],
    );
  });

  it('a trial that is given up or never settled does not end the trials', () => {
    const pool = poolOf([{}], 'round_robin', { timeout_seconds: 1 });
    pool.settle(lease(pool, T0).leaseId, REFUSED, T0);
    pool.settle(lease(pool, T0 + MINUTE).leaseId, { kind: 'abandoned', message: '' }, T0 + MINUTE);
    lease(pool, T0 + MINUTE + 1);
    pool.advance(T0 + MINUTE + 10_000);
    assert.equal(lease(pool, T0 + MINUTE + 10_000).trial, true);
  });
});

describe('a key back from its rest', () => {
  const rested = (): ReturnType<typeof poolOf> => {
    const pool = poolOf([{}]);
    pool.settle(lease(pool, T0).leaseId, { kind: 'rate-limited', retryAfterMs: 1_000, message: '' }, T0);
    return pool;
  };

  it('makes one call at a time until one succeeds', () => {
    const pool = rested();
    const trial = lease(pool, T0 + 1_000);
    assert.equal(grants(ask(pool, T0 + 1_000)).length, 0);
    const step = pool.settle(trial.leaseId, OK, T0 + 1_200);
    assert.deepEqual(
      grants(step).map((grant) => grant.trial),
      [false],
    );
    assert.equal(lease(pool, T0 + 1_200).trial, false);
  });

  it('makes the next trial at once after one that failed for no fault of the key, and rests again after a 429', () => {
    const pool = rested();
    pool.settle(lease(pool, T0 + 1_000).leaseId, { kind: 'abandoned', message: '' }, T0 + 1_000);
    const again = lease(pool, T0 + 1_001);
    assert.equal(again.trial, true);
    pool.settle(again.leaseId, { kind: 'rate-limited', retryAfterMs: 5_000, message: '' }, T0 + 1_002);
    assert.equal(keyOf(pool, 'k1', T0 + 6_001).status, 'cooling');
    assert.equal(lease(pool, T0 + 6_002).trial, true);
  });
});

describe('a 429', () => {
  it('without Retry-After rests shortest after a ramp, longest after a spent quota; with one, as it says', () => {
    const restOf = (limit: 'rate' | 'quota' | 'ramp', retryAfterMs: number | null): number => {
      const pool = poolOf([{}]);
      pool.settle(lease(pool, T0).leaseId, { kind: 'rate-limited', retryAfterMs, limit, message: '' }, T0);
      return Date.parse(keyOf(pool, 'k1', T0).cooldown_until ?? '') - T0;
    };
    assert.deepEqual([restOf('ramp', null), restOf('quota', null), restOf('quota', 3_000)], [10_000, 120_000, 3_000]);
    assert.ok(restOf('rate', null) > 10_000 && restOf('rate', null) < 120_000);
  });
});

describe('pacing', () => {
  /** Offsets of the first calls when as many are made as allowed. */
  const times = (key: object, count: number): number[] => {
    const pool = poolOf([key]);
    const made: number[] = [];
    let step = ask(pool, T0);
    for (let now = T0; made.length < count; now = step.wakeAt ?? assert.fail('it would never go on')) {
      if (now > T0) step = pool.advance(now);
      for (const grant of grants(step)) {
        made.push(now - T0);
        pool.sent(grant.leaseId, now, now);
        pool.settle(grant.leaseId, OK, now);
        step = ask(pool, now);
        while (made.length < count && grants(step)[0] !== undefined) {
          const next = grants(step)[0];
          assert.ok(next !== undefined);
          made.push(now - T0);
          pool.sent(next.leaseId, now, now);
          pool.settle(next.leaseId, OK, now);
          step = pool.request({ waiterId: newWaiter(), priority: 3, exclude: [], deadline: now + 60_000 }, now);
        }
      }
    }
    return made;
  };

  it('even spreads a minute: RPM/60 a second, and slow keys one call at a time', () => {
    assert.deepEqual(times({ qps_limit: 10, rpm_limit: 120, pacing: 'even' }, 5), [0, 0, 1_001, 1_001, 2_002]);
    assert.deepEqual(times({ qps_limit: 10, rpm_limit: 20, pacing: 'even' }, 3), [0, 3_001, 6_002]);
  });

  it('a ramp begins at a tenth and rises to the whole', () => {
    const made = times({ qps_limit: 20, rpm_limit: 100_000, ramp_seconds: 10 }, 300);
    const inSecond = (second: number): number =>
      made.filter((at) => at >= second * 1_000 && at < (second + 1) * 1_000).length;
    assert.ok(inSecond(0) <= 4, String(inSecond(0)));
    assert.ok(inSecond(4) > inSecond(1) && inSecond(8) > inSecond(4), made.join(' '));
    for (let second = 0; second < 10; second++) assert.ok(inSecond(second) <= 20);
    assert.ok(inSecond(12) >= 19, String(inSecond(12)));
  });
});
