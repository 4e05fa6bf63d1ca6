import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HedgeBudget } from '../../src/actors/scheduler/hedge.ts';
import { KEY_POOL } from '../../src/actors/key-pool.ts';
import { DOWN, GOOD, startedScheduler } from '../support/scheduler.ts';

/** A scheduler that has made enough calls to be allowed one more than it must. */
async function warm(keys = [{}, {}], more: object = {}) {
  const world = await startedScheduler({
    byHand: true,
    keys: keys.map((key) => ({ qps_limit: 50, rpm_limit: 1_000, ...key })),
    scheduler: { hedge_after_ms: 500, ...more },
  });
  const { clock, bus, vlm, task } = world;
  for (let i = 0; i < 10; i++) {
    bus.add(task());
    await clock.advance(20);
    vlm.open[0]?.finish(GOOD);
    await clock.advance(20);
  }
  await clock.advance(2_000);
  const calls = (): number => vlm.calls - 10;
  const used = async (): Promise<number> =>
    (await world.system.ref(KEY_POOL).ask({ type: 'stats' }, { timeoutMs: 1_000 })).keys.reduce(
      (sum, key) => sum + key.used_last_minute,
      0,
    ) - 10;
  return { ...world, calls, used };
}

describe('hedging', () => {
  it('calls a slow urgent task again on another key; the first answer wins, the other is dropped', async (t) => {
    const { clock, bus, vlm, stats, task, calls, used, stop } = await warm();
    t.after(() => stop());
    const one = task({ priority: 5 });
    bus.add(one);
    await clock.advance(400);
    assert.equal(calls(), 1);
    await clock.advance(200);
    const [slow, second] = vlm.open;
    assert.ok(calls() === 2 && slow !== undefined && second !== undefined);
    assert.notEqual(slow.request.access.keyName, second.request.access.keyName);
    second.finish({ ...GOOD, promptTokens: 40, completionTokens: 8 });
    await clock.advance(20);
    assert.equal(slow.request.signal?.aborted, true);
    const { metadata, source } = bus.result(one) ?? assert.fail('no result');
    assert.deepEqual(
      { source, apiKeyId: metadata.apiKeyId, promptTokens: metadata.promptTokens, retryCount: metadata.retryCount },
      { source: 'vlm', apiKeyId: second.request.access.keyName, promptTokens: 40, retryCount: 0 },
    );
    assert.deepEqual(
      metadata.calls?.map(({ apiKeyId, outcome, hedge }) => [apiKeyId, outcome, hedge]),
      [
        [second.request.access.keyName, 'ok', true],
        [slow.request.access.keyName, 'abandoned', undefined],
      ],
    );
    assert.deepEqual(
      { hedges: (await stats()).hedges, hedge_wins: (await stats()).hedge_wins, used: await used() },
      { hedges: 1, hedge_wins: 1, used: 2 },
      'both permits are spent',
    );
  });

  it("keeps the first call's answer when that comes first after all", async (t) => {
    const { clock, bus, vlm, stats, task, stop } = await warm();
    t.after(() => stop());
    const one = task({ priority: 4 });
    bus.add(one);
    await clock.advance(600);
    const first = vlm.open[0]?.request.access.keyName;
    vlm.open[0]?.finish(GOOD);
    await clock.advance(20);
    assert.deepEqual(
      {
        apiKeyId: bus.result(one)?.metadata.apiKeyId,
        open: vlm.open.length,
        hedges: (await stats()).hedges,
        hedge_wins: (await stats()).hedge_wins,
      },
      { apiKeyId: first, open: 0, hedges: 1, hedge_wins: 0 },
    );
  });

  it('waits for the second when the first fails meanwhile, and tries on when both do', async (t) => {
    const { clock, bus, vlm, task, calls, stop } = await warm([{}, {}, {}]);
    t.after(() => stop());
    const one = task({ priority: 5 });
    bus.add(one);
    await clock.advance(600);
    vlm.open[0]?.finish(DOWN);
    await clock.advance(20);
    assert.equal(bus.result(one), undefined);
    vlm.open[0]?.finish(DOWN);
    await clock.advance(20);
    assert.equal(calls(), 3, 'a third key');
    vlm.open[0]?.finish(GOOD);
    await clock.advance(20);
    const { metadata } = bus.result(one) ?? assert.fail('no result');
    assert.deepEqual(
      { calls: metadata.calls?.map(({ outcome }) => outcome), retryCount: metadata.retryCount },
      { calls: ['server-error', 'server-error', 'ok'], retryCount: 1 },
    );
  });

  for (const [what, keys, priority, settings] of [
    ['a task that is not urgent', [{}, {}], 3, {}],
    ['without another key', [{}], 5, {}],
    ['when it is off, as by default', [{}, {}], 5, { hedge_after_ms: 0 }],
  ] as const) {
    it(`makes no second call: ${what}`, async (t) => {
      const { clock, bus, vlm, task, calls, stop } = await warm([...keys], settings);
      t.after(() => stop());
      bus.add(task({ priority }));
      await clock.advance(3_000);
      assert.equal(calls(), 1);
      vlm.open[0]?.finish(GOOD);
    });
  }

  it('makes none when the other key has nothing free at once', async (t) => {
    const { clock, bus, vlm, task, calls, stop } = await warm([{}, { qps_limit: 1, rpm_limit: 1 }]);
    t.after(() => stop());
    bus.add(task({ priority: 5 }));
    await clock.advance(3_000);
    assert.equal(calls(), 1);
    vlm.open[0]?.finish(GOOD);
  });

  it('makes at most a tenth more calls', () => {
    const budget = new HedgeBudget();
    let calls = 0;
    for (let i = 0; i < 5_000; i++) {
      calls++;
      budget.called();
      if (budget.allows) budget.take();
    }
    assert.ok(budget.hedges <= calls / 10 && budget.hedges >= calls / 10 - 1);
    const idle = new HedgeBudget();
    for (let i = 0; i < 5_000; i++) idle.called();
    while (idle.allows) idle.take();
    assert.equal(idle.hedges, 5, 'little is saved up');
  });
});
