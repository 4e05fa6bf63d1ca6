import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { KEY_POOL, keyPoolActor } from '../../src/actors/key-pool.ts';
import { schedulerActor } from '../../src/actors/scheduler/scheduler.ts';
import { SCHEDULER, schedulerSettings } from '../../src/actors/scheduler/scheduler.types.ts';
import { assessmentHealthOf } from '../../src/app/assessment-health.ts';
import { PoolFigures } from '../../src/app/scheduler-figures.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import type { KeyPoolStats } from '../../src/keys/pool.types.ts';
import { createVlmClient } from '../../src/llm/client.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.types.ts';
import { plainTask } from '../support/assessment-task.ts';
import { FakeImages, FakeTaskBus } from '../support/fake-bus.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { memoryLog } from '../support/log.ts';
import { until } from '../support/until.ts';

/**
 * Client and provider share one event loop here, on a machine that may be busy: a pause of the loop delays arrivals.
 * The guard is set well above the default for that reason; what is proven is that the limits hold within the guard.
 */
const GUARD_MS = 300;

/** Ended after each test, also after one that failed: they would go on for ever. */
const running = new Set<() => Promise<void>>();
afterEach(async () => {
  for (const stop of running) await stop();
});

async function started(simulator: SimulatorOptions, scheduler: object = {}) {
  const sim = await startProviderSimulator(simulator);
  const log = memoryLog();
  const bus = new FakeTaskBus(systemClock);
  const config = parseKeyConfig(
    { scheduler: { transit_guard_ms: GUARD_MS, ...scheduler }, api_keys: sim.keyEntries() },
    {},
  );
  const init = {
    bus,
    images: new FakeImages(await makeJpeg()),
    vlm: createVlmClient(),
    language: 'en' as const,
    settings: schedulerSettings(config.scheduler),
    metrics: { llmCall: () => undefined, assessment: () => undefined, shed: () => undefined },
  };
  const memory = new LimitMemory();
  const tree = supervisor('root', [
    child('key-pool', keyPoolActor, () => ({ config, memory })),
    child('scheduler', schedulerActor, () => init),
  ]);
  const system = await startSystem(tree, { log, onEscalation: (error) => assert.fail(error.message) });
  const stats = () => system.ref(SCHEDULER).ask({ type: 'stats' }, { timeoutMs: 5_000 });
  const pool = () => system.ref(KEY_POOL).ask({ type: 'stats' }, { timeoutMs: 5_000 });
  const stop = async (): Promise<void> => {
    running.delete(stop);
    await system.stop();
    await sim.close();
  };
  running.add(stop);
  return { sim, bus, log, stats, pool, stop, keys: config.keys };
}

const tasks = (count: number) =>
  Array.from({ length: count }, (_, i) =>
    plainTask({ priority: ((i % 5) + 1) as 1 | 2 | 3 | 4 | 5, cameraId: `cam-${i % 4}` }),
  );

