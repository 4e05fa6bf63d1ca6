import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineActor, type MailboxOptions } from '../../src/runtime/actor.ts';
import type { SystemEvent, TreeSnapshot, ActorSnapshot } from '../../src/runtime/inspect.ts';
import type { Asking } from '../../src/runtime/message.ts';
import { address } from '../../src/runtime/ref.ts';
import { child, dynamic, supervisor, type ChildOptions } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from '../support/log.ts';

type CounterMessage =
  | { type: 'add'; by: number }
  | ({ type: 'total' } & Asking<number>)
  | ({ type: 'later' } & Asking<string>)
  | { type: 'answer-later'; text: string }
  | { type: 'block'; until: Promise<void> }
  | { type: 'throw' }
  | { type: 'tick-every'; ms: number }
  | { type: 'break-outside' };
type CounterPrivate = { type: 'tick' };

interface CounterInit {
  readonly seen: string[];
  readonly failStarts?: { left: number };
  readonly onStop?: (reason: string) => void | Promise<void>;
}

const BOX: MailboxOptions = { capacity: 3, overflow: 'refuse' };
const counter = (mailbox = BOX) =>
  defineActor<CounterMessage, CounterPrivate>()<CounterInit>({
    kind: 'counter',
    mailbox,
    start: (ctx, init) => {
      if (init.failStarts !== undefined && init.failStarts.left > 0) {
        init.failStarts.left -= 1;
        throw new Error('cannot start');
      }
      let total = 0;
      const open: { resolve(text: string): void }[] = [];
      init.seen.push(`start ${ctx.incarnation}`);
      return {
        handlers: {
          add: ({ by }) => {
            total += by;
            init.seen.push(`add ${by}`);
          },
          total: () => total,
          later: () => {
            const deferred = ctx.defer<string>();
            open.push(deferred);
            return deferred;
          },
          'answer-later': ({ text }) => open.shift()?.resolve(text),
          block: ({ until }) => until,
          throw: () => {
            throw new Error('boom');
          },
          'tick-every': ({ ms }) => ctx.setInterval('tick', ms, { type: 'tick' }),
          tick: () => {
            init.seen.push('tick');
          },
          'break-outside': () => {
            ctx.self.tell({ type: 'add', by: 0 });
            queueMicrotask(() => ctx.fail(new Error('connection lost')));
          },
        },
        stop: async (reason) => {
          init.seen.push(`stop ${reason}`);
          await init.onStop?.(reason);
        },
      };
    },
  });

const COUNTER = address<CounterMessage>('/counter');

async function started(
  init: Partial<CounterInit> = {},
  options: ChildOptions = {},
  mailbox = BOX,
  intensity = { maxRestarts: 3, withinMs: 10_000 },
) {
  const clock = new ManualClock();
  const log = memoryLog();
  const seen: string[] = [];
  const escalations: Error[] = [];
  const tree = supervisor(
    'root',
    [
      child('counter', counter(mailbox), () => ({ seen, ...init }), {
        backoff: { minMs: 100, maxMs: 1000, factor: 2, resetAfterMs: 5000 },
        ...options,
      }),
    ],
    { intensity },
  );
  const system = await startSystem(tree, {
    log,
    clock,
    random: () => 0,
    onEscalation: (error) => escalations.push(error),
  });
  const events: SystemEvent[] = [];
  system.subscribe((event) => events.push(event));
  return { clock, log, seen, system, events, escalations, ref: system.ref(COUNTER) };
}

function actorAt(tree: TreeSnapshot, path: string): ActorSnapshot {
  const walk = (node: TreeSnapshot): ActorSnapshot | undefined =>
    node.type === 'actor'
      ? node.path === path
        ? node
        : undefined
      : node.children.map(walk).find((x) => x !== undefined);
  const found = walk(tree);
  assert.ok(found, `no actor at ${path}`);
  return found;
}

test('told messages arrive in order and an ask is answered after them', async (t) => {
  const { ref, seen, system } = await started();
  t.after(() => system.stop());
  ref.tell({ type: 'add', by: 1 });
  ref.tell({ type: 'add', by: 2 });
  assert.equal(await ref.ask({ type: 'total' }, { timeoutMs: 100 }), 3);
  assert.deepEqual(seen, ['start 1', 'add 1', 'add 2']);
});

test('a deferred answer lets the mailbox go on meanwhile', async (t) => {
  const { ref, system } = await started();
  t.after(() => system.stop());
  const answer = ref.ask({ type: 'later' }, { timeoutMs: 1000 });
  assert.equal(await ref.ask({ type: 'total' }, { timeoutMs: 100 }), 0);
  ref.tell({ type: 'answer-later', text: 'now' });
  assert.equal(await answer, 'now');
});

test('an ask nobody answers rejects at its time-out, on the injected clock', async (t) => {
  const { ref, clock, system } = await started();
  t.after(() => system.stop());
  const answer = assert.rejects(ref.ask({ type: 'later' }, { timeoutMs: 500 }), { code: 'ASK_TIMEOUT' });
  await clock.advance(499);
  await clock.advance(1);
  await answer;
});

