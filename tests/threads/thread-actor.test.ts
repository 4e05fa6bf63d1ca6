import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { threadId } from 'node:worker_threads';
import { defineActor } from '../../src/runtime/actor.ts';
import type { ActorSnapshot, SystemEvent } from '../../src/runtime/inspect.ts';
import type { MetricSink } from '../../src/runtime/metric-sink.ts';
import { address } from '../../src/runtime/ref.ts';
import { child, dynamic, supervisor, type ChildOptions } from '../../src/runtime/supervision.ts';
import { type ActorSystem, startSystem } from '../../src/runtime/system.ts';
import { memoryLog } from '../support/log.ts';
import { guestActor, type GuestInit, type GuestMessage, type PeerMessage, SPINS } from '../support/thread-actor.ts';
import { until } from '../support/until.ts';

let system: ActorSystem;
const events: SystemEvent[] = [];
const noted: number[] = [];
/** The recordings of all actors, in the order in which they reached the sink. */
const recorded: unknown[][] = [];
const sink: MetricSink = {
  inc: (...args) => void recorded.push(['inc', ...args]),
  set: (...args) => void recorded.push(['set', ...args]),
  observe: (...args) => void recorded.push(['observe', ...args]),
};
const peerActor = defineActor<PeerMessage>()<null>({
  kind: 'peer',
  mailbox: { capacity: 10_000, overflow: 'refuse' },
  start: () => ({
    handlers: { note: ({ n }) => void noted.push(n), double: ({ n }) => n * 2, length: ({ data }) => data.byteLength },
  }),
});

before(async () => {
  const tree = supervisor('root', [
    child('peer', peerActor, () => null),
    dynamic('members', { intensity: { maxRestarts: 1000, withinMs: 1000 } }),
  ]);
  system = await startSystem(tree, { log: memoryLog(), metrics: sink, onEscalation: (error) => assert.fail(error) });
  system.subscribe((event) => events.push(event));
});
after(() => system.stop());

let next = 0;
async function guestIn(kind: 'thread' | 'process', options: ChildOptions = {}, init: GuestInit = {}) {
  const id = `guest-${++next}`;
  await system.startChild(
    '/members',
    child(id, guestActor, () => init, {
      placement: { kind },
      backoff: { minMs: 10, maxMs: 50 },
      shutdownTimeoutMs: 20_000,
      ...options,
    }),
  );
  const path = `/members/${id}`;
  const snapshot = (): ActorSnapshot => {
    const members = system.snapshot();
    assert.equal(members.type, 'supervisor');
    const found =
      members.type === 'supervisor'
        ? members.children.flatMap((x) => (x.type === 'supervisor' ? x.children : [x])).find((x) => x.path === path)
        : undefined;
    assert.ok(found?.type === 'actor');
    return found;
  };
  const restarted = (times: number) =>
    until(`${path} restarted ${times}x`, () => snapshot().state === 'running' && snapshot().restarts === times);
  return { path, ref: system.ref(address<GuestMessage>(path)), snapshot, restarted };
}
/**
 * True while the process runs. Killed, with its parent thread gone, it stays as a zombie (state Z), which is not alive.
 */
const alive = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
};
const T = { timeoutMs: 30_000 };
/** For actors that cannot stop by themselves. */
const FORCED = { shutdownTimeoutMs: 300 } as const;

