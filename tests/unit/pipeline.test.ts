import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pipeline } from '../../src/infra/pipeline.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';

/** A receiver that answers when told; what it took in order. */
function world(window: number, items: number) {
  const clock = new ManualClock();
  const abort = new AbortController();
  const sent: number[] = [];
  const arrived: number[] = [];
  const said: string[] = [];
  const open = new Map<number, PromiseWithResolvers<void>>();
  let next = 0;
  const pipeline = new Pipeline<number>({
    window,
    retryMs: 100,
    clock,
    signal: abort.signal,
    next: () => (next < items ? next++ : null),
    send: (item) => {
      sent.push(item);
      const answer = Promise.withResolvers<void>();
      open.set(item, answer);
      return answer.promise;
    },
    onAway: (error) => said.push(`away: ${error.message}`),
    onBack: () => said.push('back'),
  });
  const answer = async (item: number, ok: boolean): Promise<void> => {
    const waiting = open.get(item);
    assert.ok(waiting, `${item} is under way`);
    open.delete(item);
    if (ok) {
      arrived.push(item);
      waiting.resolve();
    } else waiting.reject(new Error('no'));
    await settle();
  };
  return { clock, abort, sent, arrived, said, open, pipeline, answer };
}

test('so many are under way at once, and one more when one arrived', async () => {
  const { pipeline, sent, answer } = world(3, 5);
  pipeline.pump();
  assert.deepEqual(sent, [0, 1, 2]);
  await answer(1, true);
  assert.deepEqual(sent, [0, 1, 2, 3]);
  assert.equal(pipeline.size, 3);
});

test('what failed goes again before all that was not sent, in order, one at a time until one arrives', async () => {
  const { pipeline, clock, sent, said, answer, arrived } = world(3, 6);
  pipeline.pump();
  await answer(2, false);
  await answer(0, false);
  await answer(1, false);
  assert.deepEqual(sent, [0, 1, 2], 'nothing more while it is away');
  assert.equal(pipeline.away, true);
  await clock.advance(100);
  assert.deepEqual(sent.slice(3), [0]);
  await answer(0, false);
  await clock.advance(99);
  assert.deepEqual(sent.slice(4), []);
  await clock.advance(1);
  assert.deepEqual(sent.slice(4), [0]);
  await answer(0, true);
  assert.deepEqual(sent.slice(5), [1, 2, 3]);
  for (const item of [1, 2, 3, 4, 5]) await answer(item, true);
  assert.deepEqual(arrived, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(said, ['away: no', 'back']);
  assert.equal(pipeline.size, 0);
});

test('an end lets go of everything and wakes who waits', async () => {
  const { pipeline, clock, abort, sent, answer } = world(2, 9);
  pipeline.pump();
  const waiting = pipeline.change();
  await answer(0, false);
  await waiting;
  const last = pipeline.change();
  abort.abort();
  await last;
  await clock.advance(1_000);
  pipeline.pump();
  assert.deepEqual(sent, [0, 1]);
  await pipeline.change();
});
