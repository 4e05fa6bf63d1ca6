import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventThresholds } from '../../src/messages/event-thresholds.ts';
import { SceneConfig } from '../../src/messages/scene.ts';
import { fitPlane } from '../../src/scene/fit-plane.ts';
import { isFault, project } from '../../src/scene/homography.ts';
import { metreGrid } from '../../web/src/views/camera/scene-grid.ts';
import { withThreshold } from '../../web/src/views/camera/scene-parts.ts';
import { checked, isAbout, messageAbout, problemOf } from '../../web/src/views/camera/scene-problems.ts';
import { THRESHOLDS } from '../../web/src/picture/thresholds.ts';
import { BOW_TIE, SCENE } from '../support/http-samples.ts';

const scene = SceneConfig.parse(SCENE);
const calibration = scene.calibration ?? [];

test('a valid scene has no problem, a report and a plane', () => {
  const { problems, report, plane } = checked(scene);
  assert.deepEqual(problems, []);
  assert.ok(report !== null && report.rmsPx < 1);
  assert.ok(plane !== null);
});

test("problems have the API's fields and words", () => {
  const [zone] = scene.zones;
  assert.ok(zone);
  const bowTie = { ...zone, id: 'bad name', polygon: BOW_TIE as [number, number][] };
  const typed = checked({ ...scene, zones: [bowTie] });
  assert.deepEqual(typed.problems, [
    { field: 'zones[0].id', message: 'must be 1 to 64 characters of A-Z a-z 0-9 _ . : -' },
  ]);
  const shaped = checked({ ...scene, zones: [{ ...bowTie, id: 'a' }] });
  assert.match(messageAbout(shaped.problems, 'zones[0]'), /crosses or touches itself/u);
  assert.equal(shaped.problems[0]?.field, 'zones[0].polygon');
});

test('a point without its place on the road is named, and the grid waits', () => {
  const open = checked({ ...scene, calibration: calibration.map((pair) => ({ ...pair, road: [Number.NaN, 0] })) });
  assert.equal(messageAbout(open.problems, 'calibration[3].road'), 'must be a number');
  assert.equal(open.plane, null);
});

test('the plane is known whatever else is wrong', () => {
  const { problems, plane } = checked({ ...scene, speedLimitKmh: 1_000 });
  assert.equal(messageAbout(problems, 'speedLimitKmh'), 'must be at most 300');
  assert.ok(plane !== null);
});

test("a refusal of the API is a problem of the scene's own field", () => {
  const error = { field: 'scene.zones[0].polygon', message: 'scene.zones[0].polygon: is odd' };
  assert.deepEqual(problemOf(error), { field: 'zones[0].polygon', message: 'is odd' });
  assert.equal(problemOf({ field: null, message: 'x' }), null);
  assert.equal(isAbout({ field: 'zones[10].id', message: '' }, 'zones[1]'), false);
});

test('the grid lies on whole metres, in front of the camera, with a bounded number of lines', () => {
  const plane = fitPlane(calibration, scene);
  assert.ok(!isFault(plane));
  const { step, lines } = metreGrid(plane, calibration);
  assert.equal(step, 2, 'for a road of 40 m');
  assert.ok(lines.length > 10 && lines.length <= 48);
  for (const { from, axis, metres } of lines) {
    const place = project(plane.toRoad, from);
    assert.ok(place !== null);
    assert.ok(Math.abs(place[axis === 'x' ? 0 : 1] - metres) < 1e-6);
    assert.equal(Math.abs(metres % step), 0);
  }
});

test('every threshold of the API has a field with its default', () => {
  for (const { kind, fields } of THRESHOLDS) {
    const defaults = Object.entries(EventThresholds.shape[kind].parse({})).filter(([name]) => name !== 'enabled');
    assert.deepEqual(
      fields.map((field) => [field.name, field.default]),
      defaults,
    );
  }
  const changed = withThreshold(scene, 'queue', 'minVehicles', 2.5);
  assert.equal(messageAbout(checked(changed).problems, 'thresholds.queue.minVehicles'), 'must be a whole number');
  assert.deepEqual(withThreshold(changed, 'queue', 'minVehicles', undefined).thresholds, {});
});
