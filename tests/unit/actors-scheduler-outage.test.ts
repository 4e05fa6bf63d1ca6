import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Admission, type AdmissionReply, type SlotClaim } from '../../src/actors/scheduler/admission.ts';
import type { LeaseReply } from '../../src/keys/pool.types.ts';
import { ON_DEMAND_CAMERA } from '../../src/messages/ids.ts';
import type { Priority } from '../../src/messages/task.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { DOWN, GOOD, startedScheduler } from '../support/scheduler.ts';

type Started = Awaited<ReturnType<typeof startedScheduler>>;

/** Lets the provider fail until the pool's circuit is open. */
async function outage({ clock, bus, vlm, stats, task }: Started): Promise<void> {
  vlm.answer = DOWN;
  const first = Array.from({ length: 6 }, () => task());
  bus.add(...first);
  for (let i = 0; i < 20 && (await stats()).provider_down_since === null; i++) await clock.advance(500);
  assert.notEqual((await stats()).provider_down_since, null, 'the outage is seen');
}

describe('the scheduler in an outage of the provider', () => {
  it('lets tasks wait while they are valid, then rules assess them, marked degraded; none is unknown', async (t) => {
    const world = await startedScheduler({ scheduler: { max_concurrent_tasks: 5 } });
    const { clock, bus, stats, task, stop } = world;
    t.after(() => stop());
    await outage(world);
    const tasks = Array.from({ length: 120 }, (_, i) =>
      task({ priority: ((i % 5) + 1) as Priority, expiresAt: clock.now() + 25_000 }),
    );
    bus.add(...tasks);
    await clock.advance(15_000);
    const waiting = await stats();
    assert.ok(
      waiting.parked > 100 && waiting.in_flight <= 5 && waiting.ready === 0,
      `waits without places: ${JSON.stringify(waiting)}`,
    );
    // Those that wait are kept from being delivered to somebody else.
    assert.ok(
      tasks.filter((one) => bus.result(one) === undefined).every((one) => (bus.beats.get(one.taskId) ?? 0) >= 3),
    );
    await clock.advance(11_000);
    for (const one of tasks) {
      const result = bus.result(one);
      assert.deepEqual(
        {
          source: result?.source,
          degraded: result?.degraded,
          riskLevel: result?.results[0]?.riskLevel,
          error: result?.error,
        },
        { source: 'rules', degraded: true, riskLevel: 'none', error: undefined },
      );
      assert.deepEqual(bus.settlements(one), ['ack']);
    }
    const now = await stats();
    assert.deepEqual({ parked: now.parked, expired: now.rules.expired }, { parked: 0, expired: 0 });
    assert.ok(now.degraded >= 120);
  });

  it('finds the provider back by a trial with a real task; the others follow, urgent ones first', async (t) => {
    const world = await startedScheduler({
      keys: [{ qps_limit: 2, rpm_limit: 1_000 }],
      scheduler: { max_concurrent_tasks: 5 },
    });
    const { clock, bus, vlm, log, stats, task, stop } = world;
    t.after(() => stop());
    await outage(world);
    const low = Array.from({ length: 10 }, () => task({ priority: 1 }));
    const urgent = Array.from({ length: 10 }, () => task({ priority: 5 }));
    bus.add(...low, ...urgent);
    await clock.advance(1_000);
    vlm.answer = GOOD;
    await clock.advance(12_000);
    assert.equal((await stats()).provider_down_since, null);
    const judged = bus.published.filter(({ body }) => body.source === 'vlm').map(({ id }) => id);
    assert.ok(
      urgent.every((one) => judged.includes(one.taskId)),
      `${judged.length} judged`,
    );
    const lastUrgent = Math.max(...urgent.map((one) => judged.indexOf(one.taskId)));
    // Four trials waited for the provider beside the parked ones and go first.
    assert.ok(low.filter((one) => judged.slice(0, lastUrgent).includes(one.taskId)).length <= 4);
    await clock.advance(10_000);
    assert.deepEqual(
      [...low, ...urgent].map((one) => bus.result(one)?.degraded),
      Array.from({ length: 20 }, () => undefined),
    );
    assert.deepEqual(
      log.lines.filter(({ message }) => message.startsWith('the provider')).map(({ level }) => level),
      ['warn', 'info'],
    );
  });

  it('rules assess a task that came too old as well; a picture handed in waits and ends unknown', async (t) => {
    const world = await startedScheduler();
    const { clock, bus, task, stop } = world;
    t.after(() => stop());
    await outage(world);
    const old = task({ expiresAt: clock.now() - 1 });
    const picture = task({ cameraId: ON_DEMAND_CAMERA, expiresAt: clock.now() + 20_000 });
    bus.add(old, picture);
    await clock.advance(1_000);
    assert.deepEqual(
      { degraded: bus.result(old)?.degraded, result: bus.result(picture) },
      { degraded: true, result: undefined },
    );
    await clock.advance(20_000);
    assert.deepEqual(
      { source: bus.result(picture)?.source, riskLevel: bus.result(picture)?.results[0]?.riskLevel },
      { source: 'vlm', riskLevel: 'unknown' },
    );
  });

  it('hands back at once, at a stop, those that wait for the provider', async () => {
    const world = await startedScheduler({ scheduler: { max_concurrent_tasks: 5 } });
    const { clock, bus, system, task } = world;
    await outage(world);
    const tasks = Array.from({ length: 30 }, () => task());
    bus.add(...tasks);
    await clock.advance(500);
    const stopping = system.stop();
    await settle();
    await settle();
    assert.ok(tasks.filter((one) => bus.settlements(one).includes('nak')).length >= 25);
    for (let i = 0; i < 40; i++) await clock.advance(100);
    await stopping;
    assert.deepEqual(
      tasks.map((one) => bus.settlements(one).length),
      tasks.map(() => 1),
    );
  });
});

