import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SceneConfig } from '../../src/messages/scene.ts';
import { createAutoScale } from '../../src/scene/auto-scale.ts';
import { project } from '../../src/scene/homography.ts';
import { makeScene, SceneError } from '../../src/scene/make-scene.ts';
import { pinholeMatrix } from '../../src/scene/pinhole.ts';
import type { Metres, Pixel, Scene } from '../../src/scene/scene.types.ts';

const PICTURE = { width: 1280, height: 720 };
const CAMERA = { focal: 1000, pitch: 0.25, roll: 0, yaw: 0, height: 9, x: 0, y: 0 };
const TO_IMAGE = pinholeMatrix(CAMERA, PICTURE);

function pixelOf(place: Metres): [number, number] {
  const pixel = project(TO_IMAGE, place);
  assert.ok(pixel !== null);
  return pixel;
}
const quad = (x1: number, y1: number, x2: number, y2: number): [number, number][] => [
  pixelOf([x1, y1]),
  pixelOf([x2, y1]),
  pixelOf([x2, y2]),
  pixelOf([x1, y2]),
];

const CONFIG: SceneConfig = {
  ...PICTURE,
  calibration: [
    [-6, 20],
    [6, 20],
    [-8, 60],
    [8, 60],
    [1, 35],
  ].map(([x, y]) => ({ image: pixelOf([x!, y!]), road: [x!, y!] })),
  zones: [
    {
      id: 'lane',
      kind: 'lane',
      polygon: quad(-2, 20, 2, 80),
      direction: [pixelOf([0, 70]), pixelOf([0, 30])],
      speedLimitKmh: 50,
    },
    { id: 'school', kind: 'crossing', polygon: quad(-4, 40, 4, 44), speedLimitKmh: 30 },
    // Its upper corners lie above the horizon.
    { id: 'verge', kind: 'shoulder', polygon: [pixelOf([4, 20]), pixelOf([8, 20]), [760, 60], [720, 60]] },
    {
      id: 'sky',
      kind: 'ignore',
      polygon: [
        [0, 0],
        [1280, 0],
        [1280, 60],
        [0, 60],
      ],
    },
  ],
  lines: [{ id: 'gate', points: [pixelOf([-4, 30]), pixelOf([4, 30])] }],
  speedLimitKmh: 70,
};

const sceneOf = (config: SceneConfig | null, picture = PICTURE): Scene =>
  makeScene(config, picture, createAutoScale(picture));

test('a place belongs to the zones around it, of one kind when asked', () => {
  const scene = sceneOf(CONFIG);
  const ids = (place: Metres, kind?: 'lane' | 'crossing'): string[] => scene.zonesAt(place, kind).map(({ id }) => id);
  assert.deepEqual(ids([0, 42]), ['lane', 'school']);
  assert.deepEqual(ids([0, 42], 'crossing'), ['school']);
  assert.deepEqual(ids([3, 60]), []);
  assert.deepEqual(ids([0, -30]), [], 'behind the camera');
});

test('the distance to a zone is in metres', () => {
  const [lane, school, verge] = sceneOf(CONFIG).zones;
  const near = (value: number | null | undefined, expected: number): void =>
    assert.ok(Math.abs(value! - expected) < 0.01, `${value} instead of ${expected}`);
  assert.equal(lane!.distanceTo([1, 50]), 0);
  near(lane!.distanceTo([3.5, 50]), 1.5);
  near(school!.distanceTo([7, 48]), 5);
  near(verge!.distanceTo([3, 20]), 1);
  assert.equal(lane!.distanceTo([0, -50]), null);
});

test('the lane with the lowest limit counts, and the scene where no zone has one', () => {
  const scene = sceneOf(CONFIG);
  assert.equal(scene.limitKmhAt([0, 50]), 50);
  assert.equal(scene.limitKmhAt([0, 42]), 30);
  assert.equal(scene.limitKmhAt([6, 30]), 70);
});

test('a direction is a unit vector on the road', () => {
  const [lane, school] = sceneOf(CONFIG).zones;
  assert.ok(Math.hypot(lane!.direction![0], lane!.direction![1] + 1) < 1e-3);
  assert.equal(school!.direction, null);
});

test('pixels in an ignore zone are ignored, and others not', () => {
  const scene = sceneOf(CONFIG);
  assert.equal(scene.ignores([640, 30]), true);
  assert.equal(scene.ignores([640, 90]), false);
});

