import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shrinkTries } from '../../src/imaging/shrink-tries.ts';

const MAX = 50_000;
const first = (bytes: number, side = 1_280) => shrinkTries(bytes, side, MAX)[0];

test('the first try is the best quality that may fit', () => {
  assert.deepEqual(first(60_000), { side: 1_280, quality: 70 });
  assert.deepEqual(first(90_000), { side: 1_280, quality: 55 });
  assert.deepEqual(first(130_000), { side: 1_280, quality: 40 });
});

test('pixels go when no quality is enough', () => {
  assert.deepEqual(first(160_000), { side: 1_024, quality: 55 });
  assert.deepEqual(first(3_000_000, 4_000), { side: 800, quality: 40 });
});

test('tries become smaller and end with the smallest there is', () => {
  const tries = shrinkTries(90_000, 1_280, MAX);
  assert.deepEqual(tries.at(-1), { side: 160, quality: 40 });
  assert.ok(tries.every(({ side }, index) => side <= (tries[index - 1]?.side ?? side)));
});

test('one is tried even where nothing can be expected to fit', () => {
  assert.deepEqual(shrinkTries(10_000_000, 160, MAX), [{ side: 160, quality: 40 }]);
});
