import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Peers, SchedulerLoad } from '../../src/actors/scheduler/peers.ts';
import { ServiceRate } from '../../src/actors/scheduler/service-rate.ts';
import { tooMany } from '../../src/actors/scheduler/shedding.ts';
import { PRIORITIES, type Priority } from '../../src/messages/task.ts';
import { Random } from '../support/random.ts';
import { GOOD, startedScheduler } from '../support/scheduler.ts';

const levels = (counts: Readonly<Record<number, number>>): Map<Priority, number> =>
  new Map(PRIORITIES.map((priority) => [priority, counts[priority] ?? 0]));

describe('what is too much', () => {
  it('nothing, while all that waits can be served in time', () => {
    assert.deepEqual(
      [...tooMany({ waiting: levels({ 1: 100, 5: 170 }), begun: 0, perSecond: 10, validityMs: 30_000 })],
      [],
    );
    assert.deepEqual(
      [...tooMany({ waiting: levels({ 1: 100, 5: 170 }), begun: 5, perSecond: 10, validityMs: 30_000 })],
      [[1, 5]],
    );
  });

  it('the lowest level goes first, the next only when nothing of it is left', () => {
    const plan = (waiting: Record<number, number>) => [
      ...tooMany({ waiting: levels(waiting), begun: 0, perSecond: 10, validityMs: 10_000 }),
    ];
    assert.deepEqual(plan({ 1: 50, 3: 50, 5: 50 }), [
      [1, 50],
      [3, 10],
    ]);
    assert.deepEqual(plan({ 1: 500, 5: 500 }), [
      [1, 500],
      [5, 410],
    ]);
    assert.deepEqual(plan({ 4: 200 }), [[4, 110]]);
  });

  it('holds for any backlog: no more than is too much, never a level while a lower one waits', () => {
    const random = new Random(7);
    for (let run = 0; run < 20_000; run++) {
      const waiting = levels(
        Object.fromEntries(PRIORITIES.map((priority) => [priority, random.chance(0.3) ? 0 : random.below(300)])),
      );
      const backlog = {
        waiting,
        begun: random.below(50),
        perSecond: random.below(40) + random.next(),
        validityMs: 1_000 + random.below(60_000),
      };
      const plan = tooMany(backlog);
      const total = [...waiting.values()].reduce((sum, count) => sum + count, 0);
      const shed = [...plan.values()].reduce((sum, count) => sum + count, 0);
      const excess = total + backlog.begun - Math.floor((backlog.perSecond * backlog.validityMs * 0.9) / 1_000);
      assert.equal(shed, Math.max(0, Math.min(total, excess)));
      for (const [priority, count] of plan) {
        assert.ok(count > 0 && count <= (waiting.get(priority) ?? 0));
        for (const lower of PRIORITIES)
          if (lower < priority)
            assert.equal(
              plan.get(lower) ?? 0,
              waiting.get(lower),
              `level ${lower} waits while ${priority} is given up`,
            );
      }
    }
  });
});

describe('the rate at which tasks are served', () => {
  it('is measured only while every place is taken, and unknown until enough was seen', () => {
    const rate = new ServiceRate(0);
    for (let now = 0; now < 60_000; now += 1_000) rate.served(now);
    assert.equal(rate.perSecond(60_000), null);
    rate.setBusy(true, 60_000);
    for (let now = 61_000; now <= 65_000; now += 100) rate.served(now);
    assert.equal(rate.perSecond(65_000), null);
    for (let now = 65_100; now <= 70_000; now += 100) rate.served(now);
    assert.ok(Math.abs((rate.perSecond(70_000) ?? 0) - 10) < 0.2);
    rate.setBusy(false, 70_000);
    assert.notEqual(rate.perSecond(70_900), null, 'a place is free between two tasks');
    assert.equal(rate.perSecond(71_000), null);
  });

  it('says nothing of a provider that does not answer at all', () => {
    const rate = new ServiceRate(0);
    rate.setBusy(true, 0);
    assert.equal(rate.perSecond(20_000), null);
  });

  it('follows a change within its window of busy time, over pauses', () => {
    const rate = new ServiceRate(0);
    rate.setBusy(true, 0);
    for (let now = 0; now < 40_000; now += 50) rate.served(now);
    assert.ok(Math.abs((rate.perSecond(40_000) ?? 0) - 20) < 0.5);
    rate.setBusy(false, 40_000);
    rate.setBusy(true, 400_000);
    for (let now = 400_000; now < 440_000; now += 500) rate.served(now);
    assert.ok(Math.abs((rate.perSecond(440_000) ?? 0) - 2) < 0.2);
  });
});

const load = (scheduler: string, perSecond: number | null): SchedulerLoad =>
  SchedulerLoad.parse({ scheduler, perSecond });

