import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findNearMissesOfPersons } from '../../src/events/near-miss-person.ts';
import { sameHoweverSeen } from '../support/event-invariance.ts';
import { drive, START, trafficView, type Drive, type FlatScene, type ViewOptions } from '../support/road-tracks.ts';

const found = (options: ViewOptions) => findNearMissesOfPersons(trafficView(options));
const car = (changes: Partial<Drive> = {}) =>
  drive({ trackId: 1, place: [-30, 0], heading: 0, speed: 12, legs: [{ seconds: 4 }], ...changes });
/** Walks across the road, and leaves the way of the car `pet` s before it comes. */
const walker = (pet: number, changes: Partial<Drive> = {}) => {
  const comes = (30 - 2.2 - 0.25) / 12;
  // The edges of the two footprints.
  const left = 0.9 + 0.25;
  return drive({
    trackId: 2,
    class: 'person',
    place: [0, left - 1.4 * (comes - pet)],
    heading: 90,
    speed: 1.4,
    legs: [{ seconds: 4 }],
    ...changes,
  });
};

test('a person who crosses just before a car is a near miss, with its PET', () => {
  const [finding, ...others] = sameHoweverSeen(findNearMissesOfPersons, { tracks: [car(), walker(0.6)] });
  assert.deepEqual(others, []);
  assert.deepEqual(finding?.trackIds, [1, 2]);
  assert.ok(Math.abs(finding.evidence.pet! - 0.6) <= 0.15, `PET ${finding.evidence.pet} s`);
  assert.ok(finding.onset > START + 1000 && finding.onset < START + 3000);
  assert.equal(finding.severity, 'high');
});

test('with more than a second between them, or behind the car, there is none', () => {
  assert.deepEqual(found({ tracks: [car(), walker(1.4)] }), []);
  assert.deepEqual(found({ tracks: [car(), walker(-4)] }), []);
});

test('a person who stands until the car has passed, and then sets off, is no near miss', () => {
  // The rear of the car is past her at 2.9 s.
  const setsOff = (seconds: number) =>
    drive({
      trackId: 2,
      class: 'person',
      place: [0, -1.4],
      heading: 90,
      speed: 0,
      legs: [{ seconds }, { seconds: 0.1, acceleration: 15 }, { seconds: 1.9 }],
    });
  assert.deepEqual(found({ tracks: [car({ legs: [{ seconds: 5 }] }), setsOff(2.9)] }), []);
  assert.equal(found({ tracks: [car({ legs: [{ seconds: 5 }] }), setsOff(2.5)] }).length, 1);
});

test('a car that stops short of a person at the last moment is one, by the time to collision', () => {
  const stops = car({ legs: [{ seconds: 1.2 }, { seconds: 1.5, acceleration: -8 }, { seconds: 1.5 }] });
  const stands = drive({
    trackId: 2,
    class: 'person',
    place: [-1, 0],
    heading: 90,
    speed: 0.1,
    legs: [{ seconds: 4 }],
  });
  const [finding] = sameHoweverSeen(findNearMissesOfPersons, { tracks: [stops, stands] });
  assert.ok(finding!.evidence.ttc! > 0.5 && finding!.evidence.ttc! < 1.5, `TTC ${finding!.evidence.ttc} s`);
  assert.ok(finding!.evidence.neededDecelerationMps2! > 3.4);
});

test('who walks on a sidewalk that cars drive over is not on the carriageway', () => {
  const polygon = [
    [-2, -8],
    [2, -8],
    [2, 8],
    [-2, 8],
  ] as const;
  const scene: FlatScene = { zones: [{ id: 'walk', kind: 'sidewalk', polygon }] };
  assert.deepEqual(found({ tracks: [car(), walker(0.6)], scene }), []);
});

test('a walking pace is no danger, and neither is a rider to the own bicycle', () => {
  assert.deepEqual(found({ tracks: [car({ place: [-5, 0], speed: 1.5 }), walker(0.6)] }), []);
  const legs = [{ seconds: 4 }];
  const bicycle = drive({ trackId: 1, class: 'bicycle', place: [0, 0], heading: 0, speed: 5, legs });
  const rider = drive({ trackId: 2, class: 'person', place: [1.6, 0.2], heading: 0, speed: 5, legs });
  assert.deepEqual(found({ tracks: [bicycle, rider] }), []);
});

test('may be off', () => {
  const thresholds = { 'near-miss-person': { enabled: false } };
  assert.deepEqual(found({ tracks: [car(), walker(0.6)], thresholds }), []);
});

test('a box of nothing that stays for a moment is no person, one that is sure or moves is', () => {
  const brakes = car({ legs: [{ seconds: 1.2 }, { seconds: 1.5, acceleration: -8 }, { seconds: 1.5 }] });
  const before = (confidence: number, speed = 0) =>
    drive({
      trackId: 2,
      class: 'person',
      place: [-1, -4 * speed],
      heading: 90,
      speed,
      legs: [{ seconds: 4 }],
      confidence,
    });
  assert.deepEqual(found({ tracks: [brakes, before(0.6)] }), []);
  assert.equal(found({ tracks: [brakes, before(0.7)] }).length, 1);
  assert.equal(found({ tracks: [brakes, before(0.6, 0.5)] }).length, 1);
});

test('a vehicle whose box may be cut by the edge of the picture is not where its box is', () => {
  const stands = drive({
    trackId: 2,
    class: 'person',
    place: [-1, 0],
    heading: 90,
    speed: 0.1,
    legs: [{ seconds: 4 }],
  });
  const brakes = car({ legs: [{ seconds: 1.2 }, { seconds: 1.5, acceleration: -8 }, { seconds: 1.5 }] });
  const large = (bottom: number) => ({
    ...brakes,
    history: brakes.history.map((point): typeof point => ({ ...point, box: [4_000, bottom - 500, 4_600, bottom] })),
  });
  assert.equal(found({ tracks: [large(9_950), stands] }).length, 1);
  assert.deepEqual(found({ tracks: [large(9_990), stands] }), []);
});