test('a camera with another picture sees the same places', () => {
  const [drawn, seen] = [sceneOf(CONFIG), sceneOf(CONFIG, { width: 640, height: 360 })];
  const pixel: Pixel = [700, 400];
  const [a, b] = [drawn.plane.toRoad(pixel)!, seen.plane.toRoad([350, 200])!];
  assert.ok(Math.hypot(a[0] - b[0], a[1] - b[1]) < 0.01);
  assert.deepEqual(
    seen.zonesAt([0, 42]).map(({ id }) => id),
    ['lane', 'school'],
  );
  assert.deepEqual(
    seen.lines[0]!.points[0],
    CONFIG.lines[0]!.points[0].map((x) => x / 2),
  );
});

test('a camera with a picture of another shape has the plane that was checked', () => {
  const four = { ...CONFIG, calibration: CONFIG.calibration!.slice(0, 4) };
  const [drawn, seen] = [sceneOf(four), sceneOf(four, { width: 704, height: 576 })];
  const [a, b] = [drawn.plane.toRoad([700, 400])!, seen.plane.toRoad([700 * (704 / 1280), 400 * (576 / 720)])!];
  assert.ok(Math.hypot(a[0] - b[0], a[1] - b[1]) < 1e-6);
});

test('above the horizon there is no road', () => {
  const { plane } = sceneOf(CONFIG);
  const horizon = 360 - CAMERA.focal * Math.tan(CAMERA.pitch);
  assert.equal(plane.toRoad([640, horizon - 1]), null);
  assert.equal(plane.metresPerPixel([640, horizon - 1]), null);
  assert.ok(plane.toRoad([640, horizon + 5])![1] > 500);
});

test('a pixel far away covers more of the road, most along the way from the camera', () => {
  const { plane } = sceneOf(CONFIG);
  for (const place of [
    [0, 30],
    [10, 60],
    [-5, 20],
    [0, 150],
  ] as const) {
    const pixel = pixelOf(place);
    const { along, across, away } = plane.metresPerPixel(pixel)!;
    const from = Math.hypot(...place);
    assert.ok(away[0] * (place[0] / from) + away[1] * (place[1] / from) > 0.99, `away at ${place.join()}`);
    const depth = (from * from + CAMERA.height ** 2) / (CAMERA.focal * CAMERA.height);
    assert.ok(Math.abs(along / depth - 1) < 0.1, `along ${along}, ${depth}`);
    assert.ok(Math.abs(across / (Math.hypot(from, CAMERA.height) / CAMERA.focal) - 1) < 0.1, `across ${across}`);
  }
});

test('a plane has another version only when it differs', () => {
  const [a, b] = [sceneOf(CONFIG), sceneOf({ ...CONFIG, zones: [] })];
  const moved = CONFIG.calibration!.map((pair) => ({
    ...pair,
    road: [pair.road[0] * 1.1, pair.road[1] * 1.1] as [number, number],
  }));
  assert.equal(a.plane.version, b.plane.version);
  assert.notEqual(a.plane.version, sceneOf({ ...CONFIG, calibration: moved }).plane.version);
  assert.equal(a.plane.calibrated, true);
  assert.equal(sceneOf(null).plane.calibrated, false);
});

test('a calibration that determines no plane is refused by its code', () => {
  const calibration = CONFIG.calibration!.map(({ image }, i) => ({ image, road: [i, 2 * i] as [number, number] }));
  assert.throws(
    () => sceneOf({ ...CONFIG, calibration }),
    (error) => error instanceof SceneError && error.code === 'COLLINEAR',
  );
});

test('zones found by squares of the picture are those that contain the pixel', () => {
  const scene = sceneOf(CONFIG);
  for (let u = -40; u <= 1320; u += 13) {
    for (let v = -40; v <= 760; v += 13) {
      const place = scene.plane.toRoad([u, v]);
      assert.equal(scene.ignores([u, v]), scene.zones[3]!.contains([u, v]));
      if (place === null) continue;
      const pixel = scene.plane.toImage(place)!;
      const containing = scene.zones.filter((zone) => zone.contains(pixel));
      assert.deepEqual(scene.zonesAt(place), containing);
      assert.deepEqual(
        scene.zonesAt(place, 'lane'),
        containing.filter(({ kind }) => kind === 'lane'),
      );
    }
  }
});
