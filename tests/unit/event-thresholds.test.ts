import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventThresholdChanges, thresholdsWith } from '../../src/messages/event-thresholds.ts';

test('what a camera changes is kept alone, so that other values follow the defaults', () => {
  const changes = EventThresholdChanges.parse({ queue: { minVehicles: 3 }, speeding: {} });
  assert.deepEqual(changes, { queue: { minVehicles: 3 }, speeding: {} });
  const { queue, speeding } = thresholdsWith(changes);
  assert.deepEqual([queue.minVehicles, queue.minSeconds, speeding.minLimitRatio], [3, 15, 1.2]);
});

test('unknown kinds, unknown fields and values out of range are refused', () => {
  const wrong = [
    { jump: {} },
    { queue: { minutes: 2 } },
    { queue: { minVehicles: 1 } },
    { 'u-turn': { minDegrees: 181 } },
  ];
  for (const changes of wrong)
    assert.equal(EventThresholdChanges.safeParse(changes).success, false, JSON.stringify(changes));
});
