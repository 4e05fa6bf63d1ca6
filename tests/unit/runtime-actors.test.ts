import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineActor } from '../../src/runtime/actor.ts';
import { address } from '../../src/runtime/ref.ts';
import { child, dynamic, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from '../support/log.ts';
import { actorAt } from '../support/actor-at.ts';
import { counter, type CounterMessage, startCounter } from '../support/counter-actor.ts';

test('told messages arrive in order and an ask is answered after them', async (t) => {
  const { ref, seen, system } = await startCounter();
  t.after(() => system.stop());
  ref.tell({ type: 'add', by: 1 });
  ref.tell({ type: 'add', by: 2 });
  assert.equal(await ref.ask({ type: 'total' }, { timeoutMs: 100 }), 3);
  assert.deepEqual(seen, ['start 1', 'add 1', 'add 2']);
});

test('a deferred answer lets the mailbox go on meanwhile', async (t) => {
  const { ref, system } = await startCounter();
  t.after(() => system.stop());
  const answer = ref.ask({ type: 'later' }, { timeoutMs: 1000 });
  assert.equal(await ref.ask({ type: 'total' }, { timeoutMs: 100 }), 0);
  ref.tell({ type: 'answer-later', text: 'now' });
  assert.equal(await answer, 'now');
});

test('an ask nobody answers rejects at its time-out, on the injected clock', async (t) => {
  const { ref, clock, system } = await startCounter();
  t.after(() => system.stop());
  const answer = assert.rejects(ref.ask({ type: 'later' }, { timeoutMs: 500 }), { code: 'ASK_TIMEOUT' });
  await clock.advance(499);
  await clock.advance(1);
  await answer;
});

test('a pending answer is rejected when its actor fails', async (t) => {
  const { ref, clock, system } = await startCounter();
  t.after(() => system.stop());
  const answer = assert.rejects(ref.ask({ type: 'later' }, { timeoutMs: 60_000 }), { code: 'ACTOR_DEAD' });
  await settle();
  ref.tell({ type: 'throw' });
  await clock.advance(0);
  await answer;
});

for (const { overflow, outcomes, handled } of [
  { overflow: 'refuse' as const, outcomes: ['accepted', 'accepted', 'accepted', 'refused'], handled: [1, 2, 3] },
  { overflow: 'back-pressure' as const, outcomes: ['accepted', 'accepted', 'accepted', 'refused'], handled: [1, 2, 3] },
  {
    overflow: 'drop-oldest' as const,
    outcomes: ['accepted', 'accepted', 'accepted', 'dropped-oldest'],
    handled: [2, 3, 4],
  },
]) {
  test(`a full mailbox with policy ${overflow} keeps its bound and counts what it lost`, async (t) => {
    const { ref, seen, system } = await startCounter({}, {}, { capacity: 3, overflow });
    t.after(() => system.stop());
    const gate = Promise.withResolvers<void>();
    ref.tell({ type: 'block', until: gate.promise });
    await settle();
    assert.deepEqual(
      [1, 2, 3, 4].map((by) => ref.tell({ type: 'add', by })),
      outcomes,
    );
    const { mailbox } = actorAt(system.snapshot(), '/counter');
    assert.equal(mailbox.depth, 3);
    assert.equal(mailbox.dropped + mailbox.refused, 1);
    assert.equal(system.deadLetters().total, 1);
    gate.resolve();
    await settle();
    assert.deepEqual(
      seen.slice(1),
      handled.map((by) => `add ${by}`),
    );
  });
}

test('an offer waits for room and rejects when none comes in time', async (t) => {
  const { ref, clock, seen, system } = await startCounter({}, {}, { capacity: 1, overflow: 'back-pressure' });
  t.after(() => system.stop());
  const gate = Promise.withResolvers<void>();
  ref.tell({ type: 'block', until: gate.promise });
  await settle();
  await ref.offer({ type: 'add', by: 1 }, { timeoutMs: 10 });
  const late = assert.rejects(ref.offer({ type: 'add', by: 2 }, { timeoutMs: 10 }), { code: 'MAILBOX_FULL' });
  await clock.advance(10);
  await late;
  const inTime = ref.offer({ type: 'add', by: 3 }, { timeoutMs: 10_000 });
  gate.resolve();
  await inTime;
  await settle();
  assert.deepEqual(seen.slice(1), ['add 1', 'add 3']);
});

test('children stop in reverse order of their start, and a stop that hangs is bounded', async () => {
  const clock = new ManualClock();
  const order: string[] = [];
  const named = (id: string, hang = false) =>
    child(
      id,
      counter(),
      () => ({ seen: [], onStop: () => (order.push(id), hang ? new Promise<void>(() => undefined) : undefined) }),
      { shutdownTimeoutMs: 1000 },
    );
  const system = await startSystem(supervisor('root', [named('a'), named('b', true), named('c')]), {
    log: memoryLog(),
    clock,
    onEscalation: () => undefined,
  });
  const stopped = system.stop();
  await clock.advance(1000);
  await stopped;
  assert.deepEqual(order, ['c', 'b', 'a']);
});

test('dynamic children come and go; a duplicate and a static supervisor are refused', async (t) => {
  const clock = new ManualClock();
  const system = await startSystem(supervisor('root', [dynamic('members')]), {
    log: memoryLog(),
    clock,
    onEscalation: () => undefined,
  });
  t.after(() => system.stop());
  const spec = child('counter', counter(), () => ({ seen: [] }));
  await system.startChild('/members', spec);
  await assert.rejects(system.startChild('/members', spec), { code: 'DUPLICATE_CHILD' });
  await assert.rejects(system.startChild('/', spec), { code: 'NOT_DYNAMIC' });
  const ref = system.ref(address<CounterMessage>('/members/counter'));
  assert.equal(await ref.ask({ type: 'total' }, { timeoutMs: 10 }), 0);
  assert.equal(await system.stopChild('/members/counter'), true);
  assert.equal(await system.stopChild('/members/counter'), false);
  await assert.rejects(ref.ask({ type: 'total' }, { timeoutMs: 10 }), { code: 'ACTOR_DEAD' });
});

test('definitions out of range are refused, naming child, field and value', () => {
  assert.throws(() => child('bad id', counter(), () => ({ seen: [] })), {
    code: 'BAD_DEFINITION',
    message: /"bad id": id must be/,
  });
  assert.throws(() => child('c', counter(), () => ({ seen: [] }), { shutdownTimeoutMs: -1 }), {
    message: /"c": shutdownTimeoutMs must be from 0 to 600000, not -1/,
  });
  assert.throws(() => child('c', counter(), () => ({ seen: [] }), { placement: { kind: 'thread' } }), {
    message: /placement/,
  });
  assert.throws(
    () => supervisor('s', [child('c', counter(), () => ({ seen: [] })), child('c', counter(), () => ({ seen: [] }))]),
    { message: /unique/ },
  );
  assert.throws(
    () =>
      defineActor<CounterMessage>()({
        kind: 'k',
        mailbox: { capacity: 0, overflow: 'refuse' },
        start: () => assert.fail(),
      }),
    { message: /capacity.*not 0/ },
  );
});
