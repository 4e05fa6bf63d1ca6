import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Holding } from '../../src/actors/aggregator/holding.ts';
import type { Delivery } from '../../src/infra/bus.ts';
import { settle } from '../../src/runtime/testing/manual-clock.ts';

function delivery(): { readonly said: string[]; readonly delivery: Delivery<null> } {
  const said: string[] = [];
  return {
    said,
    delivery: {
      body: null,
      subject: 's',
      seq: 1,
      storedAt: 0,
      attempt: 1,
      begin: () => undefined,
      ack: () => void said.push('ack'),
      nak: (delayMs) => void said.push(`nak ${delayMs}`),
      deadLetter: () => Promise.resolve(),
      working: () => void said.push('working'),
    },
  };
}

test('with as many held as may be, no more is taken until one is settled', async () => {
  const holding = new Holding(2);
  const [a, b] = [delivery(), delivery()];
  holding.take('frame', a.delivery);
  holding.take('another', b.delivery);
  let room = false;
  const waiting = holding.room().then(() => (room = true));
  await settle();
  assert.equal(room, false);
  assert.deepEqual(holding.release('frame'), [a.delivery]);
  await waiting;
  assert.equal(holding.size, 1);
});

test('a frame is settled alone; of the others is said that they are held', () => {
  const holding = new Holding(10);
  const [first, second] = [delivery(), delivery()];
  holding.take('frame', first.delivery);
  holding.take('another', second.delivery);
  assert.deepEqual(holding.release('frame'), [first.delivery]);
  holding.beat();
  assert.deepEqual([first.said, second.said], [[], ['working']]);
});

test('what is handed back comes again at once, and who waits for room has it', async () => {
  const holding = new Holding(1);
  const taken = delivery();
  holding.take('frame', taken.delivery);
  const room = holding.room();
  holding.handBack();
  await room;
  assert.deepEqual(taken.said, ['nak 0']);
  assert.equal(holding.size, 0);
});
