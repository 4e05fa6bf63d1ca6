import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineActor, type MailboxOptions } from '../../src/runtime/actor.ts';
import type { Signal } from '../../src/runtime/exit.ts';
import type { SystemEvent } from '../../src/runtime/inspect.ts';
import type { Asking, Message } from '../../src/runtime/message.ts';
import { address } from '../../src/runtime/ref.ts';
import {
  child,
  type ChildOptions,
  dynamic,
  type Spec,
  supervisor,
  type SupervisorOptions,
} from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { actorAt } from '../support/actor-at.ts';
import { memoryLog } from '../support/log.ts';

type HostMessage =
  | { type: 'watch'; path: string }
  | { type: 'unwatch'; path: string }
  | { type: 'hold' }
  | { type: 'release' }
  | ({ type: 'question'; n: number } & Asking<number>)
  | { type: 'note'; text: string }
  | { type: 'block'; until: Promise<void> }
  | { type: 'exit'; reason: 'normal' | 'shutdown' }
  | { type: 'throw' };

const BOX: MailboxOptions = { capacity: 100, overflow: 'refuse' };

/** Records its messages and signals; stashes, watches, blocks and ends on request. */
const recorder = (seen: (string | Signal)[], mailbox: MailboxOptions = BOX) =>
  defineActor<HostMessage>()<null>({
    kind: 'recorder',
    mailbox,
    start: (ctx) => {
      const open = {
        watch: ({ path }: { path: string }) => ctx.watch({ path }),
        unwatch: ({ path }: { path: string }) => ctx.unwatch({ path }),
        hold: () => {
          ctx.become({
            ...open,
            question: () => (ctx.stash(), 0),
            note: () => ctx.stash(),
            release: () => (ctx.become(open), ctx.unstashAll()),
          });
        },
        release: () => undefined,
        question: ({ n }: { n: number }) => {
          seen.push(`question ${n}`);
          return n * 2;
        },
        note: ({ text }: { text: string }) => void seen.push(text),
        block: ({ until }: { until: Promise<void> }) => until,
        exit: ({ reason }: { reason: 'normal' | 'shutdown' }) => ctx.exit(reason),
        throw: () => {
          throw new Error('told to');
        },
      };
      return { handlers: open, onSignal: (signal) => void seen.push(signal) };
    },
  });

async function world(children: (seen: (string | Signal)[]) => readonly Spec[], options: SupervisorOptions = {}) {
  const clock = new ManualClock();
  const seen: (string | Signal)[] = [];
  const events: SystemEvent[] = [];
  const failures: string[] = [];
  const log = memoryLog();
  const system = await startSystem(
    supervisor('root', children(seen), { intensity: { maxRestarts: 100, withinMs: 1000 }, ...options }),
    {
      clock,
      log,
      random: () => 0,
      onEscalation: (error) => assert.fail(error),
      onFailure: (path, error) => failures.push(`${path}: ${error.message}`),
    },
  );
  system.subscribe((event) => events.push(event));
  const ref = (path: string) => system.ref(address<HostMessage>(path));
  return { clock, seen, events, failures, log, system, ref };
}
const QUICK: ChildOptions = { backoff: { minMs: 10, maxMs: 10 } };
const two =
  (options: ChildOptions = {}) =>
  (seen: (string | Signal)[]) => [
    child('watcher', recorder(seen), () => null, QUICK),
    child('target', recorder([]), () => null, { ...QUICK, ...options }),
  ];
const terminated = (path: string, how: string) => ({ type: 'terminated', path, how });

test('a watcher is told once when the watched actor ends for good, in order with its messages', async (t) => {
  const { ref, seen, clock, system } = await world(two({ restart: 'temporary' }));
  t.after(() => system.stop());
  ref('/watcher').tell({ type: 'watch', path: '/target' });
  await settle();
  ref('/target').tell({ type: 'exit', reason: 'normal' });
  await settle();
  ref('/watcher').tell({ type: 'note', text: 'after' });
  await clock.advance(1);
  assert.deepEqual(seen, [terminated('/target', 'exited'), 'after']);
  await system.stop();
  assert.equal(seen.length, 2);
});

