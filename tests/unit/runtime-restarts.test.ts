import assert from 'node:assert/strict';
import { test } from 'node:test';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { memoryLog } from '../support/log.ts';
import { actorAt } from '../support/actor-at.ts';
import { BOX, counter, startCounter } from '../support/counter-actor.ts';

test('a failed actor restarts after its back-off, keeps waiting messages and loses only the failing one', async (t) => {
  const { ref, clock, seen, system, events } = await startCounter();
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
  const { ref, clock, system, events } = await startCounter({}, {}, BOX, { maxRestarts: 100, withinMs: 10_000 });
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
  const { ref, clock, system, escalations } = await startCounter({ failStarts });
  t.after(() => system.stop());
  failStarts.left = 99;
  ref.tell({ type: 'throw' });
  await clock.advance(9_000);
  assert.equal(escalations.length, 1);
  assert.match(escalations[0]!.message, /used its 3 restarts in 10000 ms: \/counter failed/);
  assert.equal(ref.tell({ type: 'add', by: 1 }), 'dead');
});

test('failures spread wider than the intensity period never escalate', async (t) => {
  const { ref, clock, escalations, system } = await startCounter();
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
  const { ref, clock, system } = await startCounter();
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
  const { ref, clock, seen, system } = await startCounter();
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

test('a temporary child is not restarted and stays visible as failed', async (t) => {
  const { ref, clock, system } = await startCounter({}, { restart: 'temporary' });
  t.after(() => system.stop());
  ref.tell({ type: 'throw' });
  await clock.advance(60_000);
  assert.equal(actorAt(system.snapshot(), '/counter').state, 'failed');
});
