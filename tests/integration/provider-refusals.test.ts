import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assessmentHealthOf } from '../../src/app/assessment-health.ts';
import { PoolFigures } from '../../src/app/scheduler-figures.ts';
import type { KeyPoolStats } from '../../src/keys/pool.types.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { plainTask } from '../support/assessment-task.ts';
import type { FakeTaskBus } from '../support/fake-bus.ts';
import { until } from '../support/until.ts';
import { startScheduler, tasks } from '../support/scheduler-with-provider.ts';

// Side by side: they mostly wait.
describe('what providers say went wrong, by scheduler and pool', { concurrency: true }, () => {
  const two = simulatedKeys(2, { qps: 20, rpm: 600 });
  const keyOf = async (pool: () => Promise<KeyPoolStats>, name: string) =>
    (await pool()).keys.find((key) => key.key_id === name);
  const sources = (bus: FakeTaskBus) =>
    bus.published.map(({ body }) => `${body.source}${body.degraded === true ? ' degraded' : ''}`);

  it('arrears with status 400: the key is out as with a 402, the other serves', async (t) => {
    const { sim, bus, pool } = await startScheduler(t, { keys: two });
    sim.setBehaviour({ kind: 'arrears' }, { key: 'sim-001' });
    bus.add(...tasks(8));
    await until('all are judged', () => bus.published.length === 8);
    assert.deepEqual(new Set(sources(bus)), new Set(['vlm']));
    const out = await keyOf(pool, 'sim-001');
    assert.deepEqual(
      { status: out?.status, disabled_reason: out?.disabled_reason },
      { status: 'disabled', disabled_reason: 'arrears: the account is not paid (400)' },
    );
    assert.ok(sim.calls().filter(({ key }) => key === 'sim-001').length <= 4, 'it is asked on and on');
  });

  it('every key refused: rules assess at once, and say why', async (t) => {
    const { sim, bus, pool } = await startScheduler(t, { keys: two });
    sim.setBehaviour({ kind: 'arrears' });
    bus.add(...tasks(6));
    await until('all are answered', () => bus.published.length === 6);
    assert.deepEqual(new Set(sources(bus)), new Set(['rules degraded']));
    for (const { body } of bus.published)
      assert.ok(['rejected', 'no-lease'].includes(body.degradedReason?.code ?? ''), JSON.stringify(body));
    assert.match(
      assessmentHealthOf(PoolFigures.parse(await pool())).outage ?? '',
      /^No model can assess: keys sim-001, sim-002 are out \(arrears/,
    );
  });

  it('a model that is not there: its keys are out for that reason and asked seldom', async (t) => {
    const { sim, bus, pool } = await startScheduler(t, { keys: two });
    sim.setBehaviour({ kind: 'model-missing' });
    bus.add(...tasks(6));
    await until('all are answered', () => bus.published.length === 6);
    assert.deepEqual(new Set(sources(bus)), new Set(['rules degraded']));
    assert.match(
      (await keyOf(pool, 'sim-001'))?.disabled_reason ?? '',
      /^configuration: model sim-vl cannot be used: 404 The model/,
    );
    assert.ok(sim.calls().length <= 12, `${sim.calls().length} calls`);
  });

  it('an error with status 200 counts as the 429 that it is', async (t) => {
    const { sim, bus, pool } = await startScheduler(t, { keys: two });
    sim.setBehaviour({ kind: 'ok-but-error' }, { key: 'sim-001', times: 1 });
    bus.add(...tasks(4));
    await until('all are judged', () => bus.published.length === 4);
    assert.deepEqual(new Set(sources(bus)), new Set(['vlm']));
    const rested = await keyOf(pool, 'sim-001');
    assert.deepEqual(
      { status: rested?.status, rate_limited_calls: rested?.rate_limited_calls },
      { status: 'cooling', rate_limited_calls: 1 },
    );
  });

  for (const [kind, least, most] of [
    ['gemini-429', 3_500, 3_500],
    ['retry-epoch', 10_000, 120_000],
  ] as const) {
    it(`${kind}: the key rests from ${least} to ${most} ms`, async (t) => {
      const { sim, bus, pool } = await startScheduler(t, { keys: two });
      sim.setBehaviour({ kind }, { key: 'sim-001', times: 1 });
      const began = Date.now();
      bus.add(...tasks(4));
      const rests = until('the key rests', async () => (await keyOf(pool, 'sim-001'))?.cooldown_until);
      await until('all are judged', () => bus.published.length === 4);
      const restsUntil = Date.parse(await rests);
      assert.ok(restsUntil >= began + least && restsUntil <= Date.now() + most, `${restsUntil - began} ms`);
    });
  }

  it('a refused picture is tried on no other key, no key is blamed, rules assess', async (t) => {
    const { sim, bus, pool } = await startScheduler(t, { keys: two });
    sim.setBehaviour({ kind: 'inspection' });
    bus.add(...tasks(5));
    await until('all are answered', () => bus.published.length === 5);
    assert.deepEqual([sim.calls().length, new Set(sources(bus))], [5, new Set(['rules degraded'])]);
    for (const { body } of bus.published) assert.equal(body.degradedReason?.code, 'content-refused');
    assert.deepEqual(
      (await pool()).keys.map(({ status, consecutive_failures }) => [status, consecutive_failures]),
      [
        ['available', 0],
        ['available', 0],
      ],
    );
  });

  it('a page in place of answers is the fault of no key: rules assess, the circuit opens and closes', async (t) => {
    const { sim, bus, stats, pool } = await startScheduler(t, { keys: two });
    sim.setBehaviour({ kind: 'html-200' });
    bus.add(...Array.from({ length: 10 }, () => plainTask({ expiresAt: Date.now() + 3_000 })));
    await until('all are answered', () => bus.published.length === 10);
    assert.deepEqual(new Set(sources(bus)), new Set(['rules degraded']));
    assert.deepEqual((await pool()).keys.map(({ status }) => status).includes('disabled'), false);
    sim.clearBehaviours();
    bus.add(...tasks(3));
    await until('the model judges again', () => bus.published.filter(({ body }) => body.source === 'vlm').length === 3);
    assert.equal((await stats()).provider_down_since, null);
  });

  it('a refused parameter costs a call for the whole of an endpoint and model, and no key its standing', async (t) => {
    const { sim, bus, pool } = await startScheduler(t, { keys: two });
    sim.setBehaviour({ kind: 'stream-only' });
    bus.add(...tasks(1));
    await until('it is judged', () => bus.published.length === 1);
    bus.add(...tasks(9));
    await until('all are judged', () => bus.published.length === 10);
    assert.deepEqual(new Set(sources(bus)), new Set(['vlm']));
    const { keys, models, total_calls, success_rate } = await pool();
    assert.deepEqual(
      { calls: sim.calls().length, total_calls, success_rate },
      { calls: 11, total_calls: 10, success_rate: 1 },
    );
    assert.deepEqual(
      [models[0]?.adaptations, keys.map(({ status }) => status)],
      [['streamed'], ['available', 'available']],
    );
    assert.deepEqual(
      {
        violations: sim.violations(),
        usedLastMinute: keys.reduce((sum, { used_last_minute }) => sum + used_last_minute, 0),
      },
      { violations: [], usedLastMinute: 11 },
    );
  });
});