for (const kind of ['thread', 'process'] as const) {
  describe(`an actor placed in a ${kind}`, () => {
    const guest = (options: ChildOptions = {}, init: GuestInit = {}) => guestIn(kind, options, init);
    /** One for all tests that leave it as it was. */
    let calm: Awaited<ReturnType<typeof guest>>;
    before(async () => {
      calm = await guest();
    });

    test('runs in one of its own, behind the same ref', async () => {
      const [a, b] = [calm, await guest()];
      const [ta, tb] = [await a.ref.ask({ type: 'thread-id' }, T), await b.ref.ask({ type: 'thread-id' }, T)];
      assert.ok(ta !== threadId && ta !== process.pid && tb !== threadId && ta !== tb);
      assert.equal(a.snapshot().placement, kind);
      assert.deepEqual(a.snapshot().detail, { thread: ta });
    });

    test('a thread asks and tells actors of the main thread, in order', async () => {
      const { ref } = calm;
      assert.equal(await ref.ask({ type: 'ask-peer', n: 21 }, T), 42);
      noted.length = 0;
      ref.tell({ type: 'tell-peer', count: 1000 });
      await until('all notes', () => noted.length === 1000);
      assert.deepEqual(
        noted,
        [...noted].toSorted((x, y) => x - y),
      );
    });

    test('a throwing handler restarts it; the failure keeps its code, waiting messages are handled after', async () => {
      const { ref, snapshot, restarted } = await guest();
      const first = await ref.ask({ type: 'thread-id' }, T);
      ref.tell({ type: 'throw' });
      const second = await ref.ask({ type: 'thread-id' }, T);
      assert.notEqual(first, second);
      await restarted(1);
      assert.deepEqual(
        { message: snapshot().lastFailure?.message, code: snapshot().lastFailure?.code },
        { message: 'bad frame', code: 'BAD_FRAME' },
      );
    });

    test('an uncaught error in a timer of the thread is a failure, not the end of the process', async () => {
      const { ref, snapshot, restarted } = await guest();
      ref.tell({ type: 'throw-outside' });
      await restarted(1);
      assert.equal(snapshot().lastFailure?.message, 'from a timer');
    });

    test('a thread that ends by itself is restarted and what it had not begun is not lost', async () => {
      const { ref, snapshot, restarted } = await guest();
      ref.tell({ type: 'exit' });
      assert.equal(await ref.ask({ type: 'ask-peer', n: 4 }, T), 8);
      await restarted(1);
      assert.equal(snapshot().lastFailure?.code, kind === 'thread' ? 'THREAD_EXITED' : 'PROCESS_EXITED');
    });

    test('operating-system processes of a thread that died are killed', async () => {
      const { ref, restarted } = await guest();
      const pid = await ref.ask({ type: 'child-process' }, T);
      assert.ok(alive(pid));
      ref.tell({ type: 'exit' });
      await restarted(1);
      await until('sleep is gone', () => !alive(pid));
    });

    test('an endless loop is terminated after the shutdown time-out when the actor is removed', async () => {
      const { ref, path } = await guest(FORCED);
      noted.length = 0;
      ref.tell({ type: 'spin' });
      await until('it spins', () => noted.includes(SPINS));
      assert.equal(await system.stopChild(path), true);
      const stopped = events.find((event) => event.type === 'stopped' && event.path === path);
      assert.ok(stopped?.type === 'stopped' && stopped.forced);
    });

    test('a start that fails or hangs rejects with the reason and leaves nothing behind', async () => {
      await assert.rejects(guest({}, { failStart: true }), /no camera here/);
      await assert.rejects(guest({ startTimeoutMs: 400 }, { hangStart: true }), { code: 'START_TIMEOUT' });
      await assert.rejects(system.ref(address<GuestMessage>(`/members/guest-${next}`)).ask({ type: 'thread-id' }, T), {
        code: 'ACTOR_DEAD',
      });
    });

    test('timers of a threaded actor pass through its bounded mailbox and end with it', async () => {
      const { ref, restarted } = await guest();
      ref.tell({ type: 'tick-every', ms: 5 });
      await until('ticks', async () => (await ref.ask({ type: 'ticks' }, T)) > 3);
      ref.tell({ type: 'throw' });
      await restarted(1);
      assert.equal(await ref.ask({ type: 'ticks' }, T), 0);
    });

    test('a flood of tells ends at its credit: what is over is refused, counted and nothing piles up', async () => {
      const { ref } = calm;
      noted.length = 0;
      const earlier = system.deadLetters().total;
      const taken = await ref.ask({ type: 'flood-peer', count: 5_000 }, T);
      assert.equal(taken, 1_024);
      await until('what was taken arrives', () => noted.length === taken);
      await until('what was refused is counted', () => system.deadLetters().total === earlier + 5_000 - taken);
      assert.equal(system.deadLetters().recent.at(-1)?.reason, 'no-credit');
    });

    test('offers wait for credit, and all of them arrive in order', async () => {
      const { ref } = calm;
      noted.length = 0;
      assert.equal(await ref.ask({ type: 'offer-peer', count: 3_000 }, { timeoutMs: 60_000 }), 3_000);
      assert.deepEqual(
        noted,
        Array.from({ length: 3_000 }, (_, n) => n),
      );
    });

    test('it is told of the end of whom it watches', async () => {
      const [watcher, other] = [calm, await guest({ restart: 'temporary' })];
      const told = watcher.ref.ask({ type: 'watch', path: other.path }, T);
      // Answered after the one before it: it watches by now.
      await watcher.ref.ask({ type: 'ask-peer', n: 1 }, T);
      other.ref.tell({ type: 'leave' });
      assert.equal(await told, `${other.path} exited`);
      assert.equal(await watcher.ref.ask({ type: 'watch', path: '/nobody' }, T), '/nobody absent');
    });

    test('out of memory at its heap limit: it is restarted, everyone else lives on', async () => {
      const limited = await guest({ placement: { kind, maxHeapMb: 48, maxYoungMb: 4 } });
      limited.ref.tell({ type: 'exhaust-memory' });
      await limited.restarted(1);
      assert.equal(await calm.ref.ask({ type: 'ask-peer', n: 1 }, T), 2);
      assert.equal(calm.snapshot().restarts, 0);
    });

    test('its metrics reach the sink together, soon after and once: sums, last values, every measurement', async () => {
      const { ref } = calm;
      recorded.length = 0;
      ref.tell({ type: 'record', n: 3 });
      await until('they are recorded', () => recorded.length > 0);
      assert.deepEqual(recorded, [
        ['inc', 'done_total', 3, { kind: 'x' }],
        ['set', 'depth', 2],
        ['observe', 'wait_seconds', 0],
        ['observe', 'wait_seconds', 1],
        ['observe', 'wait_seconds', 2],
      ]);
    });

    test('what it recorded just before it failed, or was stopped, is not lost', async () => {
      const { ref, path, restarted } = await guest();
      recorded.length = 0;
      ref.tell({ type: 'record-and-throw' });
      await restarted(1);
      assert.deepEqual(recorded, [['inc', 'done_total', 1, { kind: 'x' }]]);
      ref.tell({ type: 'record', n: 1 });
      await ref.ask({ type: 'thread-id' }, T);
      await system.stopChild(path);
      assert.equal(recorded.length, 4);
    });

    test('an end of its own decision is no failure: a transient actor stays ended', async () => {
      const { ref, path } = await guest({ restart: 'transient' });
      ref.tell({ type: 'leave' });
      await until('it left', () =>
        events.some((event) => event.type === 'exited' && event.path === path && event.reason === 'normal'),
      );
      assert.equal(ref.tell({ type: 'leave' }), 'dead');
    });
  });
}