test('a restart is no end; giving up is', async (t) => {
  const { ref, seen, clock, system } = await world(two({ restart: 'transient' }));
  t.after(() => system.stop());
  ref('/watcher').tell({ type: 'watch', path: '/target' });
  ref('/target').tell({ type: 'throw' });
  await clock.advance(100);
  assert.deepEqual(seen, []);
  ref('/target').tell({ type: 'exit', reason: 'shutdown' });
  await clock.advance(100);
  assert.deepEqual(seen, [terminated('/target', 'exited')]);
});

test('watching somebody who is not there, or not any more, is told at once; twice over is one watch', async (t) => {
  const { ref, seen, clock, system } = await world(two({ restart: 'temporary' }));
  t.after(() => system.stop());
  ref('/watcher').tell({ type: 'watch', path: '/nobody' });
  ref('/watcher').tell({ type: 'watch', path: '/nobody' });
  await settle();
  ref('/target').tell({ type: 'throw' });
  await clock.advance(1);
  ref('/watcher').tell({ type: 'watch', path: '/target' });
  await settle();
  ref('/watcher').tell({ type: 'watch', path: '/nobody' });
  await settle();
  assert.deepEqual(seen, [
    terminated('/nobody', 'absent'),
    terminated('/target', 'absent'),
    terminated('/nobody', 'absent'),
  ]);
});

test('after unwatch nothing is told, even when the signal waited in the mailbox already', async (t) => {
  const { ref, seen, clock, system } = await world(two({ restart: 'temporary' }));
  t.after(() => system.stop());
  const gate = Promise.withResolvers<void>();
  ref('/watcher').tell({ type: 'watch', path: '/target' });
  await settle();
  ref('/watcher').tell({ type: 'unwatch', path: '/target' });
  ref('/watcher').tell({ type: 'block', until: gate.promise });
  ref('/target').tell({ type: 'exit', reason: 'normal' });
  await clock.advance(1);
  gate.resolve();
  await clock.advance(1);
  assert.deepEqual(seen, []);
});

test('a watch ends with the incarnation that asked for it', async (t) => {
  const { ref, seen, clock, system } = await world(two({ restart: 'temporary' }));
  t.after(() => system.stop());
  ref('/watcher').tell({ type: 'watch', path: '/target' });
  ref('/watcher').tell({ type: 'throw' });
  await clock.advance(100);
  ref('/target').tell({ type: 'exit', reason: 'normal' });
  await clock.advance(1);
  assert.deepEqual(seen, []);
});

test('put aside, then handled in order before what came later; asks are answered then', async (t) => {
  const { ref, seen, system } = await world(two());
  t.after(() => system.stop());
  const watcher = ref('/watcher');
  watcher.tell({ type: 'hold' });
  const answer = watcher.ask({ type: 'question', n: 1 }, { timeoutMs: 1_000 });
  watcher.tell({ type: 'note', text: 'two' });
  await settle();
  assert.deepEqual(seen, []);
  watcher.tell({ type: 'release' });
  watcher.tell({ type: 'note', text: 'three' });
  assert.equal(await answer, 2);
  await settle();
  assert.deepEqual(seen, ['question 1', 'two', 'three']);
});

test('what was put aside ends with the incarnation: asks are rejected, tells are dead letters', async (t) => {
  const { ref, clock, system } = await world(two());
  t.after(() => system.stop());
  ref('/watcher').tell({ type: 'hold' });
  const answer = assert.rejects(ref('/watcher').ask({ type: 'question', n: 1 }, { timeoutMs: 60_000 }), {
    code: 'ACTOR_DEAD',
  });
  ref('/watcher').tell({ type: 'note', text: 'lost' });
  await settle();
  ref('/watcher').tell({ type: 'throw' });
  await clock.advance(100);
  await answer;
  assert.deepEqual(
    system.deadLetters().recent.map(({ messageType, reason }) => [messageType, reason]),
    [
      ['question', 'failed'],
      ['note', 'failed'],
    ],
  );
});

