import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findUTurns } from '../../src/events/u-turn.ts';
import { drive, START, trafficView } from '../support/road-tracks.ts';

/** Turns by half a circle of 5 m radius in five seconds. */
const turning = {
  trackId: 3,
  place: [0, 0],
  heading: 10,
  speed: 3.2,
  legs: [{ seconds: 4 }, { seconds: 5, turnDegrees: 180 }, { seconds: 3 }],
  fps: 5,
} as const;
const found = (changes: Partial<Parameters<typeof drive>[0]> = {}, at?: number) =>
  findUTurns(trafficView({ tracks: [drive({ ...turning, ...changes })], ...(at === undefined ? {} : { at }) }));

test('half a circle is a U-turn, to either side, at one frame a second, too', () => {
  const [finding] = found();
  assert.equal(finding?.kind, 'u-turn');
  assert.ok(finding.evidence.degrees! >= 150);
  assert.ok(finding.onset >= START + 3_000 && finding.onset <= START + 6_000);
  assert.ok(finding.endedAt! <= START + 10_000);
  assert.equal(found({ legs: [{ seconds: 4 }, { seconds: 5, turnDegrees: -180 }, { seconds: 3 }] }).length, 1);
  assert.equal(found({ fps: 1 }).length, 1);
});

test('it is found while the car still turns', () => {
  assert.deepEqual(found({}, 7), []);
  assert.equal(found({}, 9).length, 1);
});

test('a turn at a corner, a wide bend and a slow one are none', () => {
  assert.deepEqual(found({ legs: [{ seconds: 3 }, { seconds: 4, turnDegrees: 140 }, { seconds: 3 }] }), []);
  assert.deepEqual(found({ legs: [{ seconds: 3 }, { seconds: 25, turnDegrees: 180 }, { seconds: 3 }] }), []);
  // Half a circle of 18 m radius.
  assert.deepEqual(found({ speed: 6, legs: [{ seconds: 3 }, { seconds: 9.5, turnDegrees: 180 }, { seconds: 3 }] }), []);
});

test('a heading that flips between two vehicles is none', () => {
  const [there, back] = [
    drive({ ...turning, speed: 10, legs: [{ seconds: 3 }], fps: 1 }),
    drive({ ...turning, place: [30, 9], heading: 190, speed: 10, from: 4, legs: [{ seconds: 3 }], fps: 1 }),
  ];
  const mixed = { ...there, history: [...there.history, ...back.history], seenAt: back.seenAt };
  assert.deepEqual(findUTurns(trafficView({ tracks: [mixed] })), []);
});

test('back and forth on the spot is none', () => {
  const history = drive({ ...turning, legs: [{ seconds: 6 }], fps: 1, speed: 1.2 }).history;
  const jitter = history.map((point, i) => ({ ...point, velocity: [i % 2 ? 1.2 : -1.2, 0.1] as const }));
  const track = { ...drive({ ...turning, legs: [{ seconds: 6 }], fps: 1 }), history: jitter };
  assert.deepEqual(findUTurns(trafficView({ tracks: [track] })), []);
});

test('a person who turns round is none', () => {
  assert.deepEqual(found({ class: 'person' }), []);
  assert.deepEqual(found({ confirmed: false }), []);
});

test('a turn too narrow for a car is a mistaken identity', () => {
  // Half a circle of 2 m radius: a motorcycle can.
  const narrow = { speed: 1.6, legs: [{ seconds: 3 }, { seconds: 4, turnDegrees: 180 }, { seconds: 3 }] };
  assert.deepEqual(found(narrow), []);
  assert.equal(found({ ...narrow, class: 'motorcycle' }).length, 1);
});
