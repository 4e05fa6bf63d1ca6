import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assessByModel } from '../../src/actors/scheduler/assess.ts';
import type { LeaseReply } from '../../src/keys/pool.types.ts';
import { plainTask } from '../support/assessment-task.ts';
import { answered, assess, failed, makeWorld, refused, TIMEOUT } from '../support/assess-world.ts';

const NO_KEYS: LeaseReply = { kind: 'refused', reason: 'no-keys', message: '', keysWanted: false };

describe('assessing one question while its answer can be in time', () => {
  const NOW = Date.now();
  const limits = (askBy: number, exclude: readonly string[] = []) => ({
    startAt: NOW,
    leaseLimits: () => ({ askBy, exclude }),
  });

  it('asks for a key until then, and for none whose answer would be late', async () => {
    const askBy = NOW + 700;
    const { result, seen } = await assess({ replies: [answered()], ...limits(askBy, ['k1', 'k2']) });
    assert.deepEqual([seen.leases[0]?.deadline, seen.leases[0]?.exclude], [askBy, ['k1', 'k2']]);
    assert.deepEqual([result?.source, result?.metadata.apiKeyId], ['vlm', 'k3']);
  });

  it('is left to the rules, for want of budget, without a key in time', async () => {
    for (const reason of ['deadline', 'tried-all'] as const) {
      const { result, seen } = await assess({ leases: [refused(reason)], ...limits(NOW + 700) });
      assert.deepEqual([result?.results[0]?.reason, result?.degraded, seen.calls.length], ['budget', undefined, 0]);
    }
    const { result, seen } = await assess(limits(NOW - 1));
    assert.deepEqual([result?.results[0]?.reason, seen.leases.length], ['budget', 0]);
  });

  it('is left to the rules for want of keys, however late, when none is meant to be used', async () => {
    const { result } = await assess({ keysWanted: false, leases: [NO_KEYS], ...limits(Date.now() - 1) });
    assert.deepEqual([result?.results[0]?.reason, result?.degraded], ['no-keys', undefined]);
  });

  it('names the failure of its call when there is no time for another', async () => {
    const { result, seen } = await assess({ replies: [failed(TIMEOUT)], ...limits(NOW + 700) });
    assert.deepEqual([result?.degradedReason?.code, seen.leases.length], ['timeout', 1]);
  });

  it('says so when its picture does not come in time', async () => {
    const { context, clock } = makeWorld({ replies: [answered()], imageAfterMs: 3_000, ...limits(NOW + 700) });
    const result = assessByModel(plainTask(), context);
    await clock.advance(2_000);
    assert.equal((await result)?.results[0]?.reason, 'no-image');
  });

  it('is superseded when it makes way for a newer one, before it has a key', async () => {
    const { context, seen } = makeWorld({ admissions: ['dropped'] });
    const early = await assessByModel(plainTask(), context);
    assert.equal(early?.results[0]?.reason, 'superseded');
    const { context: leasing } = makeWorld({ leases: [refused('cancelled')] });
    const late = await assessByModel(plainTask(), { ...leasing, slot: { ...leasing.slot, dropped: true } });
    assert.deepEqual([late?.results[0]?.reason, seen.leases.length], ['superseded', 0]);
  });
});