test('lanes: urgent messages first, order kept inside a lane, and the least urgent are dropped first', async (t) => {
  const laneOf = (message: Message): number => ('text' in message && String(message.text).startsWith('urgent') ? 0 : 1);
  const { ref, seen, system } = await world((into) => [
    child('lanes', recorder(into, { capacity: 4, overflow: 'drop-oldest', lanes: 2, laneOf }), () => null),
  ]);
  t.after(() => system.stop());
  const gate = Promise.withResolvers<void>();
  ref('/lanes').tell({ type: 'block', until: gate.promise });
  await settle();
  const outcomes = ['a', 'b', 'urgent 1', 'c', 'urgent 2', 'd'].map((text) =>
    ref('/lanes').tell({ type: 'note', text }),
  );
  assert.deepEqual(outcomes, ['accepted', 'accepted', 'accepted', 'accepted', 'dropped-oldest', 'dropped-oldest']);
  gate.resolve();
  await settle();
  assert.deepEqual(seen, ['urgent 1', 'urgent 2', 'c', 'd']);
});

test('a mailbox that fills up is told once, until it had room again', async (t) => {
  const { ref, events, system } = await world((into) => [
    child('box', recorder(into, { capacity: 1, overflow: 'refuse' }), () => null),
  ]);
  t.after(() => system.stop());
  const gate = Promise.withResolvers<void>();
  ref('/box').tell({ type: 'block', until: gate.promise });
  await settle();
  for (let i = 0; i < 5; i += 1) ref('/box').tell({ type: 'release' });
  assert.equal(events.filter(({ type }) => type === 'mailbox-full').length, 1);
  gate.resolve();
  await settle();
  assert.equal(actorAt(system.snapshot(), '/box').mailbox.refused, 4);
});

test('every failure reaches the system-wide hook, and a hook that fails harms nobody', async (t) => {
  const { ref, failures, clock, system } = await world(two());
  t.after(() => system.stop());
  ref('/target').tell({ type: 'throw' });
  await clock.advance(100);
  assert.deepEqual(failures, ['/target: told to']);
  assert.equal(actorAt(system.snapshot(), '/target').state, 'running');
});

test('the tree explains itself: what happened, what would happen next, restarts left', async (t) => {
  const { ref, clock, system } = await world(
    two({ backoff: { minMs: 10, maxMs: 1_000, factor: 2, resetAfterMs: 10_000 } }),
    { intensity: { maxRestarts: 2, withinMs: 60_000 } },
  );
  t.after(() => system.stop());
  assert.equal(actorAt(system.snapshot(), '/target').onNextFailure, 'restart');
  for (const nextBackoffMs of [20, 40]) {
    ref('/target').tell({ type: 'throw' });
    await clock.advance(100);
    assert.equal(actorAt(system.snapshot(), '/target').nextBackoffMs, nextBackoffMs);
  }
  const root = system.snapshot();
  const target = actorAt(root, '/target');
  assert.equal(target.onNextFailure, 'escalate');
  assert.deepEqual(
    target.events.map(({ type }) => type),
    ['started', 'failed', 'restarting', 'started', 'failed', 'restarting', 'started'],
  );
  assert.ok(target.events.some((event) => event.type === 'restarting' && event.because === '/target failed: told to'));
  assert.ok(root.type === 'supervisor' && root.intensity.left === 0 && root.intensity.used === 2);
});

test('an operator restarts an actor, or a supervisor with all below it; nothing is counted against them', async (t) => {
  const { system } = await world((into) => [dynamic('members'), child('solo', recorder(into), () => null)]);
  t.after(() => system.stop());
  await system.startChild(
    '/members',
    child('member', recorder([]), () => null),
  );
  assert.equal(await system.restart('/solo'), true);
  assert.equal(await system.restart('/members'), true);
  assert.equal(await system.restart('/nobody'), false);
  for (const path of ['/solo', '/members/member']) {
    const { state, incarnation, lastFailure } = actorAt(system.snapshot(), path);
    assert.deepEqual(
      { state, incarnation, lastFailure },
      { state: 'running', incarnation: 2, lastFailure: null },
      path,
    );
  }
  const root = system.snapshot();
  assert.ok(root.type === 'supervisor' && root.intensity.used === 0);
});