describe('scheduler, key pool and provider together', () => {
  it('three keys of 5 QPS judge 45 groups without one 429 and without one window too full', async (t) => {
    const { sim, bus, stats, pool, stop } = await started({
      keys: simulatedKeys(3, { qps: 5, rpm: 300 }),
      latency: { medianMs: 60, p95Ms: 250 },
    });
    t.after(() => stop());
    const all = tasks(45);
    bus.add(...all);
    await until('all are judged', () => bus.published.length === all.length, 30_000);
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
    const { sim, bus, pool, log, keys, stop } = await started({
      keys: simulatedKeys(4, { qps: 5, rpm: 300 }),
      latency: { medianMs: 40, p95Ms: 120 },
    });
    t.after(() => stop());
    const all = tasks(40);
    bus.add(...all);
    await until('some are judged', () => bus.published.length >= 10, 20_000);
    sim.revoke('sim-002');
    await until('all are judged', () => bus.published.length === all.length, 30_000);
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
    const { sim, bus, stop } = await started({
      keys: simulatedKeys(2, { qps: 4, rpm: 100 }).map((key) => ({ ...key, group: 'account' })),
    });
    t.after(() => stop());
    bus.add(...tasks(12));
    await until('all are judged', () => bus.published.length === 12, 30_000);
    assert.deepEqual(sim.violations(), []);
    assert.equal(sim.calls().filter((call) => call.status !== 200).length, 0);
  });

  it('a limit of tokens a minute is kept by both keys of an account together, and used up', async (t) => {
    const tpm = 60_000;
    const { sim, bus, pool, stop } = await started({
      keys: simulatedKeys(2, { qps: 20, rpm: 600, tpm }).map((key) => ({ ...key, group: 'account' })),
      latency: { medianMs: 40, p95Ms: 120 },
    });
    t.after(() => stop());
    bus.add(...tasks(60));
    // Those that find the minute full are refused at once: it is not free again before their deadline.
    await until('all are answered', () => bus.published.length === 60, 30_000);
    const calls = sim.calls();
    const used = calls.reduce((sum, call) => sum + call.tokens, 0);
    assert.deepEqual(
      { violations: sim.violations(), refused: calls.filter((call) => call.status !== 200).length },
      { violations: [], calls: 0 },
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

  it('a provider that fails now and then costs retries on other keys, and what fails to the end is judged by rules or unknown', async (t) => {
    const { sim, bus, stats, stop } = await started(
      { seed: 3, keys: simulatedKeys(4, { qps: 50, rpm: 3000 }) },
      { max_retry_per_key: 100, timeout_seconds: 0.5 },
    );
    t.after(() => stop());
    sim.setBehaviour({ kind: 'status', status: 500 }, { probability: 0.15 });
    sim.setBehaviour({ kind: 'malformed' }, { probability: 0.1 });
    sim.setBehaviour({ kind: 'hang' }, { probability: 0.05 });
    const all = tasks(80);
    bus.add(...all);
    await until('all are answered', () => bus.published.length === all.length, 30_000);
    const unknown = bus.published.filter(({ body }) => body.results[0]?.riskLevel === 'unknown');
    assert.ok((await stats()).retries > 0);
    assert.ok(unknown.length < 20, `${unknown.length} unknown`);
    for (const { body } of unknown)
      assert.ok(
        body.error !== undefined &&
          body.metadata.retryCount >= 1 &&
          body.metadata.calls?.some(({ outcome }) => outcome === 'unreadable'),
        JSON.stringify(body),
      );
    for (const { body } of bus.published)
      assert.equal(
        body.degraded === true,
        body.metadata.calls?.every(({ outcome }) => ['timeout', 'server-error', 'network'].includes(outcome)),
        JSON.stringify(body),
      );
    for (const { body } of bus.published)
      assert.ok(body.error !== undefined || body.results[0]?.riskLevel !== 'unknown');
    assert.deepEqual(
      all.flatMap((task) => bus.settlements(task)),
      all.map(() => 'ack'),
    );
  });

  it('an outage of the provider: groups wait, rules judge what cannot wait, and the model goes on by itself', async (t) => {
    const { sim, bus, stats, pool, stop } = await started(
      { keys: simulatedKeys(3, { qps: 10, rpm: 600 }), latency: { medianMs: 40, p95Ms: 120 } },
      { retry_max_attempts: 1 },
    );
    t.after(() => stop());
    sim.setBehaviour({ kind: 'status', status: 503 });
    const first = tasks(12);
    bus.add(...first);
    await until('the outage is seen', async () => (await stats()).provider_down_since !== null, 10_000);
    const short = Array.from({ length: 20 }, () => plainTask({ expiresAt: Date.now() + 2_500 }));
    bus.add(...short);
    await until(
      'rules judged those whose time ran out',
      () => short.every((task) => bus.result(task) !== undefined),
      10_000,
    );
    assert.deepEqual(
      new Set(short.map((task) => `${bus.result(task)?.source} ${bus.result(task)?.degraded}`)),
      new Set(['rules true']),
    );
    const callsInOutage = sim.calls().length;
    const waiting = tasks(10);
    bus.add(...waiting);
    sim.clearBehaviours();
    await until('the model judges again', () => waiting.every((task) => bus.result(task)?.source === 'vlm'), 20_000);
    await until(
      'those of the beginning are answered too',
      () => first.every((task) => bus.settlements(task).length > 0),
      20_000,
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

  it('a 429 that was not ours rests the key for as long as the provider asks, and the task goes to another', async (t) => {
    const { sim, bus, pool, stop } = await started({ keys: simulatedKeys(2, { qps: 20, rpm: 600 }) });
    t.after(() => stop());
    sim.setBehaviour({ kind: 'status', status: 429, retryAfter: '20' }, { times: 1, key: 'sim-001' });
    bus.add(...tasks(6));
    await until('all are judged', () => bus.published.length === 6, 20_000);
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

describe('what providers say went wrong, by scheduler and pool', () => {
  const two = simulatedKeys(2, { qps: 20, rpm: 600 });
  const keyOf = async (pool: () => Promise<KeyPoolStats>, name: string) =>
    (await pool()).keys.find((key) => key.key_id === name);
  const sources = (bus: FakeTaskBus) =>
    bus.published.map(({ body }) => `${body.source}${body.degraded === true ? ' degraded' : ''}`);

  it('arrears with status 400: the key is out as with a 402, the other serves', async (t) => {
    const { sim, bus, pool, stop } = await started({ keys: two });
    t.after(() => stop());
    sim.setBehaviour({ kind: 'arrears' }, { key: 'sim-001' });
    bus.add(...tasks(8));
    await until('all are judged', () => bus.published.length === 8, 20_000);
    assert.deepEqual(new Set(sources(bus)), new Set(['vlm']));
    const out = await keyOf(pool, 'sim-001');
    assert.deepEqual(
      { status: out?.status, disabled_reason: out?.disabled_reason },
      { status: 'disabled', disabled_reason: 'arrears: the account is not paid (400)' },
    );
    assert.ok(sim.calls().filter(({ key }) => key === 'sim-001').length <= 4, 'it is asked on and on');
  });

  it('every key refused: rules judge at once, and say why', async (t) => {
    const { sim, bus, pool, stop } = await started({ keys: two });
    t.after(() => stop());
    sim.setBehaviour({ kind: 'arrears' });
    bus.add(...tasks(6));
    await until('all are answered', () => bus.published.length === 6, 10_000);
    assert.deepEqual(new Set(sources(bus)), new Set(['rules degraded']));
    for (const { body } of bus.published)
      assert.ok(['rejected', 'no-lease'].includes(body.degradedReason?.code ?? ''), JSON.stringify(body));
    assert.match(
      assessmentHealthOf(PoolFigures.parse(await pool())).outage ?? '',
      /^No model judges: keys sim-001, sim-002 are out \(arrears/,
    );
  });

  it('a model that is not there: its keys are out for that reason and asked seldom', async (t) => {
    const { sim, bus, pool, stop } = await started({ keys: two });
    t.after(() => stop());
    sim.setBehaviour({ kind: 'model-missing' });
    bus.add(...tasks(6));
    await until('all are answered', () => bus.published.length === 6, 10_000);
    assert.deepEqual(new Set(sources(bus)), new Set(['rules degraded']));
    assert.match(
      (await keyOf(pool, 'sim-001'))?.disabled_reason ?? '',
      /^configuration: model sim-vl cannot be used: 404 The model/,
    );
    assert.ok(sim.calls().length <= 12, `${sim.calls().length} calls`);
  });

  it('an error with status 200 counts as the 429 that it is', async (t) => {
    const { sim, bus, pool, stop } = await started({ keys: two });
    t.after(() => stop());
    sim.setBehaviour({ kind: 'ok-but-error' }, { key: 'sim-001', times: 1 });
    bus.add(...tasks(4));
    await until('all are judged', () => bus.published.length === 4, 20_000);
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
      const { sim, bus, pool, stop } = await started({ keys: two });
      t.after(() => stop());
      sim.setBehaviour({ kind }, { key: 'sim-001', times: 1 });
      const began = Date.now();
      bus.add(...tasks(4));
      await until('all are judged', () => bus.published.length === 4, 20_000);
      const restsUntil = Date.parse((await keyOf(pool, 'sim-001'))?.cooldown_until ?? '');
      assert.ok(restsUntil >= began + least && restsUntil <= Date.now() + most, `${restsUntil - began} ms`);
    });
  }

  it('a refused picture is tried on no other key, no key is blamed, rules judge', async (t) => {
    const { sim, bus, pool, stop } = await started({ keys: two });
    t.after(() => stop());
    sim.setBehaviour({ kind: 'inspection' });
    bus.add(...tasks(5));
    await until('all are answered', () => bus.published.length === 5, 10_000);
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

  it('a page in place of answers is the fault of no key: rules judge, the circuit opens and closes', async (t) => {
    const { sim, bus, stats, pool, stop } = await started({ keys: two });
    t.after(() => stop());
    sim.setBehaviour({ kind: 'html-200' });
    bus.add(...Array.from({ length: 10 }, () => plainTask({ expiresAt: Date.now() + 3_000 })));
    await until('all are answered', () => bus.published.length === 10, 10_000);
    assert.deepEqual(new Set(sources(bus)), new Set(['rules degraded']));
    assert.deepEqual((await pool()).keys.map(({ status }) => status).includes('disabled'), false);
    sim.clearBehaviours();
    bus.add(...tasks(3));
    await until(
      'the model judges again',
      () => bus.published.filter(({ body }) => body.source === 'vlm').length === 3,
      20_000,
    );
    assert.equal((await stats()).provider_down_since, null);
  });

  it('a refused parameter costs a call for the whole of an endpoint and model, and no key its standing', async (t) => {
    const { sim, bus, pool, stop } = await started({ keys: two });
    t.after(() => stop());
    sim.setBehaviour({ kind: 'stream-only' });
    bus.add(...tasks(1));
    await until('it is judged', () => bus.published.length === 1, 10_000);
    bus.add(...tasks(9));
    await until('all are judged', () => bus.published.length === 10, 20_000);
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