test('the answer still owed when an actor fails is rejected, not left hanging', async (t) => {
  const { ref, clock, system } = await started();
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
    const { ref, seen, system } = await started({}, {}, { capacity: 3, overflow });
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
  const { ref, clock, seen, system } = await started({}, {}, { capacity: 1, overflow: 'back-pressure' });
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

test('a failed actor restarts after its back-off, keeps waiting messages and loses only the failing one', async (t) => {
  const { ref, clock, seen, system, events } = await started();
  t.after(() => system.stop());
  ref.tell({ type: 'add', by: 1 });
  ref.tell({ type: 'throw' });
  ref.tell({ type: 'add', by: 2 });
  await clock.advance(0);
  const backingOff = actorAt(system.snapshot(), '/counter');
  assert.equal(backingOff.state, 'backing-off');
  assert.equal(backingOff.lastFailure?.message, 'boom');
  assert.ok(backingOff.nextRestartAt);
  await clock.advance(100);
  assert.deepEqual(seen, ['start 1', 'add 1', 'stop restart', 'start 2', 'add 2']);
  const running = actorAt(system.snapshot(), '/counter');
  assert.equal(running.state, 'running');
  assert.equal(running.restarts, 1);
  assert.deepEqual(
    events.map((event) => event.type),
    ['failed', 'restarting', 'started'],
  );
});

test('back-off doubles while an actor keeps failing and starts again after a stable run', async (t) => {
  const { ref, clock, system, events } = await started({}, {}, BOX, { maxRestarts: 100, withinMs: 10_000 });
  t.after(() => system.stop());
  for (const wait of [100, 200, 400]) {
    ref.tell({ type: 'throw' });
    await clock.advance(wait);
  }
  await clock.advance(5000);
  ref.tell({ type: 'throw' });
  await clock.advance(100);
  assert.deepEqual(
    events.flatMap((event) => (event.type === 'restarting' ? [event.delayMs] : [])),
    [100, 200, 400, 100],
  );
  assert.equal(actorAt(system.snapshot(), '/counter').state, 'running');
});

test('a restart that fails to start counts as a failure, until the intensity is used up and escalates', async (t) => {
  const failStarts = { left: 0 };
  const { ref, clock, system, escalations } = await started({ failStarts });
  t.after(() => system.stop());
  failStarts.left = 99;
  ref.tell({ type: 'throw' });
  await clock.advance(9_000);
  assert.equal(escalations.length, 1);
  assert.match(escalations[0]!.message, /used its 3 restarts in 10000 ms: \/counter failed/);
  assert.equal(ref.tell({ type: 'add', by: 1 }), 'dead');
});

test('failures spread wider than the intensity period never escalate', async (t) => {
  const { ref, clock, escalations, system } = await started();
  t.after(() => system.stop());
  for (let i = 0; i < 8; i += 1) {
    ref.tell({ type: 'throw' });
    await clock.advance(4_000);
  }
  assert.equal(escalations.length, 0);
  assert.equal(actorAt(system.snapshot(), '/counter').restarts, 8);
});

test('when the first start of a child fails, the system refuses to start and stops what already ran', async () => {
  const seen: string[] = [];
  const tree = supervisor('root', [
    child('one', counter(), () => ({ seen })),
    child('two', counter(), () => ({ seen, failStarts: { left: 1 } })),
  ]);
  await assert.rejects(startSystem(tree, { log: memoryLog(), onEscalation: () => undefined }), /cannot start/);
  assert.deepEqual(seen, ['start 1', 'stop shutdown']);
});

test('a failure outside any handler is supervised too', async (t) => {
  const { ref, clock, system } = await started();
  t.after(() => system.stop());
  ref.tell({ type: 'break-outside' });
  await clock.advance(100);
  const { restarts, lastFailure, state } = actorAt(system.snapshot(), '/counter');
  assert.deepEqual(
    { restarts, message: lastFailure?.message, state },
    { restarts: 1, message: 'connection lost', state: 'running' },
  );
});

test('timers die with the incarnation that set them, also those already in the mailbox', async (t) => {
  const { ref, clock, seen, system } = await started();
  t.after(() => system.stop());
  ref.tell({ type: 'tick-every', ms: 10 });
  await clock.advance(25);
  assert.equal(seen.filter((line) => line === 'tick').length, 2);
  const gate = Promise.withResolvers<void>();
  ref.tell({ type: 'block', until: gate.promise });
  ref.tell({ type: 'throw' });
  await clock.advance(10);
  gate.resolve();
  await clock.advance(1000);
  assert.equal(seen.filter((line) => line === 'tick').length, 2);
  await system.stop();
  assert.equal(clock.pending, 0, 'no timer left behind');
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

test('a temporary child is not restarted and stays visible as failed', async (t) => {
  const { ref, clock, system } = await started({}, { restart: 'temporary' });
  t.after(() => system.stop());
  ref.tell({ type: 'throw' });
  await clock.advance(60_000);
  assert.equal(actorAt(system.snapshot(), '/counter').state, 'failed');
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
