import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { LimitMemory } from '../../src/keys/limits.ts';
import type { CallOutcome } from '../../src/keys/outcome.ts';
import type { LeaseGrant, PoolStep } from '../../src/keys/pool.types.ts';
import type { TransitSample } from '../../src/keys/transit-guard.ts';
import type { Priority } from '../../src/messages/task.ts';
import { call, grants, keyOf, lease, poolOf, reasons, T0, want } from '../support/key-pool.ts';

const OK: CallOutcome = { kind: 'ok' };
const limited = (retryAfterMs: number | null): CallOutcome => ({ kind: 'rate-limited', retryAfterMs, message: '' });

describe('strategies', () => {
  const three = [{ priority: 1 }, { priority: 9 }, { priority: 5 }];

  it('round_robin takes the keys in turn, whatever is in flight', () => {
    const pool = poolOf(three);
    assert.deepEqual(
      [0, 1, 2, 3].map(() => lease(pool, T0).keyName),
      ['k1', 'k2', 'k3', 'k1'],
    );
  });

  it('least_loaded takes the key with fewest calls in flight, then the one with least of its minute spent', () => {
    const pool = poolOf(three, 'least_loaded');
    const first = lease(pool, T0);
    lease(pool, T0);
    lease(pool, T0);
    pool.settle(first.leaseId, OK, T0);
    assert.equal(lease(pool, T0).keyName, 'k1');
    const idle = poolOf([{ rpm_limit: 100 }, { rpm_limit: 300 }], 'least_loaded');
    assert.deepEqual(
      [0, 1, 2, 3].map((i) => call(idle, T0 + i, OK).keyName),
      ['k1', 'k2', 'k2', 'k2'],
    );
  });

  it('priority takes the largest number while it has permits, then the next', () => {
    const pool = poolOf(
      three.map((key) => ({ ...key, qps_limit: 2 })),
      'priority',
    );
    assert.deepEqual(
      [0, 1, 2, 3, 4].map(() => lease(pool, T0).keyName),
      ['k2', 'k2', 'k3', 'k3', 'k1'],
    );
  });
});

