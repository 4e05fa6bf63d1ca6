import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LeaseRequest } from '../../src/keys/pool.types.ts';
import { grants, keyOf, lease, poolOf, reasons, T0, want } from '../support/key-pool.ts';

const spare = (more: Partial<LeaseRequest> = {}): LeaseRequest => want({ priority: 1, spareOf: 1, ...more });

describe('leases for a release that is tried out', () => {
  it('grants only the keys that it names, and refuses when there is none of them', () => {
    const pool = poolOf([{}, {}, {}]);
    for (let call = 0; call < 5; call++)
      assert.deepEqual(
        grants(pool.request(want({ only: ['k3', 'gone'] }), T0)).map(({ keyName }) => keyName),
        ['k3'],
      );
    assert.deepEqual(reasons(pool.request(want({ only: ['gone'] }), T0)), ['tried-all']);
  });

  it('lets others pass while it waits for its key', () => {
    const pool = poolOf([{ max_in_flight: 1 }, {}]);
    lease(pool, T0);
    assert.deepEqual(pool.request(want({ only: ['k1'], priority: 5 }), T0).replies, []);
    assert.deepEqual(
      grants(pool.request(want({ priority: 1 }), T0)).map(({ keyName }) => keyName),
      ['k2'],
    );
  });

  it('calls its model, and learns of tokens and outcomes under its name', () => {
    const pool = poolOf([{ model: 'own', tpm_limit: 10_000 }]);
    const tokens = { prompt: 2_000, completion: 600 };
    const [grant] = grants(pool.request(want({ model: 'other', tokens }), T0));
    assert.equal(grant?.model, 'other');
    pool.sent(grant.leaseId, T0, T0);
    pool.settle(grant.leaseId, { kind: 'unreadable', message: 'x' }, T0, 'key', null, { prompt: 9_000, completion: 1 });
    const { models } = pool.stats(T0);
    assert.deepEqual(
      models.map(({ model, recent, unreadable }) => [model, recent, unreadable]),
      [
        ['own', 0, 0],
        ['other', 1, 1],
      ],
    );
    assert.equal(pool.stats(T0 + 700_000).models.length, 1, 'a model of no key is listed while it is used');
    const later = T0 + 100_000;
    assert.equal(grants(pool.request(want({ tokens }), later)).length, 1, 'the own model is not taken to use as many');
  });

  it('is not to be blamed on the key or the provider', () => {
    const pool = poolOf([{}], 'round_robin', { max_retry_per_key: 1 });
    for (const outcome of [
      { kind: 'misconfigured', status: 404, message: 'no such model' },
      { kind: 'timeout', message: 'slow' },
      { kind: 'server-error', status: 500, message: 'x' },
    ] as const)
      for (let call = 0; call < 3; call++) {
        const grant = lease(pool, T0 + call * 2_000);
        pool.settle(grant.leaseId, outcome, T0 + call * 2_000, 'candidate');
      }
    const key = keyOf(pool, 'k1', T0 + 6_000);
    assert.deepEqual([key.status, key.failed_calls, pool.state], ['available', 9, 'serving']);
    const revoked = lease(pool, T0 + 8_000);
    pool.settle(revoked.leaseId, { kind: 'rejected-key', status: 401, message: 'revoked' }, T0 + 8_000, 'candidate');
    assert.equal(keyOf(pool, 'k1', T0 + 8_000).status, 'disabled', 'a revoked key is revoked for every model');
  });
});

describe('spare calls', () => {
  it('are granted while half of the second and a quarter of the minute stay free', () => {
    const pool = poolOf([
      { qps_limit: 4, rpm_limit: 16 },
      { qps_limit: 4, rpm_limit: 16 },
    ]);
    const taken = (now: number): number => {
      let count = 0;
      for (;;) {
        const [grant] = grants(pool.request(spare({ deadline: now + 50 }), now));
        if (grant === undefined) break;
        pool.sent(grant.leaseId, now, now);
        count++;
      }
      pool.advance(now + 60);
      return count;
    };
    assert.equal(taken(T0), 4);
    for (let second = 1; second < 8; second++) taken(T0 + second * 2_000);
    assert.equal(keyOf(pool, 'k1', T0 + 15_000).used_last_minute + keyOf(pool, 'k2', T0 + 15_000).used_last_minute, 24);
    assert.equal(grants(pool.request(want(), T0 + 15_000)).length, 1, 'others still get theirs');
  });

  it('count the use of the other schedulers as their own', () => {
    const pool = poolOf([{ qps_limit: 8, rpm_limit: 100 }]);
    lease(pool, T0);
    assert.equal(grants(pool.request(spare({ spareOf: 3 }), T0)).length, 1, '3 of 8 are used');
    assert.equal(grants(pool.request(spare({ spareOf: 3 }), T0)).length, 0, '6 of 8 are used');
  });

  it('come after every other request, whatever its priority and age', () => {
    const pool = poolOf([{ max_in_flight: 4 }, { max_in_flight: 4 }]);
    const all = Array.from({ length: 8 }, () => lease(pool, T0));
    assert.deepEqual(pool.request(spare(), T0).replies, []);
    const waiting = want({ priority: 1 });
    assert.deepEqual(pool.request(waiting, T0 + 1_000).replies, []);
    const [first] = all;
    assert.deepEqual(
      pool.settle(first!.leaseId, { kind: 'ok' }, T0 + 1_100).replies.map(({ waiterId }) => waiterId),
      [waiting.waiterId],
    );
    for (const { leaseId } of all.slice(1, 5)) pool.settle(leaseId, { kind: 'ok' }, T0 + 1_200);
    assert.equal(keyOf(pool, 'k1', T0 + 1_200).in_flight + keyOf(pool, 'k2', T0 + 1_200).in_flight, 4);
    const step = pool.settle(all[5]!.leaseId, { kind: 'ok' }, T0 + 1_300);
    assert.equal(grants(step).length, 1, 'granted by the event that brings the room');
  });

  it('are no reason to wake up before their deadline, and are refused at it', () => {
    const pool = poolOf([{ qps_limit: 1 }]);
    const step = pool.request(spare({ deadline: T0 + 50 }), T0);
    assert.deepEqual([step.replies, step.wakeAt], [[], T0 + 50]);
    assert.deepEqual(reasons(pool.advance(T0 + 50)), ['deadline']);
  });

  it('never use a key that has to prove itself', () => {
    const pool = poolOf([{}, {}], 'round_robin', { max_retry_per_key: 1 });
    const grant = lease(pool, T0);
    pool.settle(grant.leaseId, { kind: 'rejected-key', status: 401, message: 'x' }, T0);
    for (let call = 0; call < 3; call++)
      for (const { keyName } of grants(pool.request(spare(), T0 + 3_600_000 + call)))
        assert.notEqual(keyName, grant.keyName);
    assert.equal(lease(pool, T0 + 3_600_010).keyName, grant.keyName, 'the trial is left to a question');
  });
});
