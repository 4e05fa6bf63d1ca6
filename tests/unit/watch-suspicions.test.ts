import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Interest } from '../../src/events/interest.ts';
import { suspicions } from '../../src/watch/suspicions.ts';
import { drive, type Drive, START, until } from '../support/road-tracks.ts';

/** Suspicions at a second about drives seen once a second. */
function at(seconds: number, drives: readonly Omit<Drive, 'fps'>[]): readonly Interest[] {
  const tracks = drives.flatMap((one) => until(drive({ ...one, fps: 1 }), seconds) ?? []);
  return suspicions(tracks, START + seconds * 1_000, 1_000);
}
const CAR = { trackId: 1, place: [0, 0], heading: 0, speed: 12 } as const;

test('turning and new road users are worth a coarse look; an empty or standing street none', () => {
  const turn = at(6, [{ ...CAR, speed: 5, legs: [{ seconds: 4 }, { seconds: 3, turnDegrees: 120 }] }]);
  assert.ok(turn.some(({ value, fps }) => value === 0.3 && fps === 3));
  assert.ok(at(1, [{ ...CAR, legs: [{ seconds: 9 }] }]).some(({ value }) => value > 0.1 && value < 0.2));
  assert.deepEqual(at(6, []), []);
  assert.deepEqual(at(6, [{ ...CAR, speed: 0, legs: [{ seconds: 9 }] }]), []);
});