describe('schedulers that share the queues', () => {
  it('count together, and not while one has room', () => {
    const peers = new Peers('b');
    assert.equal(peers.perSecond(0), null);
    peers.hear(load('b', 5), 0);
    peers.hear(load('a', 7), 100);
    assert.deepEqual(
      { perSecond: peers.perSecond(1_000), decides: peers.decides(1_000) },
      { perSecond: 12, decides: false },
    );
    peers.hear(load('a', null), 1_000);
    assert.equal(peers.perSecond(1_500), null);
    // One that is gone is not waited for.
    peers.hear(load('b', 5), 5_000);
    assert.deepEqual(
      { perSecond: peers.perSecond(5_000), decides: peers.decides(5_000) },
      { perSecond: 5, decides: true },
    );
  });
});

describe('the scheduler when more waits than it can serve', () => {
  it('gives up the least dangerous at once, as shed, counted by camera; the urgent are all assessed', async (t) => {
    const { clock, bus, metrics, log, stats, task, stop } = await startedScheduler({
      scheduler: { max_concurrent_tasks: 5 },
    });
    t.after(() => stop());
    const make = (priority: Priority, count: number, cameraId: string) =>
      Array.from({ length: count }, () => task({ priority, cameraId, expiresAt: clock.now() + 30_000 }));
    const [low, mid, urgent] = [make(1, 120, 'quiet'), make(3, 120, 'busy'), make(5, 60, 'busy')];
    bus.add(...low, ...mid, ...urgent);
    await clock.advance(4_000);
    assert.deepEqual(metrics.shed, [], 'nothing is given up before the rate is known');
    await clock.advance(6_000);
    // 5 a second for 30 s, nine tenths of it: 135 may wait.
    const shed = bus.published.filter(({ body }) => body.degradedReason?.code === 'shed');
    assert.ok(shed.length >= 110 && shed.length <= 145, `${shed.length}`);
    assert.deepEqual(
      new Set(shed.map(({ body }) => body.cameraId)),
      new Set(low.length < shed.length ? ['quiet', 'busy'] : ['quiet']),
    );
    // The oldest first.
    const given = new Set(shed.map(({ id }) => id));
    const untouched = low.filter((one) => bus.result(one)?.degradedReason?.code !== 'shed');
    const shedLow = low.filter((one) => given.has(one.taskId));
    assert.ok(shedLow.length > 0);
    assert.ok(
      shedLow.every((one) =>
        untouched.every((later) => low.indexOf(later) > low.indexOf(one) || bus.result(later) !== undefined),
      ),
    );
    assert.ok(shed.every(({ body }) => body.source === 'rules' && body.results[0]?.reason === 'shed'));
    assert.equal(metrics.shed.length, shed.length);
    assert.ok(metrics.shed.every((line) => /^(quiet|busy) group overload$/.test(line)));
    assert.equal((await stats()).rules.shed, shed.length);
    assert.ok(log.lines.some(({ level, message }) => level === 'warn' && message.includes('given up')));
    await clock.advance(25_000);
    assert.deepEqual(
      urgent.map((one) => bus.result(one)?.source),
      urgent.map(() => 'vlm'),
    );
    const all = [...low, ...mid, ...urgent];
    assert.deepEqual(
      all.map((one) => bus.settlements(one)),
      all.map(() => ['ack']),
    );
  });

  it('gives nothing up in a burst that it can serve in time', async (t) => {
    const { clock, bus, metrics, task, stop } = await startedScheduler({ scheduler: { max_concurrent_tasks: 5 } });
    t.after(() => stop());
    const tasks = Array.from({ length: 100 }, () => task({ priority: 1, expiresAt: clock.now() + 30_000 }));
    bus.add(...tasks);
    await clock.advance(25_000);
    assert.deepEqual(
      { shed: metrics.shed, tasks: tasks.filter((one) => bus.result(one)?.source !== 'vlm').length },
      { shed: [], tasks: 0 },
    );
  });

  it('answers what expires while every place is taken within a moment, however much it is', async (t) => {
    const { clock, bus, vlm, task, stop } = await startedScheduler({
      byHand: true,
      scheduler: { max_concurrent_tasks: 2 },
    });
    t.after(() => stop());
    bus.add(task({ priority: 5 }), task({ priority: 5 }));
    await clock.advance(50);
    const waiting = Array.from({ length: 300 }, (_, i) =>
      task({ priority: ((i % 5) + 1) as Priority, expiresAt: clock.now() + 10_000 }),
    );
    bus.add(...waiting);
    await clock.advance(10_100);
    assert.deepEqual(waiting.filter((one) => bus.result(one)?.degradedReason?.code !== 'expired').length, 0);
    assert.equal(vlm.calls, 2);
    for (const call of vlm.open.slice()) call.finish(GOOD);
  });

  it('says how old the oldest is at each level', async (t) => {
    const { clock, bus, stats, task, stop } = await startedScheduler({
      byHand: true,
      scheduler: { max_concurrent_tasks: 1 },
    });
    t.after(() => stop());
    bus.add(task());
    await clock.advance(50);
    bus.add(task({ priority: 2 }));
    await clock.advance(3_000);
    const { oldest_seconds } = await stats();
    assert.deepEqual({ p2: oldest_seconds.p2, p5: oldest_seconds.p5 }, { p2: 3, p5: null });
  });
});
