import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Box, ObjectClass } from '../../src/messages/detection.ts';
import type { Metres, RoadPlane, Scene } from '../../src/scene/scene.types.ts';
import { createRoadTracker } from '../../src/tracking/road-tracker.ts';
import type { TrackedDetection } from '../../src/tracking/tracking.types.ts';
import { flatScene } from '../support/road-tracks.ts';

/** A level camera so many m above the road; the horizon and the middle in px. */
const [FOCAL, HEIGHT, HORIZON, MIDDLE] = [1_000, 6, 100, 640];
const depthOf = (y: number): number => (FOCAL * HEIGHT) / (y - HORIZON);
const PLANE: RoadPlane = {
  calibrated: true,
  version: 1,
  toImage: ([x, y]) => [MIDDLE + (FOCAL * x) / y, HORIZON + (FOCAL * HEIGHT) / y],
  toRoad: ([x, y]) => [((x - MIDDLE) * depthOf(y)) / FOCAL, depthOf(y)],
  metresPerPixel: ([, y]) => ({
    along: depthOf(y) ** 2 / (FOCAL * HEIGHT),
    across: depthOf(y) / FOCAL,
    away: [0, 1],
  }),
};
const SCENE: Scene = { ...flatScene(), plane: PLANE };
const seen = (name: ObjectClass, bbox: Box): TrackedDetection => ({ class: name, confidence: 0.8, bbox });
const BUS = seen('bus', [560, 220, 760, 400]);
const distance = (a: Metres, b: Metres): number => Math.hypot(a[0] - b[0], a[1] - b[1]);
/** Two pictures a second, for 6 s from a moment on. */
const moments = (from: number): number[] => Array.from({ length: 13 }, (_, i) => from + i * 500);

test('one that stands stays where it is while another hides its foot', () => {
  const tracker = createRoadTracker(SCENE);
  for (const at of moments(0)) tracker.update([seen('car', [600, 200, 660, 260])], at);
  const there = tracker.tracks[0]!.history.at(-1)!.place;
  // A third of it is hidden: the end of its box lies 5 m further away.
  for (const at of moments(6_500)) tracker.update([BUS, seen('car', [600, 200, 660, 240])], at);
  const car = tracker.tracks.find(({ class: name }) => name === 'car')!;
  assert.deepEqual([car.bornAt, car.hits], [0, 26]);
  for (const { place } of car.history) assert.ok(distance(place, there) < 0.8, `${distance(place, there)} m`);
});

test('a rider stays one while a bus hides the wheels', () => {
  const tracker = createRoadTracker(SCENE);
  const rider = seen('person', [600, 200, 615, 258]);
  for (const at of moments(0)) tracker.update([seen('bicycle', [590, 225, 625, 262]), rider], at);
  for (const at of [6_500, 12_500].flatMap(moments)) tracker.update([BUS, rider], at);
  const [person] = tracker.tracks.filter(({ kind }) => kind === 'person');
  assert.equal(person?.isRider, true);
  assert.deepEqual([person.history[0]?.isRiding, person.history.at(-1)?.isRiding], [true, null]);
});
