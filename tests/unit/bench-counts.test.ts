import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countStreet, geh } from '../../bench/counts/count-street.ts';

test('a street is counted as it was, through the tracker', () => {
  const { quarters, truth } = countStreet({ seconds: 240, fps: 1, seed: 3 });
  const vehicles = quarters.filter(({ users }) => users === 'vehicles');
  assert.equal(vehicles.length, 2);
  for (const quarter of quarters) assert.ok(quarter.geh < 5, JSON.stringify(quarter));
  const there = truth.filter((one) => one.class !== 'person').length;
  const counted = vehicles.reduce((sum, quarter) => sum + quarter.counted, 0);
  assert.ok(there > 100 && Math.abs(counted - there) / there < 0.05, `${counted} of ${there}`);
});

test('GEH is that of hourly volumes', () => {
  assert.equal(geh(0, 0), 0);
  assert.ok(Math.abs(geh(1_100, 1_000) - 3.086) < 0.001);
});
