import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DecodeQueue, type Queued } from '../../src/decoding/decode-queue.ts';
import { DecoderDeaths, ISOLATION_MS, MAX_ISOLATED } from '../../src/decoding/decoder-deaths.ts';
import type { Urgency } from '../../src/decoding/decoding.types.ts';
import { PictureCache } from '../../src/decoding/picture-cache.ts';
import { BurstBudget, TimeSpent } from '../../src/decoding/time-spent.ts';

interface Job extends Queued {
  readonly name: string;
}
const job = (cameraId: string, name: string, urgency: Urgency = 'wanted'): Job => ({ cameraId, name, urgency });

function drain(queue: DecodeQueue<Job>, urgency: Urgency, fits: (one: Job) => boolean = () => true): string[] {
  const names: string[] = [];
  for (let next = queue.take(urgency, fits); next !== null; next = queue.take(urgency, fits)) names.push(next.name);
  return names;
}

test('cameras take turns, and the jobs of each keep their order', () => {
  const queue = new DecodeQueue<Job>();
  for (const name of ['a1', 'a2', 'a3']) queue.add(job('a', name));
  for (const name of ['b1', 'b2']) queue.add(job('b', name));
  assert.deepEqual(drain(queue, 'wanted'), ['a1', 'b1', 'a2', 'b2', 'a3']);
  assert.equal(queue.size, 0);
});

test('a job that was put back goes first among those of its camera, after the turns of others', () => {
  const queue = new DecodeQueue<Job>();
  for (const name of ['a1', 'a2']) queue.add(job('a', name));
  queue.add(job('b', 'b1'));
  const first = queue.take('wanted', () => true);
  assert.ok(first !== null);
  queue.putBack(first);
  assert.deepEqual(drain(queue, 'wanted'), ['b1', 'a1', 'a2']);
});

test('a camera whose job does not fit is passed over', () => {
  const queue = new DecodeQueue<Job>();
  queue.add(job('a', 'a1'));
  queue.add(job('b', 'b1'));
  assert.deepEqual(
    drain(queue, 'wanted', ({ cameraId }) => cameraId === 'b'),
    ['b1'],
  );
  assert.deepEqual(queue.counts, { wanted: 1, due: 0, burst: 0 });
});

test('each camera, and all together, have a bound', () => {
  const queue = new DecodeQueue<Job>();
  const taken = (cameraId: string, urgency: Urgency): number => {
    let count = 0;
    while (queue.add(job(cameraId, '', urgency))) count += 1;
    return count;
  };
  assert.deepEqual([taken('a', 'wanted'), taken('a', 'burst'), taken('a', 'due')], [64, 2, 2]);
  for (let camera = 0; camera < 20; camera += 1) taken(`c${camera}`, 'wanted');
  assert.equal(queue.counts.wanted, 1_024);
});

test('jobs are removed by camera or all', () => {
  const queue = new DecodeQueue<Job>();
  for (const [camera, name, urgency] of [
    ['a', 'a1', 'due'],
    ['a', 'a2', 'burst'],
    ['b', 'b1', 'due'],
  ] as const)
    queue.add(job(camera, name, urgency));
  assert.deepEqual(
    queue.remove(({ name }) => name !== 'a2', 'a').map(({ name }) => name),
    ['a1'],
  );
  assert.deepEqual(
    queue.remove(() => true).map(({ name }) => name),
    ['b1', 'a2'],
  );
  assert.deepEqual(queue.counts, { wanted: 0, due: 0, burst: 0 });
});

test('time that was spent is forgotten after the span', () => {
  const spent = new TimeSpent(1_000);
  spent.add(30, 10_000);
  spent.add(20, 10_900);
  assert.equal(spent.sum(10_900), 50);
  assert.equal(spent.sum(11_010), 20);
  assert.equal(spent.sum(12_000), 0);
});

test('bursts may use their share of the time of all decoders', () => {
  const budget = new BurstBudget(0.3);
  budget.add(600, 50_000);
  assert.ok(!budget.allows(1, 50_500));
  assert.ok(budget.allows(2, 50_500));
  assert.ok(budget.allows(1, 52_100));
});

test('a camera that ends a decoder again within ten minutes is isolated, until it was well for as long', () => {
  const deaths = new DecoderDeaths();
  assert.equal(deaths.note('a', 0), 'first');
  assert.equal(deaths.note('a', ISOLATION_MS + 1), 'first', 'too long ago');
  assert.equal(deaths.note('a', ISOLATION_MS + 5), 'isolated');
  assert.equal(deaths.note('a', ISOLATION_MS + 9), 'again');
  assert.deepEqual(deaths.release(2 * ISOLATION_MS + 9), []);
  assert.deepEqual(deaths.release(2 * ISOLATION_MS + 10), ['a']);
  assert.deepEqual(deaths.isolated, []);
});

test('only a few cameras are isolated at once, and a camera that was forgotten is known to be bad', () => {
  const deaths = new DecoderDeaths();
  const verdicts = (cameraId: string) => [deaths.note(cameraId, 0), deaths.note(cameraId, 1)];
  for (let camera = 0; camera < MAX_ISOLATED; camera += 1)
    assert.deepEqual(verdicts(`c${camera}`), ['first', 'isolated']);
  assert.deepEqual(verdicts('late'), ['first', 'full']);
  deaths.forget('c0');
  assert.equal(deaths.note('c0', 2), 'isolated');
});

test('the newest two pictures of a camera are kept, within the bytes of all', () => {
  const freed: string[] = [];
  const cache = new PictureCache<string>(10, (picture) => freed.push(picture));
  for (const at of [1, 2, 3]) cache.put('a', at, `a${at}`, 2);
  assert.deepEqual(freed.splice(0), ['a1']);
  assert.deepEqual([cache.get('a', 1), cache.get('a', 2), cache.get('b', 2)], [null, 'a2', null]);
  cache.put('b', 1, 'b1', 5);
  assert.deepEqual([freed.splice(0), cache.bytes], [[], 9]);
  cache.put('c', 1, 'c1', 4);
  assert.deepEqual([freed.splice(0), cache.bytes], [['a2', 'a3'], 9]);
  cache.put('b', 1, 'b1 again', 5);
  assert.deepEqual([freed.splice(0), cache.get('b', 1)], [['b1'], 'b1 again']);
  cache.put('d', 1, 'too large', 11);
  assert.deepEqual([freed.splice(0), cache.bytes], [['c1', 'b1 again', 'too large'], 0]);
  cache.put('a', 9, 'a9', 1);
  cache.forget('a');
  assert.deepEqual([freed, cache.bytes], [['a9'], 0]);
});
