import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InfraError } from '../../src/infra/infra-error.ts';
import { Sender } from '../../src/infra/stage-sender.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';

/** A receiver that answers when told; `sent` and `arrived` in order. */
function started(window: number, items: number) {
  const clock = new ManualClock();
  const sent: number[] = [];
  const arrived: number[] = [];
  const said: string[] = [];
  const open = new Map<number, PromiseWithResolvers<void>>();
  let next = 0;
  const sender = new Sender<number>({
    window,
    clock,
    waiting: () => items - next,
    next: () => (next < items ? next++ : null),
    send: (item) => {
      sent.push(item);
      const answer = Promise.withResolvers<void>();
      open.set(item, answer);
      return answer.promise;
    },
    onRefused: (item) => said.push(`refused ${item}`),
    onDown: (error) => said.push(`down: ${error.message}`),
    onUp: () => said.push('up'),
  });
  const answer = async (item: number, error: Error | null = null): Promise<void> => {
    const pending = open.get(item);
    assert.ok(pending, `${item} is under way`);
    open.delete(item);
    if (error === null) {
      arrived.push(item);
      pending.resolve();
    } else pending.reject(error);
    await settle();
  };
  return { clock, sent, arrived, said, sender, answer };
}
const NO = new Error('no');

test('as many as the window allows are under way at once, and one more for each that arrived', async () => {
  const { sender, sent, answer } = started(3, 5);
  sender.pump();
  assert.deepEqual(sent, [0, 1, 2]);
  await answer(1);
  assert.deepEqual(sent, [0, 1, 2, 3]);
  assert.equal(sender.size, 4);
});

test('failed items go again before all that were not sent, in order, one at a time until one arrives', async () => {
  const { sender, clock, sent, said, answer, arrived } = started(3, 6);
  sender.pump();
  await answer(2, NO);
  await answer(0, NO);
  await answer(1, NO);
  assert.deepEqual(sent, [0, 1, 2], 'nothing more while it is down');
  assert.equal(sender.down, true);
  await clock.advance(250);
  assert.deepEqual(sent.slice(3), [0]);
  await answer(0, NO);
  await clock.advance(249);
  assert.deepEqual(sent.slice(4), []);
  await clock.advance(1);
  assert.deepEqual(sent.slice(4), [0]);
  await answer(0);
  assert.deepEqual(sent.slice(5), [1, 2, 3]);
  for (const item of [1, 2, 3, 4, 5]) await answer(item);
  assert.deepEqual(arrived, [0, 1, 2, 3, 4, 5]);
  assert.deepEqual(said, ['down: no', 'up']);
  assert.equal(sender.size, 0);
});

test('an item refused five times is given up, and the others go on', async () => {
  const { sender, clock, said, answer, arrived } = started(1, 2);
  sender.pump();
  for (let time = 1; time <= 5; time += 1) {
    await answer(0, new InfraError('BUS_REFUSED', 'too large'));
    await clock.advance(250);
  }
  await answer(1);
  assert.deepEqual(arrived, [1]);
  assert.deepEqual(said, ['down: too large', 'refused 0', 'up']);
});

test('a stop sends what it can in time, waits for no receiver that is down, and nothing is sent after it', async () => {
  const inTime = started(1, 2);
  inTime.sender.pump();
  const stopping = inTime.sender.stop(1_000);
  await inTime.answer(0);
  await inTime.answer(1);
  await stopping;
  assert.equal(inTime.sender.size, 0);

  const hung = started(1, 2);
  hung.sender.pump();
  let ended = false;
  const late = hung.sender.stop(1_000).then(() => (ended = true));
  await hung.clock.advance(999);
  assert.equal(ended, false);
  await hung.clock.advance(1);
  await late;
  assert.deepEqual(hung.sent, [0]);

  const down = started(1, 2);
  down.sender.pump();
  await down.answer(0, NO);
  await down.sender.stop(1_000);
  await down.clock.advance(1_000);
  assert.deepEqual(down.sent, [0]);
});
