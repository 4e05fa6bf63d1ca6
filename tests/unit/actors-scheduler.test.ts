import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KEY_POOL } from '../../src/actors/key-pool.ts';
import { SCHEDULER, schedulerSettings } from '../../src/actors/scheduler/scheduler.types.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { spanIdOf } from '../../src/messages/trace-context.ts';
import { GOOD, startedScheduler } from '../support/scheduler.ts';

describe('the scheduler', () => {
  it("judges a task by the model and acks it after its result is stored, under the frame's trace", async (t) => {
    const { clock, bus, vlm, metrics, stats, task, stop } = await startedScheduler();
    t.after(() => stop());
    const one = task();
    bus.add(one);
    await clock.advance(500);
    assert.equal(vlm.calls, 1);
    assert.deepEqual(bus.settlements(one), []);
    await clock.advance(600);
    const [published] = bus.published;
    assert.ok(published !== undefined);
    AssessmentResult.parse(published.body);
    assert.deepEqual(
      { subject: published.subject, id: published.id, trace: published.trace },
      {
        subject: 'risk-assessment-results.cam-1',
        id: one.taskId,
        trace: {
          traceId: one.traceId,
          cameraId: 'cam-1',
          requestId: one.requestId,
          spanId: spanIdOf(one.traceId, 'task', one.taskId),
        },
      },
    );
    assert.deepEqual(bus.settlements(one), ['ack']);
    assert.deepEqual(
      { llm: metrics.llm, sends: metrics.sends, outcomes: metrics.outcomes },
      { llm: ['success'], sends: 1, outcomes: ['vlm'] },
    );
    const now = await stats();
    assert.deepEqual(
      { mode: now.mode, assessed: now.assessed, in_flight: now.in_flight, bus_ok: now.bus_ok },
      { mode: 'vlm', assessed: 1, in_flight: 0, bus_ok: true },
    );
  });

  it('counts the tokens and the cost of each call by its key', async (t) => {
    const { clock, bus, metrics, task, stop } = await startedScheduler({ cost: 0.5 });
    t.after(() => stop());
    const one = task();
    bus.add(one);
    await clock.advance(1_100);
    assert.deepEqual(metrics.usage, ['k1 prompt 1', 'k1 completion 1', 'k1 cost 0.5']);
    assert.deepEqual(
      metrics.named.map((text) => text.split(' ').slice(1).join(' ')).toSorted(),
      ['completion', 'k1 success', 'prompt'],
      'by the model',
    );
    assert.equal(new Set(metrics.named.map((text) => text.split(' ')[0])).size, 1);
    assert.deepEqual(metrics.traces, [one.traceId]);
  });

  it('judges by rules without keys, marked so, without a call or a picture', async (t) => {
    const { clock, bus, images, vlm, metrics, stats, task, stop } = await startedScheduler({ rules: true });
    t.after(() => stop());
    images.down = true;
    const tasks = [task(), task({ noCrop: true }), task({ expiresAt: clock.now() - 1 })];
    bus.add(...tasks);
    await clock.advance(100);
    assert.deepEqual(
      tasks.map((one) => [
        bus.result(one)?.source,
        bus.result(one)?.results[0]?.riskLevel,
        bus.result(one)?.results[0]?.reason,
      ]),
      tasks.map(() => ['rules', 'none', 'no-keys']),
    );
    assert.deepEqual(
      { calls: vlm.calls, mode: (await stats()).mode, outcomes: metrics.outcomes.toSorted() },
      { calls: 0, mode: 'rules', outcomes: ['rules', 'rules', 'rules'] },
    );
  });

  it('goes from rules to the model and back as keys come and go, without a restart', async (t) => {
    const { clock, bus, vlm, system, stats, task, stop } = await startedScheduler({ keys: [] });
    t.after(() => stop());
    const pool = system.ref(KEY_POOL);
    const configure = (keys: readonly object[]) =>
      pool.ask(
        { type: 'configure', keys: parseKeyConfig({ api_keys: keys }, {}).keys, strategy: 'round_robin' },
        { timeoutMs: 1_000 },
      );
    const answeredBy = async (): Promise<string | undefined> => {
      const one = task();
      bus.add(one);
      await clock.advance(1_500);
      return bus.result(one)?.source;
    };
    assert.deepEqual({ source: await answeredBy(), mode: (await stats()).mode }, { source: 'rules', mode: 'rules' });
    assert.deepEqual((await configure([{ name: 'fresh', key: 'x' }])).added, ['fresh']);
    assert.deepEqual(
      { source: await answeredBy(), mode: (await stats()).mode, calls: vlm.calls },
      { source: 'vlm', mode: 'vlm', calls: 1 },
    );
    assert.equal(await pool.ask({ type: 'drain', keyName: 'fresh', on: true }, { timeoutMs: 1_000 }), true);
    assert.equal(await answeredBy(), 'rules');
    await pool.ask({ type: 'drain', keyName: 'fresh', on: false }, { timeoutMs: 1_000 });
    assert.equal(await answeredBy(), 'vlm');
    await configure([]);
    await clock.advance(1_000);
    assert.deepEqual({ mode: (await stats()).mode, source: await answeredBy() }, { mode: 'rules', source: 'rules' });
  });

  it("asks with an operator's new texts from the next task on, without a restart", async (t) => {
    const { clock, bus, vlm, system, task, stop } = await startedScheduler({ byHand: true });
    t.after(() => stop());
    const section = parseKeyConfig({}, {}).scheduler;
    const asked = async (): Promise<string | undefined> => {
      bus.add(task());
      await clock.advance(50);
      return vlm.open.at(-1)?.request.prompt.system;
    };
    assert.doesNotMatch((await asked()) ?? '', /Trams go first/);
    const settings = schedulerSettings(section, { text: 'Trams go first.', kinds: {} });
    system.ref(SCHEDULER).tell({ type: 'configure', settings });
    assert.match((await asked()) ?? '', /Trams go first/);
    system.ref(SCHEDULER).tell({ type: 'configure', settings: schedulerSettings(section) });
    assert.doesNotMatch((await asked()) ?? '', /Trams go first/);
  });

  it('keeps at most max_concurrent_tasks in flight and serves the urgent ones first', async (t) => {
    const { clock, bus, vlm, stats, task, stop } = await startedScheduler({
      byHand: true,
      scheduler: { max_concurrent_tasks: 2 },
    });
    t.after(() => stop());
    const busy = [task(), task()];
    bus.add(...busy);
    await clock.advance(50);
    const low = task({ priority: 1 });
    const mid = task({ priority: 3 });
    const urgent = task({ priority: 5 });
    bus.add(low, mid);
    await clock.advance(50);
    bus.add(urgent);
    await clock.advance(50);
    assert.deepEqual({ open: vlm.open.length, ready: (await stats()).ready }, { open: 2, ready: 3 });
    const order: (string | undefined)[] = [];
    for (let i = 0; i < 3; i++) {
      vlm.open[0]?.finish(GOOD);
      await clock.advance(50);
      order.push(vlm.open.at(-1)?.request.traceId);
    }
    assert.deepEqual(
      order,
      [urgent, mid, low].map((one) => one.traceId),
    );
    assert.equal(vlm.most, 2);
    for (const call of vlm.open.slice()) call.finish(GOOD);
    await clock.advance(50);
    assert.equal((await stats()).assessed, 5);
  });

  it('does not starve a low task while urgent ones never pause', async (t) => {
    const { clock, bus, task, stop } = await startedScheduler({
      scheduler: { max_concurrent_tasks: 1, ageing_seconds: 1 },
    });
    t.after(() => stop());
    const low = task({ priority: 1 });
    bus.add(task({ priority: 5 }));
    await clock.advance(20);
    bus.add(low);
    let waited = 0;
    while (bus.result(low) === undefined && waited < 30_000) {
      bus.add(task({ priority: 5 }));
      await clock.advance(500);
      waited += 500;
    }
    assert.ok(waited <= 8_000, `${waited} ms`);
  });

  it('answers expired tasks at once, also those that expire while they wait for a place', async (t) => {
    const { clock, bus, vlm, task, stats, stop } = await startedScheduler({
      byHand: true,
      scheduler: { max_concurrent_tasks: 1 },
    });
    t.after(() => stop());
    bus.add(task());
    await clock.advance(50);
    const old = task({ expiresAt: clock.now() - 1 });
    const soon = task({ priority: 2, expiresAt: clock.now() + 2_000 });
    bus.add(old, soon);
    await clock.advance(6_000);
    assert.deepEqual(
      [old, soon].map((one) => bus.result(one)?.degradedReason?.code),
      ['expired', 'expired'],
    );
    assert.deepEqual({ calls: vlm.calls, expired: (await stats()).rules.expired }, { calls: 1, expired: 2 });
  });

  it('tells the bus that it still works during a long call and while a task waits', async (t) => {
    const { clock, bus, task, stop } = await startedScheduler({ byHand: true, scheduler: { max_concurrent_tasks: 1 } });
    t.after(() => stop());
    const [first, second] = [task(), task({ priority: 2 })];
    bus.add(first);
    await clock.advance(50);
    bus.add(second);
    await clock.advance(16_000);
    assert.deepEqual(
      { first: bus.beats.get(first.taskId), second: bus.beats.get(second.taskId) },
      { first: 5, second: 5 },
    );
  });

  it('waits while NATS is away and goes on by itself', async (t) => {
    const { clock, bus, vlm, log, stats, task, stop } = await startedScheduler({ byHand: true });
    t.after(() => stop());
    const one = task();
    bus.add(one);
    await clock.advance(50);
    bus.setDown(true);
    vlm.open[0]?.finish(GOOD);
    await clock.advance(10_000);
    assert.deepEqual(
      { published: bus.published.length, settlements: bus.settlements(one), bus_ok: (await stats()).bus_ok },
      { published: 0, settlements: [], bus_ok: false },
    );
    const asked = bus.fetches;
    await clock.advance(10_000);
    assert.ok(bus.fetches - asked <= 5 * 21, 'asks a bus that is away no more than twice a second and level');
    const two = task();
    bus.setDown(false);
    bus.add(two);
    await clock.advance(1_000);
    assert.deepEqual(bus.settlements(one), ['ack']);
    vlm.open[0]?.finish(GOOD);
    await clock.advance(50);
    assert.deepEqual(
      { settlements: bus.settlements(two), bus_ok: (await stats()).bus_ok },
      { settlements: ['ack'], bus_ok: true },
    );
    assert.deepEqual(
      log.lines.map((line) => line.level),
      ['warn', 'info'],
      'says once that the bus is away, and once that it is back',
    );
  });

  it('waits for a picture while the store is away', async (t) => {
    const { clock, bus, images, task, stop } = await startedScheduler();
    t.after(() => stop());
    images.down = true;
    const one = task();
    bus.add(one);
    await clock.advance(5_000);
    assert.equal(bus.result(one), undefined);
    images.down = false;
    await clock.advance(1_500);
    assert.equal(bus.result(one)?.results[0]?.riskLevel, 'low');
  });

  it('judges a task once when it is delivered again meanwhile', async (t) => {
    const { clock, bus, vlm, stats, task, stop } = await startedScheduler({ byHand: true });
    t.after(() => stop());
    const one = task();
    bus.add(one);
    await clock.advance(50);
    bus.add(one);
    await clock.advance(50);
    assert.deepEqual({ calls: vlm.calls, duplicates: (await stats()).duplicates }, { calls: 1, duplicates: 1 });
    vlm.open[0]?.finish(GOOD);
    await clock.advance(50);
    assert.equal(bus.published.length, 1);
  });

  it('gives a task back when the bus refuses its result, and puts it among the dead letters after ten', async (t) => {
    const { clock, bus, log, task, stop } = await startedScheduler();
    t.after(() => stop());
    bus.refusing = true;
    const one = task();
    bus.add(one);
    await clock.advance(300_000);
    const settled = bus.settled.filter(({ taskId }) => taskId === one.taskId);
    assert.deepEqual(
      settled.map(({ how, delayMs }) => (how === 'nak' ? delayMs : how)),
      [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 'dead-letter'],
    );
    assert.equal(settled.at(-1)?.reason, 'its handling failed 10 times: refused');
    assert.equal(log.lines.filter((line) => line.level === 'error').length, 9, 'one for each redelivery');
  });

  it('shows the lag of each queue', async (t) => {
    const { clock, bus, stats, task, stop } = await startedScheduler({
      byHand: true,
      scheduler: { max_concurrent_tasks: 1 },
    });
    t.after(() => stop());
    bus.add(...Array.from({ length: 30 }, () => task({ priority: 4 })));
    await clock.advance(6_000);
    const { queue_lag, ready, in_flight } = await stats();
    assert.equal((queue_lag.p4?.waiting ?? 0) + ready + in_flight, 30);
    assert.deepEqual(queue_lag.p5, { waiting: 0, unsettled: 0 });
  });
});