describe('limits in the pool', () => {
  it('several calls are in flight on one key, as many as its rate allows', () => {
    const pool = poolOf([{ qps_limit: 3 }]);
    for (let i = 0; i < 3; i++) lease(pool, T0);
    assert.equal(keyOf(pool, 'k1', T0).in_flight, 3);
    const step = pool.request(want(), T0);
    assert.deepEqual(step, { replies: [], changes: [], wakeAt: T0 + 1001 });
    assert.equal(grants(pool.advance(T0 + 1000)).length, 0);
    assert.equal(grants(pool.advance(T0 + 1001)).length, 1);
  });

  it('a lease counts until its call has left; an unused one costs nothing; a lost one counts to the end', () => {
    const pool = poolOf([{ qps_limit: 2 }], 'round_robin', { timeout_seconds: 1 });
    const ask = (now: number): LeaseGrant | undefined => grants(pool.request(want(), now))[0];
    const [first, second] = [ask(T0), ask(T0)];
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual(pool.request(want({ waiterId: 'third' }), T0 + 3_000).replies, []);
    assert.deepEqual(grants(pool.settle(second.leaseId, { kind: 'abandoned', message: '' }, T0 + 3_000)).length, 1);
    // The first was never reported: it counts as having left when it was taken back, at 6 s.
    const step = pool.advance(T0 + 6_000);
    assert.equal(keyOf(pool, 'k1', T0 + 6_000).expired_leases, 1);
    assert.deepEqual(step.replies, []);
    assert.equal(ask(T0 + 6_500), undefined);
  });

  it('the time until a call left is known and not guarded for', () => {
    const pool = poolOf([{ qps_limit: 1 }], 'round_robin', { transit_guard_ms: 50 });
    const [grant] = grants(pool.request(want(), T0));
    assert.ok(grant !== undefined);
    pool.request(want(), T0);
    assert.equal(pool.sent(grant.leaseId, T0 + 300, T0 + 301).wakeAt, T0 + 300 + 1_051);
    assert.equal(pool.sent(grant.leaseId, T0 + 900, T0 + 900).wakeAt, T0 + 300 + 1_051, 'only the first report counts');
  });

  it('a call on its way may take longer than all before: it keeps the whole guard until its answer tells', () => {
    const pool = poolOf([{ qps_limit: 1 }], 'round_robin', { transit_guard_ms: 50 });
    const transit = (sentAt: number, wayMs: number): TransitSample => ({
      kind: 'arrival',
      at: sentAt + wayMs,
      roundTripMs: 100,
      workMs: 100 - wayMs,
    });
    for (let second = 0; second < 60; second += 2)
      pool.settle(
        lease(pool, T0 + second * 1_000).leaseId,
        OK,
        T0 + second * 1_000 + 100,
        'key',
        transit(T0 + second * 1_000, 1),
      );
    const sentAt = T0 + 60_000;
    const slow = lease(pool, sentAt);
    assert.equal(pool.request(want(), sentAt + 1).wakeAt, sentAt + 50 + 1_001, 'sixty calls took 1 ms each');
    assert.equal(
      pool.settle(slow.leaseId, OK, sentAt + 100, 'key', transit(sentAt, 41)).wakeAt,
      sentAt + 41 + 2 + 5 + 1_001,
      'now it is known',
    );
    assert.equal(pool.view(sentAt + 100)[0]?.spread_ms, 41);
  });

  it('keys of one quota group share one budget, also after a restart of the pool', () => {
    const memory = new LimitMemory();
    const keys = [{ quota_group: 'g', qps_limit: 2 }, { quota_group: 'g', qps_limit: 2 }, { qps_limit: 2 }];
    const pool = poolOf(keys, 'round_robin', {}, memory);
    assert.deepEqual(
      [0, 1, 2, 3].map(() => lease(pool, T0).keyName),
      ['k1', 'k2', 'k3', 'k3'],
    );
    const again = poolOf(keys, 'round_robin', {}, memory);
    assert.equal(grants(again.request(want(), T0 + 500)).length, 0);
  });

  it('max_in_flight holds a key until a call is settled', () => {
    const pool = poolOf([{ max_in_flight: 1 }]);
    const first = lease(pool, T0);
    const waiting = pool.request(want(), T0);
    assert.equal(grants(waiting).length, 0);
    assert.equal(grants(pool.settle(first.leaseId, OK, T0 + 5)).length, 1);
  });

  it('hold in every window over random traffic, and the pool wakes exactly when it can grant', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            pause: fc.integer({ min: 0, max: 400 }),
            priority: fc.integer({ min: 1, max: 5 }),
            holdMs: fc.integer({ min: 0, max: 3000 }),
          }),
          { minLength: 20, maxLength: 80 },
        ),
        (asks) => {
          const pool = poolOf([
            { qps_limit: 2, rpm_limit: 20 },
            { qps_limit: 3, rpm_limit: 15, quota_group: 'g' },
            { qps_limit: 3, rpm_limit: 15, quota_group: 'g' },
          ]);
          const taken: { budget: string; at: number }[] = [];
          const due: { at: number; leaseId: string }[] = [];
          let wakeAt: number | null = null;
          const note = (step: PoolStep, at: number, holdMs: number): void => {
            wakeAt = step.wakeAt;
            for (const grant of grants(step)) {
              wakeAt = pool.sent(grant.leaseId, at, at).wakeAt;
              taken.push({ budget: grant.keyName === 'k1' ? 'k1' : 'g', at });
              due.push({ at: at + holdMs, leaseId: grant.leaseId });
            }
          };
          let now = T0;
          for (const ask of asks) {
            const until = now + ask.pause;
            while (wakeAt !== null && wakeAt <= until) {
              const at: number = wakeAt;
              const early = pool.advance(at - 1);
              assert.deepEqual(early.replies, [], 'granted before it said it could');
              assert.equal(early.wakeAt, at, 'changed its mind');
              note(pool.advance(at), at, ask.holdMs);
              assert.ok(wakeAt === null || wakeAt > at, 'busy loop');
            }
            now = until;
            for (const held of due.splice(0).filter((one) => (one.at <= now ? true : (due.push(one), false))))
              note(pool.settle(held.leaseId, OK, now), now, ask.holdMs);
            note(
              pool.request(want({ priority: ask.priority as Priority, deadline: now + 30_000 }), now),
              now,
              ask.holdMs,
            );
          }
          for (const [budget, limit, span] of [
            ['k1', 2, 1000],
            ['k1', 20, 60_000],
            ['g', 3, 1000],
            ['g', 15, 60_000],
          ] as const) {
            const at = taken.filter((one) => one.budget === budget).map((one) => one.at);
            for (const start of at)
              assert.ok(
                at.filter((one) => one >= start && one <= start + span).length <= limit,
                `${budget}: more than ${limit} in ${span} ms`,
              );
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

/** Fills a 1-a-second key, queues the requests, and returns the ids in the order of service. */
function order(
  requests: readonly { id: string; priority: Priority; after: number }[],
  ageingSeconds: number,
): string[] {
  const pool = poolOf([{ qps_limit: 1, rpm_limit: 1000 }], 'round_robin', { ageing_seconds: ageingSeconds });
  lease(pool, T0);
  const served: string[] = [];
  const note = (step: PoolStep, now: number): void => {
    for (const { waiterId } of step.replies) served.push(waiterId);
    for (const grant of grants(step)) pool.sent(grant.leaseId, now, now);
  };
  const queue = [...requests];
  for (let now = T0; served.length < requests.length && now < T0 + 120_000; now++) {
    while (queue[0] !== undefined && T0 + queue[0].after <= now) {
      const next = queue.shift()!;
      note(pool.request(want({ waiterId: next.id, priority: next.priority }), now), now);
    }
    note(pool.advance(now), now);
  }
  return served;
}

describe('waiting', () => {
  it('serves by priority, first in first out inside a level', () => {
    const requests = [
      { id: 'low', priority: 1, after: 0 },
      { id: 'mid-a', priority: 3, after: 1 },
      { id: 'mid-b', priority: 3, after: 1 },
      { id: 'urgent', priority: 5, after: 2 },
    ] as const;
    assert.deepEqual(order(requests, 3_600), ['urgent', 'mid-a', 'mid-b', 'low']);
  });

  it('serves level 1 after a bounded wait while level 5 never pauses', () => {
    const urgent = Array.from({ length: 40 }, (_, i) => ({ id: `u${i}`, priority: 5 as const, after: i * 900 }));
    const served = order([{ id: 'low', priority: 1, after: 0 }, ...urgent], 2);
    // Only those that come within 4 * 2 s of it may go first: u0 (0 ms) to u8 (7200 ms).
    assert.equal(served.indexOf('low'), 9);
  });

  it('passes over a waiter that excludes the free key and serves the one behind', () => {
    const pool = poolOf([{ qps_limit: 1 }, { qps_limit: 1 }]);
    lease(pool, T0);
    pool.request(want({ waiterId: 'picky', priority: 5, exclude: ['k2'] }), T0);
    const step = pool.request(want({ waiterId: 'easy', priority: 1 }), T0);
    assert.deepEqual(
      step.replies.map(({ waiterId }) => waiterId),
      ['easy'],
    );
    assert.equal(step.wakeAt, T0 + 1001);
  });

  it('refuses at the deadline, and at once when no key can come free before it', () => {
    const pool = poolOf([{ qps_limit: 1, max_in_flight: 1 }]);
    lease(pool, T0);
    assert.deepEqual(reasons(pool.request(want({ deadline: T0 + 1_000 }), T0)), ['deadline']);
    const step = pool.request(want({ deadline: T0 + 2_000 }), T0);
    assert.deepEqual({ replies: step.replies.length, wakeAt: step.wakeAt }, { replies: 0, wakeAt: T0 + 2_000 });
    assert.deepEqual(reasons(pool.advance(T0 + 2_000)), ['deadline']);
  });

  it('refuses with the reason: no keys, all tried, queue full, withdrawn', () => {
    assert.deepEqual(reasons(poolOf([]).request(want(), T0)), ['no-keys']);
    assert.deepEqual(reasons(poolOf([{ enabled: false }]).request(want(), T0)), ['no-keys']);
    assert.deepEqual(reasons(poolOf([{}, {}]).request(want({ exclude: ['k1', 'k2'] }), T0)), ['tried-all']);
    const pool = poolOf([{ qps_limit: 1 }], 'round_robin', { queue_size: 1 });
    lease(pool, T0);
    pool.request(want({ waiterId: 'first' }), T0);
    assert.deepEqual(reasons(pool.request(want({ waiterId: 'first' }), T0)), ['duplicate']);
    assert.deepEqual(reasons(pool.request(want(), T0)), ['queue-full']);
    assert.deepEqual(reasons(pool.cancel('first', T0)), ['cancelled']);
    assert.deepEqual(reasons(pool.cancel('first', T0)), []);
    assert.equal(grants(pool.advance(T0 + 1_001)).length, 0);
    assert.deepEqual(pool.stats(T0).refused, {
      'no-keys': 0,
      'tried-all': 0,
      deadline: 0,
      'queue-full': 1,
      cancelled: 1,
      duplicate: 1,
      'provider-down': 0,
    });
  });

  it('tells waiters at once when their last key is disabled', () => {
    const pool = poolOf([{ qps_limit: 1 }]);
    const only = lease(pool, T0);
    pool.request(want({ waiterId: 'waiting' }), T0);
    const step = pool.settle(only.leaseId, { kind: 'rejected-key', status: 401, message: '' }, T0 + 1);
    assert.deepEqual(
      step.replies.map(({ waiterId, reply }) => [waiterId, reply.kind === 'refused' && reply.reason]),
      [['waiting', 'no-keys']],
    );
  });
});

describe('stats', () => {
  it('name each state and never a secret', () => {
    const pool = poolOf([{}, {}, {}, { enabled: false }]);
    call(pool, T0, limited(5_000));
    lease(pool, T0);
    const stats = pool.stats(T0);
    assert.deepEqual(
      {
        total_keys: stats.total_keys,
        available_keys: stats.available_keys,
        in_use_keys: stats.in_use_keys,
        cooling_keys: stats.cooling_keys,
        disabled_keys: stats.disabled_keys,
      },
      { total_keys: 4, available_keys: 1, in_use_keys: 1, cooling_keys: 1, disabled_keys: 1 },
    );
    assert.deepEqual(
      {
        total_calls: stats.total_calls,
        success_rate: stats.success_rate,
        in_flight: stats.in_flight,
        granted: stats.granted,
      },
      { total_calls: 1, success_rate: 0, in_flight: 1, granted: 2 },
    );
    assert.ok(!JSON.stringify(stats).includes('secret-'));
  });
});
