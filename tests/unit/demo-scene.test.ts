import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../src/app/config.ts';
import { DEMO_SCENE } from '../../src/app/demo-scene.ts';
import { startDemo } from '../../src/app/demo.ts';
import { createLog } from '../../src/infra/log.ts';
import { SceneConfig } from '../../src/messages/scene.ts';
import { createAutoScale } from '../../src/scene/auto-scale.ts';
import { checkScene } from '../../src/scene/check-scene.ts';
import { makeScene } from '../../src/scene/make-scene.ts';
import type { Metres, Pixel } from '../../src/scene/scene.types.ts';

const PICTURE = { width: DEMO_SCENE.width, height: DEMO_SCENE.height };
const scene = makeScene(DEMO_SCENE, PICTURE, createAutoScale(PICTURE));

function roadAt(pixel: Pixel): Metres {
  const place = scene.plane.toRoad(pixel);
  assert.ok(place !== null, `${pixel.join(',')} lies above the horizon`);
  return place;
}

test("the demo's scene is one that an operator could set", () => {
  assert.deepEqual(SceneConfig.parse(DEMO_SCENE), DEMO_SCENE);
  const { issues, calibration } = checkScene(DEMO_SCENE);
  assert.deepEqual(issues, []);
  assert.ok(calibration !== null && calibration.maxPx < 1.5, `off by ${calibration?.maxPx} px`);
});

test("people and the parked van have their sizes in the demo's metres", () => {
  // Feet and heights of boxes as the detector finds them: medians of some hundred people, px.
  const people: readonly [foot: Pixel, height: number][] = [
    [[685, 151], 53.5],
    [[286, 228], 67.7],
    [[473, 263], 80.2],
    [[656, 304], 90.6],
    [[542, 368], 107.3],
  ];
  for (const [foot, height] of people) {
    const head = scene.plane.toImage(roadAt(foot), 1.7);
    assert.ok(head !== null);
    const drawn = foot[1] - head[1];
    assert.ok(Math.abs(drawn / height - 1) < 0.06, `1.7 m at ${foot.join(',')} is ${drawn} px, not ${height}`);
  }
  const [left, right] = [roadAt([658.9, 98.2]), roadAt([697.9, 100.2])];
  const track = Math.hypot(right[0] - left[0], right[1] - left[1]);
  assert.ok(Math.abs(track - 1.7) < 0.15, `the track of the van is ${track} m`);
});

test('places of the demo picture are in the zones that one sees', () => {
  const idsAt = (pixel: Pixel): string[] => scene.zonesAt(roadAt(pixel)).map(({ id }) => id);
  assert.deepEqual(idsAt([500, 270]), ['junction']);
  assert.deepEqual(idsAt([100, 245]), ['west-out']);
  assert.deepEqual(idsAt([735, 150]), ['north-in']);
  assert.deepEqual(idsAt([640, 145]), ['north-out', 'yellow-lines-north']);
  assert.deepEqual(idsAt([200, 450]), [], 'the lawn');
});

test("a camera of the operator's own has no scene of the demo's", async () => {
  const config = readConfig(['--source', 'rtsp://127.0.0.1:1/x'], {});
  assert.ok(config !== 'help');
  const { cameras } = await startDemo(config, 'ffmpeg', createLog('silent'));
  assert.deepEqual(
    cameras.map(({ cameraId, scene: given }) => [cameraId, given]),
    [['demo', undefined]],
  );
});