describe('admission', () => {
  const make = (more: Partial<ConstructorParameters<typeof Admission>[0]> = {}) => {
    const clock = new ManualClock();
    const closing = new AbortController();
    const admission = new Admission({
      clock,
      closing: closing.signal,
      mostQuestionsAsking: () => 2,
      slots: () => 4,
      mostAsking: 3,
      trials: 2,
      mostParked: 5,
      onRoom: () => undefined,
      ...more,
    });
    const task = (priority: Priority = 3): SlotClaim => ({ priority, since: clock.now(), until: clock.now() + 10_000 });
    const begun = (priority?: Priority): { task: SlotClaim; reply: () => AdmissionReply | null } => {
      const one = task(priority);
      let told: AdmissionReply | null = null;
      admission.begin(one);
      void admission.admit(one).then((reply) => (told = reply));
      return { task: one, reply: () => told };
    };
    return { clock, closing, admission, begun };
  };
  const granted = { kind: 'granted' } as unknown as LeaseReply;

  it('gives out slots, fewer to tasks without a key', async () => {
    const { admission, begun } = make();
    const [a] = [begun(), begun(), begun()];
    await settle();
    assert.deepEqual({ reply: a.reply(), room: admission.room }, { reply: 'go', room: 0 });
    await admission.leasing(a.task, () => Promise.resolve(granted));
    assert.equal(admission.room, 1);
    admission.end(a.task);
    assert.equal(admission.room, 1);
  });

  it('in an outage lets the few most urgent go, parks the rest, and takes no more than its bound', async () => {
    const { admission, begun } = make();
    admission.setDown(true);
    assert.equal(admission.room, 5);
    const tasks = ([1, 5, 2, 4, 3, 1, 1] as const).map((priority) => begun(priority));
    await settle();
    // The first two came when nobody else was there.
    assert.deepEqual(
      { tasks: tasks.map(({ reply }) => reply()), parked: admission.parked, room: admission.room },
      { tasks: ['go', 'go', null, null, null, null, null], parked: 5, room: 0 },
    );
    assert.equal(admission.next, null);
    const [first] = tasks;
    assert.ok(first !== undefined);
    admission.end(first.task);
    await settle();
    assert.deepEqual(
      { reply: tasks[3]?.reply(), parked: admission.parked, room: admission.room },
      { reply: 'go', parked: 4, room: 1 },
    );
  });

  it('withdraws waiting lease requests when an outage begins, but for the most urgent', async () => {
    const { admission, begun } = make({ mostAsking: 10, slots: () => 10 });
    const waiting = ([2, 5, 1, 4] as const).map((priority) => {
      const { task } = begun(priority);
      let withdrawn = false;
      void admission.leasing(
        task,
        (withdraw) =>
          new Promise((resolve) =>
            withdraw.addEventListener('abort', () => {
              withdrawn = true;
              resolve({ kind: 'refused', reason: 'cancelled', message: '' });
            }),
          ),
      );
      return () => withdrawn;
    });
    admission.setDown(true);
    await settle();
    assert.deepEqual(
      waiting.map((withdrawn) => withdrawn()),
      [true, false, true, false],
    );
  });

  it('gives the next trial to another task after one failed', async () => {
    const { admission, begun } = make({ trials: 1 });
    admission.setDown(true);
    const [poison, other] = [begun(5), begun(1)];
    await settle();
    assert.deepEqual({ poison: poison.reply(), other: other.reply() }, { poison: 'go', other: null });
    let again: AdmissionReply | null = null;
    void admission.admit(poison.task).then((reply) => (again = reply));
    await settle();
    assert.deepEqual({ reply: other.reply(), again }, { reply: 'go', again: null });
  });

  it('answers a parked task at the end of its time, and every task at a stop', async () => {
    const { clock, closing, admission, begun } = make({ trials: 0 });
    admission.setDown(true);
    const early = begun();
    await clock.advance(5_000);
    const late = begun();
    await clock.advance(5_000);
    assert.deepEqual({ early: early.reply(), late: late.reply() }, { early: 'provider-down', late: null });
    closing.abort();
    await settle();
    assert.deepEqual(
      { reply: late.reply(), pending: clock.pending, parked: admission.parked },
      { reply: 'closing', pending: 0, parked: 0 },
    );
  });

  it('gives slots to parked tasks as they come free after the outage', async () => {
    const { admission, begun } = make({ trials: 0, slots: () => 1, mostAsking: 1 });
    admission.setDown(true);
    const [low, high] = [begun(1), begun(5)];
    admission.setDown(false);
    assert.deepEqual({ next: admission.next, room: admission.room }, { next: 5, room: 1 });
    admission.resumeNext();
    await settle();
    assert.deepEqual(
      { high: high.reply(), low: low.reply(), room: admission.room, next: admission.next },
      { high: 'go', low: null, room: 0, next: 1 },
    );
  });

  it('gives the slot of a task that steps aside to another; it gets one again when there is room', async () => {
    const { admission, begun } = make({ slots: () => 1, mostAsking: 1 });
    const aside = begun();
    await settle();
    admission.stepAside(aside.task);
    assert.equal(admission.room, 1);
    const other = begun();
    let again: AdmissionReply | null = null;
    void admission.admit(aside.task).then((reply) => (again = reply));
    await settle();
    assert.deepEqual({ other: other.reply(), again, room: admission.room }, { other: 'go', again: null, room: 0 });
    admission.end(other.task);
    assert.equal(admission.next, 3);
    admission.resumeNext();
    await settle();
    assert.deepEqual({ again, room: admission.room, parked: admission.parked }, { again: 'go', room: 0, parked: 0 });
  });

  it('lets a task that stepped aside go on at the end of its time, so that its own deadline ends it', async () => {
    const { clock, admission, begun } = make({ slots: () => 1, mostAsking: 1 });
    const aside = begun();
    admission.stepAside(aside.task);
    begun();
    let again: AdmissionReply | null = null;
    void admission.admit(aside.task).then((reply) => (again = reply));
    await clock.advance(9_999);
    assert.equal(again, null);
    await clock.advance(1);
    assert.equal(again, 'go');
  });
});
