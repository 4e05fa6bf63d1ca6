import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { call, grants, poolOf, T0, want } from '../support/key-pool.ts';

describe('the calls that the keys allow', () => {
  it('are those of the narrowest limit of each budget, a shared one once', () => {
    const pool = poolOf([
      { qps_limit: 5, rpm_limit: 6_000 },
      { qps_limit: 10, rpm_limit: 90 },
      { qps_limit: 10, rpm_limit: 150, pacing: 'even' },
      { qps_limit: 4, rpm_limit: 6_000, quota_group: 'g' },
      { qps_limit: 4, rpm_limit: 6_000, quota_group: 'g' },
    ]);
    assert.deepEqual(pool.supply(1_000, T0), { perSecond: 5 + 1.5 + 2 + 4, keys: ['k1', 'k2', 'k3', 'k4', 'k5'] });
  });

  it('count the time that a window keeps a call longer', () => {
    const pool = poolOf([{ qps_limit: 5, rpm_limit: 6_000 }], 'round_robin', { transit_guard_ms: 1_000 });
    const { perSecond } = pool.supply(1_000, T0);
    assert.ok(perSecond !== null && perSecond < 5 && perSecond > 4.5, `${perSecond}`);
  });

  it('are bounded by the tokens that calls really take', () => {
    const pool = poolOf([{ qps_limit: 5, rpm_limit: 6_000, tpm_limit: 60_000 }]);
    assert.equal(pool.supply(1_000, T0).perSecond, 5, 'not known yet');
    for (let index = 0; index < 4; index += 1) {
      const [grant] = grants(pool.request(want(), T0 + index * 1_000));
      assert.ok(grant !== undefined);
      pool.sent(grant.leaseId, T0 + index * 1_000, T0 + index * 1_000);
      const used = { prompt: 900, completion: 100 };
      pool.settle(grant.leaseId, { kind: 'ok' }, T0 + index * 1_000 + 500, 'key', null, used);
    }
    assert.equal(pool.supply(1_000, T0 + 4_000).perSecond, 1);
  });

  it('are no more than the calls in flight at once can be', () => {
    const pool = poolOf([
      { qps_limit: 5, rpm_limit: 6_000, max_in_flight: 1 },
      { qps_limit: 2, rpm_limit: 6_000, max_in_flight: 50 },
    ]);
    assert.equal(pool.supply(1_250, T0).perSecond, 0.8 + 2);
  });

  it('are none while every key rests, those of the others while one does, and not known without keys', () => {
    const pool = poolOf([
      { qps_limit: 1, rpm_limit: 600 },
      { qps_limit: 2, rpm_limit: 600 },
    ]);
    const resting = call(pool, T0, { kind: 'rate-limited', message: '429', retryAfterMs: 30_000 });
    assert.deepEqual(pool.supply(1_000, T0 + 1), {
      perSecond: resting.keyName === 'k1' ? 2 : 1,
      keys: [resting.keyName === 'k1' ? 'k2' : 'k1'],
    });
    call(pool, T0 + 10, { kind: 'rate-limited', message: '429', retryAfterMs: 30_000 });
    assert.deepEqual(pool.supply(1_000, T0 + 20), { perSecond: 0, keys: [] });
    assert.equal(pool.supply(1_000, T0 + 200_000).perSecond, 3);
    pool.disable('k1', true, T0 + 200_000);
    assert.deepEqual(pool.supply(1_000, T0 + 200_000).keys, ['k2']);
    pool.drain('k2', true, T0 + 200_000);
    assert.deepEqual(pool.supply(1_000, T0 + 200_000), { perSecond: null, keys: [] });
  });
});
