import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { KeySpec } from '../../src/keys/key-config.ts';
import type { KeyPool } from '../../src/keys/pool.ts';
import { poolSettings } from '../../src/keys/pool.types.ts';
import { ask as askWithin, grants, keyConfig, keyOf, lease, newWaiter, poolOf, T0 } from '../support/key-pool.ts';

const specs = (keys: readonly object[]): readonly KeySpec[] => keyConfig(keys).keys;
/** Somebody with time: what is granted later, is granted. */
const ask = (pool: KeyPool, now: number) => askWithin(pool, now, 600_000);

describe('keys changed while running', () => {
  it('says what was added, removed and changed; a secret that changes is a change that shows nowhere', () => {
    const pool = poolOf([{}, {}, {}]);
    const { summary } = pool.configure(
      specs([{ qps_limit: 3 }, { key: 'another' }, { name: 'k9', key: 'secret-9' }]),
      'priority',
      T0,
    );
    assert.deepEqual(summary, { added: ['k9'], removed: ['k3'], changed: ['k1', 'k2'], strategy: 'priority' });
    assert.deepEqual(
      pool.configure(specs([{ qps_limit: 3 }, { key: 'another' }, { name: 'k9', key: 'secret-9' }]), 'priority', T0)
        .summary,
      { added: [], removed: [], changed: [], strategy: 'priority' },
    );
    assert.ok(!JSON.stringify([summary, pool.view(T0), pool.stats(T0)]).includes('another'));
  });

  it('an added key serves who waits at once', () => {
    const pool = poolOf([{ qps_limit: 1 }]);
    lease(pool, T0);
    assert.equal(grants(ask(pool, T0)).length, 0);
    const { step } = pool.configure(specs([{ qps_limit: 1 }, {}]), 'round_robin', T0);
    assert.deepEqual(
      grants(step).map((grant) => grant.keyName),
      ['k2'],
    );
  });

  it('new settings hold from the next decision on: cooldown, failures, queue, guard', () => {
    const pool = poolOf([{ qps_limit: 1 }, { enabled: false }], 'round_robin', {
      max_retry_per_key: 1,
      adaptive_cooldown: false,
      key_cooldown_seconds: 60,
      queue_size: 500,
    });
    const changed = keyConfig([{ qps_limit: 1 }, { enabled: false }], 'round_robin', {
      max_retry_per_key: 2,
      adaptive_cooldown: false,
      key_cooldown_seconds: 7,
      queue_size: 2,
      transit_guard_ms: 200,
    });
    const first = lease(pool, T0);
    pool.configure(changed.keys, 'round_robin', T0, poolSettings('round_robin', changed.scheduler));
    pool.settle(first.leaseId, { kind: 'network', message: 'x' }, T0 + 10);
    assert.notEqual(keyOf(pool, 'k1', T0 + 10).status, 'cooling', 'two failures now');
    const second = lease(pool, T0 + 2_000);
    const waiting = newWaiter();
    assert.equal(
      pool.request({ waiterId: waiting, priority: 3, exclude: [], deadline: T0 + 60_000 }, T0 + 2_001).wakeAt,
      T0 + 2_000 + 1_201,
      'it may arrive 200 ms later than another',
    );
    pool.cancel(waiting, T0 + 2_002);
    pool.settle(second.leaseId, { kind: 'network', message: 'x' }, T0 + 2_010);
    assert.equal(keyOf(pool, 'k1', T0 + 2_010).cooldown_until, new Date(T0 + 9_010).toISOString());
    const refused = [1, 2, 3].flatMap(() =>
      ask(pool, T0 + 2_020).replies.map(({ reply }) => reply.kind === 'refused' && reply.reason),
    );
    assert.deepEqual(refused, ['queue-full'], 'two may wait');
  });

  it('a call in flight on a removed key finishes; who waits is refused when no key is left', () => {
    const pool = poolOf([{ qps_limit: 1 }]);
    const open = lease(pool, T0);
    ask(pool, T0);
    const { step } = pool.configure([], 'round_robin', T0 + 1);
    assert.deepEqual(
      step.replies.map(({ reply }) => reply.kind === 'refused' && reply.reason),
      ['no-keys'],
    );
    pool.settle(open.leaseId, { kind: 'ok' }, T0 + 2);
    assert.equal(pool.stats(T0 + 2).late_settlements, 0);
  });

  it('a key that is removed and added again, renamed, or moved to a group has not got its budget anew', () => {
    for (const after of [{}, { name: 'renamed' }, { quota_group: 'g' }]) {
      const pool = poolOf([{ qps_limit: 2, rpm_limit: 2 }]);
      const held = grants(ask(pool, T0))[0];
      assert.ok(held !== undefined);
      lease(pool, T0);
      if (Object.keys(after).length === 0) pool.configure([], 'round_robin', T0 + 1);
      pool.configure(specs([{ qps_limit: 2, rpm_limit: 2, ...after }]), 'round_robin', T0 + 2);
      assert.equal(grants(ask(pool, T0 + 30_000)).length, 0, JSON.stringify(after));
      // The permit that was open over the change is still counted, and leaves later.
      pool.sent(held.leaseId, T0 + 31_000, T0 + 31_000);
      assert.equal(grants(pool.advance(T0 + 60_001)).length, 1);
      assert.equal(grants(ask(pool, T0 + 60_002)).length, 0);
      assert.equal(keyOf(pool, after.name ?? 'k1', T0 + 60_002).used_last_minute, 2);
    }
  });

  it('limits that are changed again and again are never exceeded, neither the old ones nor the new', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            after: fc.integer({ min: 0, max: 900 }),
            qps: fc.option(fc.integer({ min: 1, max: 6 }), { nil: null }),
            rpm: fc.integer({ min: 3, max: 30 }),
          }),
          { minLength: 10, maxLength: 120 },
        ),
        (events) => {
          const pool = poolOf([{ qps_limit: 3, rpm_limit: 20 }]);
          let limits = { qps: 3, rpm: 20 };
          const calls: number[] = [];
          let now = T0;
          for (const { after, qps, rpm } of events) {
            now += after;
            if (qps !== null) {
              limits = { qps, rpm };
              pool.configure(specs([{ qps_limit: qps, rpm_limit: rpm }]), 'round_robin', now);
            }
            const free =
              calls.filter((at) => at >= now - 1_000).length < limits.qps &&
              calls.filter((at) => at >= now - 60_000).length < limits.rpm;
            const id = newWaiter();
            const [grant] = grants(
              pool.request({ waiterId: id, priority: 3, exclude: [], deadline: now + 600_000 }, now),
            );
            assert.equal(grant !== undefined, free, `at ${now - T0}`);
            if (grant === undefined) pool.cancel(id, now);
            else {
              pool.sent(grant.leaseId, now, now);
              calls.push(now);
              pool.settle(grant.leaseId, { kind: 'ok' }, now);
            }
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('a drained key finishes its calls and gets no new ones until it is told to', () => {
    const pool = poolOf([{}]);
    const open = lease(pool, T0);
    assert.equal(pool.drain('k1', true, T0).found, true);
    assert.deepEqual(
      { drained: keyOf(pool, 'k1', T0).drained, in_flight: keyOf(pool, 'k1', T0).in_flight, state: pool.state },
      { drained: true, in_flight: 1, state: 'no-keys' },
    );
    assert.equal(grants(ask(pool, T0)).length, 0);
    pool.settle(open.leaseId, { kind: 'ok' }, T0 + 1);
    pool.drain('k1', false, T0 + 2);
    assert.equal(lease(pool, T0 + 2).keyName, 'k1');
    assert.equal(pool.drain('nobody', true, T0).found, false);
  });

  it('a key switched off and on again is judged afresh', () => {
    const pool = poolOf([{}]);
    pool.settle(lease(pool, T0).leaseId, { kind: 'rejected-key', status: 401, message: '' }, T0);
    pool.disable('k1', true, T0);
    assert.equal(keyOf(pool, 'k1', T0).disabled_reason, 'disabled by an operator');
    pool.disable('k1', false, T0);
    assert.equal(keyOf(pool, 'k1', T0).status, 'available');
  });

  it('a new secret under the same name is judged afresh; another limit is not a reason to', () => {
    const pool = poolOf([{}]);
    pool.settle(lease(pool, T0).leaseId, { kind: 'rejected-key', status: 401, message: '' }, T0);
    pool.configure(specs([{ qps_limit: 1 }]), 'round_robin', T0);
    assert.equal(keyOf(pool, 'k1', T0).status, 'disabled');
    pool.configure(specs([{ qps_limit: 1, key: 'rotated' }]), 'round_robin', T0);
    assert.equal(keyOf(pool, 'k1', T0).status, 'available');
  });
});
