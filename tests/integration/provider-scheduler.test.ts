import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { plainTask } from '../support/assessment-task.ts';
import { until } from '../support/until.ts';
import { startScheduler, tasks } from '../support/scheduler-with-provider.ts';

// Two at a time, as they mostly wait for windows. More of them would delay each other's calls by more than the guard.
describe('scheduler, key pool and provider together', { concurrency: 2 }, () => {
  it('three keys of 5 QPS judge 45 groups without one 429 and without one window too full', async (t) => {
    const { sim, bus, stats, pool } = await startScheduler(t, {
      keys: simulatedKeys(3, { qps: 5, rpm: 300 }),
      latency: { medianMs: 60, p95Ms: 250 },
    });
    const all = tasks(45);
    bus.add(...all);
    await until('all are judged', () => bus.published.length === all.length);
    assert.deepEqual(sim.violations(), []);
    const calls = sim.calls();
    assert.deepEqual(
      { calls: calls.length, refused: calls.filter((call) => call.status !== 200).length },
      { calls: 45, refused: 0 },
    );
    assert.deepEqual(new Set(calls.map((call) => call.traceId)), new Set(all.map((task) => task.traceId)));
    assert.deepEqual(new Set(bus.published.map(({ body }) => body.source)), new Set(['vlm']));
    assert.deepEqual(
      {
        assessed: (await stats()).assessed,
        total_calls: (await pool()).total_calls,
        success_rate: (await pool()).success_rate,
      },
      { assessed: 45, total_calls: 45, success_rate: 1 },
    );
  });

  it('a key revoked in the middle costs no task its answer', async (t) => {
    const { sim, bus, pool, log, keys } = await startScheduler(t, {
      keys: simulatedKeys(4, { qps: 5, rpm: 300 }),
      latency: { medianMs: 40, p95Ms: 120 },
    });
    const all = tasks(40);
    bus.add(...all);
    await until('some are judged', () => bus.published.length >= 10);
    sim.revoke('sim-002');
    await until('all are judged', () => bus.published.length === all.length);
    assert.deepEqual(
      bus.published.filter(({ body }) => body.error !== undefined),
      [],
    );
    assert.ok(bus.published.some(({ body }) => body.metadata.retryCount === 1));
    assert.equal((await pool()).keys.find((key) => key.key_id === 'sim-002')?.status, 'disabled');
    assert.deepEqual(sim.violations(), []);
    const shown = JSON.stringify([log.lines, bus.published, await pool()]);
    for (const key of keys) assert.ok(!shown.includes(key.secret.reveal()), 'a key is shown');
  });

  it('two keys of one account share its budget', async (t) => {
    const { sim, bus } = await startScheduler(t, {
      keys: simulatedKeys(2, { qps: 4, rpm: 100 }).map((key) => ({ ...key, group: 'account' })),
    });
    bus.add(...tasks(8));
    await until('all are judged', () => bus.published.length === 8);
    assert.deepEqual(sim.violations(), []);
    assert.equal(sim.calls().filter((call) => call.status !== 200).length, 0);
  });

  it('a limit of tokens a minute is kept by both keys of an account together, and used up', async (t) => {
    const tpm = 30_000;
    const { sim, bus, pool } = await startScheduler(t, {
      keys: simulatedKeys(2, { qps: 60, rpm: 600, tpm }).map((key) => ({ ...key, group: 'account' })),
      latency: { medianMs: 40, p95Ms: 120 },
    });
    bus.add(...tasks(60));
    // Those that find the minute full are refused at once: it is not free again before their deadline.
    await until('all are answered', () => bus.published.length === 60);
    const calls = sim.calls();
    const used = calls.reduce((sum, call) => sum + call.tokens, 0);
    assert.deepEqual(
      { violations: sim.violations(), refused: calls.filter((call) => call.status !== 200).length },
      { violations: [], refused: 0 },
    );
    // Reserved is the most a call may use; what it used less is given back when it is over, so nearly all can be used.
    assert.ok(calls.length < 60 && used <= tpm && used >= 0.9 * tpm, `${calls.length} calls, ${used} tokens`);
    assert.deepEqual(
      (await pool()).keys.map((key) => [key.tpm_limit, key.tokens_last_minute]),
      [
        [tpm, used],
        [tpm, used],
      ],
    );
  });

  it('a provider that fails now and then costs retries; after the last failure rules answer', async (t) => {
    const { sim, bus, stats } = await startScheduler(
      t,
      { seed: 3, keys: simulatedKeys(4, { qps: 50, rpm: 3000 }) },
      { max_retry_per_key: 100, timeout_seconds: 3 },
    );
    sim.setBehaviour({ kind: 'status', status: 500 }, { probability: 0.15 });
    sim.setBehaviour({ kind: 'malformed' }, { probability: 0.1 });
    sim.setBehaviour({ kind: 'hang' }, { probability: 0.05 });
    const all = tasks(80);
    bus.add(...all);
    // While the pool takes the provider for down, tasks wait for it, at most until their time is over.
    await until('all are answered', () => bus.published.length === all.length, 70_000);
    // Chance may have spared all: more for each way to fail to the end. A call that timed out first has another reason.
    const reasons = () => new Set(bus.published.map(({ body }) => body.degradedReason?.code));
    for (const [behaviour, reason] of [
      [{ kind: 'malformed' }, 'unreadable-answer'],
      [{ kind: 'status', status: 500 }, 'provider-error'],
    ] as const) {
      sim.clearBehaviours();
      sim.setBehaviour(behaviour);
      do {
        const more = tasks(1);
        all.push(...more);
        bus.add(...more);
        await until(`${behaviour.kind} is answered`, () => bus.published.length === all.length, 70_000);
      } while (!reasons().has(reason) && all.length < 100);
    }
    const byRules = bus.published.filter(({ body }) => body.source === 'rules');
    assert.ok((await stats()).retries > 0);
    assert.ok(byRules.length > 1 && byRules.length < all.length, `${byRules.length} by rules`);
    assert.ok(reasons().has('unreadable-answer') && reasons().has('provider-error'), [...reasons()].join(', '));
    for (const { body } of byRules)
      assert.ok(
        body.degraded === true &&
          body.degradedReason?.code === body.results[0]?.reason &&
          body.metadata.calls?.every(({ outcome }) => outcome !== 'ok'),
        JSON.stringify(body),
      );
    for (const { body } of bus.published) {
      assert.equal(
        body.source === 'vlm',
        body.metadata.calls?.some(({ outcome }) => outcome === 'ok'),
      );
      assert.notEqual(body.results[0]?.riskLevel, 'unknown');
    }
    assert.deepEqual(
      all.flatMap((task) => bus.settlements(task)),
      all.map(() => 'ack'),
    );
  });

  it('in an outage of the provider groups wait, rules assess those that cannot, then the model goes on', async (t) => {
    const { sim, bus, stats, pool } = await startScheduler(
      t,
      { keys: simulatedKeys(3, { qps: 10, rpm: 600 }), latency: { medianMs: 40, p95Ms: 120 } },
      { retry_max_attempts: 1 },
    );
    sim.setBehaviour({ kind: 'status', status: 503 });
    const first = tasks(12);
    bus.add(...first);
    await until('the outage is seen', async () => (await stats()).provider_down_since !== null);
    const short = Array.from({ length: 20 }, () => plainTask({ expiresAt: Date.now() + 2_500 }));
    bus.add(...short);
    await until('rules judged those whose time ran out', () => short.every((task) => bus.result(task) !== undefined));
    assert.deepEqual(
      new Set(short.map((task) => `${bus.result(task)?.source} ${bus.result(task)?.degraded}`)),
      new Set(['rules true']),
    );
    const callsInOutage = sim.calls().length;
    const waiting = tasks(10);
    bus.add(...waiting);
    sim.clearBehaviours();
    await until('the model judges again', () => waiting.every((task) => bus.result(task)?.source === 'vlm'));
    await until('those of the beginning are answered too', () =>
      first.every((task) => bus.settlements(task).length > 0),
    );
    assert.equal((await stats()).provider_down_since, null);
    assert.deepEqual(
      (await pool()).circuits.map(({ state }) => state),
      ['closed'],
    );
    assert.ok(callsInOutage < 60, `${callsInOutage} calls to a provider that is down`);
    assert.deepEqual(
      bus.published.filter(({ body }) => body.results[0]?.riskLevel === 'unknown').map(({ body }) => body.error),
      [],
    );
    assert.deepEqual(
      [...first, ...short, ...waiting].flatMap((task) => bus.settlements(task)),
      Array.from({ length: 42 }, () => 'ack'),
    );
    assert.deepEqual(sim.violations(), []);
  });

  it('a 429 that was not ours rests the key for as long as the provider asks; another serves the task', async (t) => {
    const { sim, bus, pool } = await startScheduler(t, { keys: simulatedKeys(2, { qps: 20, rpm: 600 }) });
    sim.setBehaviour({ kind: 'status', status: 429, retryAfter: '20' }, { times: 1, key: 'sim-001' });
    bus.add(...tasks(6));
    await until('all are judged', () => bus.published.length === 6);
    assert.deepEqual(
      bus.published.filter(({ body }) => body.error !== undefined),
      [],
    );
    const rested = (await pool()).keys.find((key) => key.key_id === 'sim-001');
    assert.deepEqual(
      { status: rested?.status, rate_limited_calls: rested?.rate_limited_calls },
      { status: 'cooling', rate_limited_calls: 1 },
    );
  });
});
