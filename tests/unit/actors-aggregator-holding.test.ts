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
      ack: () => void said.push('ack'),
      nak: (delayMs) => void said.push(`nak ${delayMs}`),
      term: () => void said.push('term'),
      bury: () => Promise.resolve(),
      working: () => void said.push('working'),
    },
  };
}

test('with as many held as may be, no more is taken until one is settled', async () => {
  const holding = new Holding(2);
  const [a, b] = [delivery(), delivery()];
  holding.queue(a.delivery);
  holding.queue(b.delivery);
  let room = false;
  const waiting = holding.room().then(() => (room = true));
  holding.take('frame', a.delivery);
  await settle();
  assert.equal(room, false, 'its turn came, but it is still held');
  assert.deepEqual(holding.release('frame'), [a.delivery]);
  await waiting;
  assert.equal(holding.size, 1);
});

test('a frame is settled without what still waits for its turn', () => {
  const holding = new Holding(10);
  const [first, second] = [delivery(), delivery()];
  for (const each of [first, second]) holding.queue(each.delivery);
  holding.take('frame', first.delivery);
  assert.deepEqual(holding.release('frame'), [first.delivery]);
  holding.beat();
  assert.deepEqual([first.said, second.said], [[], ['working']]);
});

test('what is handed back comes again at once; over a restart the mailbox keeps what waits for its turn', () => {
  for (const queued of [true, false]) {
    const holding = new Holding(10);
    const [taken, waiting] = [delivery(), delivery()];
    holding.queue(waiting.delivery);
    holding.queue(taken.delivery);
    holding.take('frame', taken.delivery);
    holding.handBack(queued);
    assert.deepEqual([taken.said, waiting.said], [['nak 0'], queued ? ['nak 0'] : []]);
    assert.equal(holding.size, 0);
  }
});
