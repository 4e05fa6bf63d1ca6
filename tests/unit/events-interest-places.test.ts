import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interestsOfPlaces } from '../../src/events/interest-places.ts';
import { drive, type Drive, type FlatScene, START, trafficView } from '../support/road-tracks.ts';

const across = (from: number, to: number): [number, number][] => [
  [-200, from],
  [200, from],
  [200, to],
  [-200, to],
];
const ROAD: FlatScene = {
  limitKmh: 50,
  zones: [
    { id: 'east', kind: 'lane', polygon: across(-3.5, 0), direction: 0 },
    { id: 'west', kind: 'lane', polygon: across(0, 3.5), direction: 180 },
    { id: 'shoulder', kind: 'shoulder', polygon: across(-6.5, -3.5) },
  ],
};
const CAR: Drive = { trackId: 1, place: [-50, -1.75], heading: 0, speed: 10, legs: [{ seconds: 3 }], fps: 1 };
const wished = (changes: Partial<Drive> = {}, at?: number) =>
  interestsOfPlaces(trafficView({ tracks: [drive({ ...CAR, ...changes })], scene: ROAD, at }));

test('one that seems to be fast, in the wrong lane or on the shoulder is worth pictures until now and on', () => {
  assert.deepEqual(wished(), []);
  const [interest] = wished({ speed: 20 });
  assert.ok(interest !== undefined && interest.from < START + 3_000 && interest.to > START + 3_000);
  assert.equal(wished({ place: [-50, 1.75] }).length, 1);
  assert.equal(wished({ place: [-50, -5] }).length, 1);
  // On foot.
  assert.deepEqual(wished({ place: [-50, 1.75], class: 'person' }), []);
});

test('one that has turned by more than at a corner is worth pictures, one at a corner is not', () => {
  const turns = (degrees: number) =>
    wished({ speed: 3, place: [0, 100], legs: [{ seconds: 2 }, { seconds: 4, turnDegrees: degrees }] });
  assert.deepEqual(turns(90), []);
  assert.equal(turns(125).length, 1);
});

test('one that is known well, and one that was lost, are worth none', () => {
  assert.deepEqual(wished({ speed: 20, fps: 5 }), []);
  assert.deepEqual(wished({ speed: 20 }, 7), []);
});