test('a buffer named in transfer moves out of the thread without a copy', async () => {
  const { ref } = await guestIn('thread');
  assert.deepEqual(await ref.ask({ type: 'send-buffer', bytes: 1_000_000 }, T), { received: 1_000_000, leftBehind: 0 });
});

test('a thread inside native code is quarantined, not terminated, and ends once it only spins', async () => {
  const { ref, path, snapshot } = await guestIn('thread', FORCED);
  ref.tell({ type: 'native', ms: 60_000 });
  await until('native call in flight', () => snapshot().nativeInFlight === 1);
  noted.length = 0;
  ref.tell({ type: 'spin' });
  await until('it spins', () => noted.includes(SPINS));
  await system.stopChild(path);
  assert.ok(events.some((event) => event.type === 'quarantined' && event.path === path));
});

test('the thread entry refuses to run on the main thread', async () => {
  await assert.rejects(import('../../src/runtime/remote/worker/entry.ts'), { code: 'BAD_DEFINITION' });
});

test('process.abort() ends only the process it is called in; the others do not miss a beat', async () => {
  const [victim, other] = [await guestIn('process'), await guestIn('process')];
  other.ref.tell({ type: 'tick-every', ms: 5 });
  victim.ref.tell({ type: 'abort' });
  await victim.restarted(1);
  assert.match(victim.snapshot().lastFailure?.message ?? '', /process of .* was ended by SIGABRT/);
  const ticks = await other.ref.ask({ type: 'ticks' }, T);
  await until('it ticks on', async () => (await other.ref.ask({ type: 'ticks' }, T)) > ticks + 3);
  assert.equal(other.snapshot().restarts, 0);
});
