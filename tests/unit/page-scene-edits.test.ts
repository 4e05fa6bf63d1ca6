import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SceneConfig } from '../../src/messages/scene.ts';
import {
  bodyOf,
  edited,
  isChanged,
  MOST_STEPS,
  redone,
  savedAs,
  type SceneEdits,
  selecting,
  startedWith,
  undone,
} from '../../web/src/views/camera/scene-edits.ts';
import {
  freeId,
  handlesOf,
  resized,
  withArrow,
  withCornerAfter,
  withKind,
  withNewLine,
  withNewPair,
  withNewZone,
  withoutHandle,
  withoutPart,
  withPoint,
  withSceneLimit,
  withThreshold,
  withTurnedArrow,
} from '../../web/src/views/camera/scene-parts.ts';

const EMPTY: SceneConfig = { width: 1_280, height: 720, zones: [], lines: [] };
const SQUARE = withNewZone(EMPTY, 'lane', [
  [100, 100],
  [200, 100],
  [200, 300],
  [100, 300],
]);
const CORNER = { part: { list: 'zones', index: 0 }, of: 'corner', index: 1 } as const;
const start = (scene = SQUARE, saved: SceneConfig | null = null): SceneEdits => startedWith(scene, saved);

test('undo and redo go through the changes, and a new change ends redo', () => {
  const one = edited(start(), withPoint(SQUARE, CORNER, [250, 100]));
  const two = edited(one, withoutPart(one.scene, CORNER.part));
  assert.equal(two.scene.zones.length, 0);
  const back = undone(undone(two));
  assert.deepEqual(back.scene, SQUARE);
  assert.deepEqual(undone(back), back, 'there is nothing more to undo');
  assert.deepEqual(redone(redone(back)).scene, two.scene);
  const other = edited(undone(two), SQUARE);
  assert.equal(other.future.length, 0);
  assert.deepEqual(redone(other), other);
});

test('the changes of a gesture are one step, and those of the next one another', () => {
  let edits = start();
  for (const x of [210, 220, 230]) edits = edited(edits, withPoint(edits.scene, CORNER, [x, 100]), 'drag 1');
  for (const x of [240, 250]) edits = edited(edits, withPoint(edits.scene, CORNER, [x, 100]), 'drag 2');
  assert.equal(edits.past.length, 2);
  assert.deepEqual(undone(edits).scene.zones[0]?.polygon[1], [230, 100]);
  assert.deepEqual(undone(undone(edits)).scene, SQUARE);
  assert.equal(edited(edits, edits.scene), edits, 'no change is no step');
});

test('steps that can be undone are bounded', () => {
  let edits = start();
  for (let x = 0; x < MOST_STEPS + 10; x += 1) edits = edited(edits, withPoint(edits.scene, CORNER, [300 + x, 100]));
  assert.equal(edits.past.length, MOST_STEPS);
});

test('a selection ends with its part', () => {
  const edits = selecting(start(), { list: 'zones', index: 0 });
  assert.deepEqual(edits.selected, { list: 'zones', index: 0 });
  assert.equal(edited(edits, withoutPart(SQUARE, { list: 'zones', index: 0 })).selected, null);
  assert.equal(selecting(start(), { list: 'calibration', index: 0 }).selected, null);
});

test('a scene is changed until the server has it; an empty one is the same as none', () => {
  assert.equal(isChanged(start(EMPTY)), false);
  assert.equal(isChanged(start()), true);
  assert.equal(isChanged(savedAs(start(), bodyOf(SQUARE))), false);
  assert.equal(isChanged(start(withThreshold(EMPTY, 'queue', 'enabled', false))), true);
  assert.equal(isChanged(savedAs(start(), null)), true);
});

test('parts that say nothing are not sent', () => {
  const scene = { ...withThreshold(EMPTY, 'queue', 'minSeconds', undefined), calibration: [] };
  assert.deepEqual(bodyOf(scene), EMPTY);
  const kept = withSceneLimit(withThreshold(EMPTY, 'queue', 'minSeconds', 20), 50);
  assert.deepEqual(bodyOf(kept), { ...EMPTY, speedLimitKmh: 50, thresholds: { queue: { minSeconds: 20 } } });
  assert.deepEqual(bodyOf(withSceneLimit(kept, undefined)).speedLimitKmh, undefined);
});

test('a point stays within the picture, to a tenth of a px', () => {
  assert.deepEqual(withPoint(SQUARE, CORNER, [2_000, -5]).zones[0]?.polygon[1], [1_280, 0]);
  assert.deepEqual(withPoint(SQUARE, CORNER, [10.123, 20.06]).zones[0]?.polygon[1], [10.1, 20.1]);
});

test('corners are added half-way and removed down to three', () => {
  const more = withCornerAfter(SQUARE, { ...CORNER, index: 3 });
  assert.deepEqual(more.zones[0]?.polygon[4], [100, 200]);
  const three = withoutHandle(SQUARE, CORNER);
  assert.equal(three.zones[0]?.polygon.length, 3);
  assert.equal(withoutHandle(three, CORNER), three);
});

test('a lane has an arrow, which another kind loses', () => {
  const arrowed = withArrow(SQUARE, 0);
  assert.deepEqual(arrowed.zones[0]?.direction, [
    [150, 250],
    [150, 150],
  ]);
  assert.equal(handlesOf(arrowed, CORNER.part).length, 6);
  const turned = withTurnedArrow(arrowed, 0);
  assert.deepEqual(turned.zones[0]?.direction?.[0], [150, 150]);
  const moved = withPoint(arrowed, { ...CORNER, of: 'direction', index: 1 }, [160, 140]);
  assert.deepEqual(moved.zones[0]?.direction?.[1], [160, 140]);
  assert.equal(withKind(arrowed, 0, 'crossing').zones[0]?.direction, undefined);
  assert.deepEqual(withKind(arrowed, 0, 'shoulder').zones[0]?.direction, arrowed.zones[0]?.direction);
  assert.equal(withoutHandle(arrowed, { ...CORNER, of: 'direction' }).zones[0]?.direction, undefined);
});

test('lines and calibration points are removed as a whole', () => {
  const line = withNewLine(EMPTY, [
    [0, 0],
    [10, 10],
  ]);
  assert.equal(withoutHandle(line, { part: { list: 'lines', index: 0 }, of: 'corner', index: 1 }).lines.length, 0);
  const pair = withNewPair(EMPTY, [5, 5]);
  assert.ok(Number.isNaN(pair.calibration?.[0]?.road[0]), 'its place on the road is still to be given');
  const none = withoutHandle(pair, { part: { list: 'calibration', index: 0 }, of: 'corner', index: 0 });
  assert.equal(none.calibration?.length, 0);
});

test('names of zones and lines differ', () => {
  assert.equal(freeId(SQUARE, 'lane'), 'lane-2');
  assert.equal(freeId(SQUARE, 'line'), 'line-1');
});

test('points move with the size of the picture', () => {
  const scene = resized(withArrow(SQUARE, 0), 640, 360);
  assert.deepEqual(scene.zones[0]?.polygon[2], [100, 150]);
  assert.deepEqual(scene.zones[0]?.direction?.[0], [75, 125]);
});
