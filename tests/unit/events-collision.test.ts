import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCollisions } from '../../src/events/collision.ts';
import { findNearMisses } from '../../src/events/near-miss.ts';
import { sameHoweverSeen } from '../support/event-invariance.ts';
import { drive, START, trafficView } from '../support/road-tracks.ts';

/** Two at 12 m/s who meet at a corner after 2 s, and lose their speed from then on. */
const crash = (deceleration: number, late = 0) => [
  drive({
    trackId: 1,
    place: [-25.5, 0],
    heading: 0,
    speed: 12,
    legs: [{ seconds: 2 }, { seconds: 12 / Math.max(deceleration, 8), acceleration: -deceleration }, { seconds: 1 }],
  }),
  drive({
    trackId: 2,
    place: [0, -25.5 - late * 12],
    heading: 90,
    speed: 12,
    legs: [{ seconds: 2 }, { seconds: 12 / Math.max(deceleration, 8), acceleration: -deceleration }, { seconds: 1 }],
  }),
];

test('two who meet and lose their speed at once have collided, which is no near miss', () => {
  const [finding, ...others] = sameHoweverSeen(findCollisions, { tracks: crash(10) });
  assert.deepEqual(others, []);
  assert.deepEqual(finding?.trackIds, [1, 2]);
  assert.ok(Math.abs(finding.onset - START - 2000) <= 300, `onset after ${finding.onset - START} ms`);
  assert.ok(Math.abs(finding.evidence.speedKmh! - 61) < 4, `${finding.evidence.speedKmh} km/h`);
  assert.equal(finding.severity, 'high');
  assert.deepEqual(findNearMisses(trafficView({ tracks: crash(10) })), []);
});

test('footprints that overlap without a change of speed are an error of the places', () => {
  assert.deepEqual(findCollisions(trafficView({ tracks: crash(0) })), []);
});

test('one who comes a second later does not collide', () => {
  assert.deepEqual(findCollisions(trafficView({ tracks: crash(10, 1) })), []);
});

/** A standing car, and one that comes at 11 m/s for `seconds`, loses its speed at so many m/s², and stands. */
const rearEnd = (seconds: number, braking: number) => [
  drive({ trackId: 1, place: [0, 0], heading: 0, speed: 0, legs: [{ seconds: 5 }] }),
  drive({
    trackId: 2,
    place: [-26, 0],
    heading: 0,
    speed: 11,
    legs: [{ seconds }, { seconds: 11 / braking, acceleration: -braking }, { seconds: 2 }],
  }),
];

test('who stands after an approach that no brakes could have ended in time has collided', () => {
  // Faster than any brakes: no braking is found in it.
  const [finding] = findCollisions(trafficView({ tracks: rearEnd(2, 110) }));
  assert.deepEqual(finding?.trackIds, [1, 2]);
  assert.ok(finding.evidence.neededDecelerationMps2! >= 10);
  assert.equal(finding.evidence.decelerationMps2, null);
});

test('who stops in time behind a standing car does not collide', () => {
  assert.deepEqual(findCollisions(trafficView({ tracks: rearEnd(1.4, 12) })), []);
});

test('overlaps of a jam are no collision', () => {
  const creep = [{ seconds: 4 }];
  const tracks = [
    drive({ trackId: 1, place: [0, 0], heading: 0, speed: 1.2, legs: creep }),
    drive({ trackId: 2, place: [-4.6, 0.1], heading: 0, speed: 1.5, legs: creep }),
  ];
  assert.deepEqual(findCollisions(trafficView({ tracks })), []);
});

test('may be off', () => {
  const view = trafficView({ tracks: crash(10), thresholds: { collision: { enabled: false } } });
  assert.deepEqual(findCollisions(view), []);
});
