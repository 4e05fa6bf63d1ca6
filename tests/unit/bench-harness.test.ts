import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bar, figure, interleave, median, ratio, readOptions, resultOf } from '../../bench/harness.ts';

test('the median of an odd number of values is the one in the middle, of an even number the mean of two', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([9, 1, 5, 100]), 7);
  assert.ok(Number.isNaN(median([])));
});

test('entries take turns, so that each round holds one sample of each', async () => {
  const order: string[] = [];
  const entry = (subject: string) => ({
    measure: 'tell',
    subject,
    unit: '1/s',
    sample: () => Promise.resolve(order.push(subject)),
  });
  const results = await interleave([entry('a'), entry('b')], 3);
  assert.deepEqual(order, ['a', 'b', 'a', 'b', 'a', 'b']);
  assert.deepEqual(
    results.map(({ subject, samples, median: middle, min, max }) => ({ subject, samples, middle, min, max })),
    [
      { subject: 'a', samples: [1, 3, 5], middle: 3, min: 1, max: 5 },
      { subject: 'b', samples: [2, 4, 6], middle: 4, min: 2, max: 6 },
    ],
  );
});

test('a ratio compares samples of the same round: a slow spell of the machine cancels out', () => {
  const results = [
    resultOf('tell', 'ours', '1/s', [100, 10, 100]),
    resultOf('tell', 'peer', '1/s', [50, 5, 50]),
    resultOf('ask', 'peer', 'us', [1, 1, 1]),
  ];
  assert.equal(ratio(results, 'tell', 'ours', 'peer'), 2);
  assert.ok(Number.isNaN(ratio(results, 'tell', 'ours', 'absent')));
});

test('a bar is met on its own side of the limit only, and never by what was not measured', () => {
  assert.equal(bar('speed', 20, 'x', '>=', 20).ok, true);
  assert.equal(bar('speed', 19.9, 'x', '>=', 20).ok, false);
  assert.equal(bar('memory', 201, 'MB', '<=', 200).ok, false);
  assert.equal(bar('memory', Number.NaN, 'MB', '<=', 200).ok, false);
});

test('figures have three significant digits', () => {
  assert.equal(figure(7_481_234), '7,480,000');
  assert.equal(figure(0.066_727), '0.0667');
  assert.equal(figure(Number.NaN), '-');
});

test('an option that does not exist is refused', () => {
  assert.deepEqual({ ...readOptions(['--json']) }, { json: true, quick: false });
  assert.throws(() => readOptions(['--fast']), /fast/);
});
