import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAutoScale } from '../../src/scene/auto-scale.ts';
import { BoxSample } from '../../src/scene/box-sample.ts';
import { boxOf } from '../../src/scene/cuboid.ts';
import { footprintOf } from '../../src/scene/footprint.ts';
import { invert } from '../../src/scene/linear-algebra.ts';
import { makeScene } from '../../src/scene/make-scene.ts';
import { pinholeMatrix, pinholeUp, type Pinhole } from '../../src/scene/pinhole.ts';
import { makeRoadPlane } from '../../src/scene/road-plane.ts';
import type { RoadPlane, SeenBox } from '../../src/scene/scene.types.ts';
import { SIZES } from '../../src/scene/sizes.ts';
import { Random } from '../support/random.ts';

const PICTURE = { width: 1280, height: 720 };
const CAMERA: Pinhole = { focal: 1100, pitch: 0.3, roll: 0, yaw: 0, height: 10, x: 0, y: 0 };

function planeOf(camera: Pinhole): RoadPlane {
  const toImage = pinholeMatrix(camera, PICTURE);
  const up = pinholeUp(camera, PICTURE);
  return makeRoadPlane({ toImage, toRoad: invert(toImage)!, up }, { calibrated: true });
}

/** A frame with one car and one person, of sizes and boxes a little off, and a box of nothing every now and then. */
function frame(plane: RoadPlane, random: Random): SeenBox[] {
  const seen = (name: 'car' | 'person'): SeenBox => {
    const size = SIZES[name];
    const scale = random.between(0.93, 1.07);
    const place = [random.between(-10, 10), random.between(18, 60)] as const;
    const turned = footprintOf(place, random.between(0, 7), { length: size.length * scale, width: size.width * scale });
    const [left, top, right, bottom] = boxOf(plane, turned, size.height * scale)!;
    const off = (): number => random.between(-0.04, 0.04) * (bottom - top);
    return { class: name, confidence: 0.8, bbox: [left + off(), top + off(), right + off(), bottom + off()] };
  };
  const nothing: SeenBox = { class: 'car', confidence: 0.6, bbox: [20, 600, 60, 640] };
  return [seen('car'), seen('person'), ...(random.between(0, 1) < 0.1 ? [nothing] : [])];
}

test('the sizes of cars and people give the scale of the road, whatever the camera', () => {
  for (const camera of [
    CAMERA,
    { ...CAMERA, height: 5, pitch: 0.2, focal: 900 },
    { ...CAMERA, height: 14, pitch: 0.45 },
  ]) {
    const [plane, random, auto] = [planeOf(camera), new Random(1), createAutoScale(PICTURE)];
    for (let i = 0; i < 120; i += 1) auto.learn(frame(plane, random));
    const found = makeRoadPlane(auto.estimate.matrices, { calibrated: false });
    for (const place of [
      [-5, 22],
      [0, 35],
      [6, 50],
    ] as const) {
      const pixel = plane.toImage(place)!;
      const [expected, got] = [plane.metresPerPixel(pixel)!, found.metresPerPixel(pixel)!];
      assert.ok(Math.abs(Math.log(got.across / expected.across)) < 0.1, `across ${got.across} ${expected.across}`);
      assert.ok(Math.abs(Math.log(got.along / expected.along)) < 0.25, `along ${got.along} ${expected.along}`);
    }
    assert.ok(auto.estimate.relativeError < 0.15, `${auto.estimate.relativeError}`);
  }
});

test('the estimate changes only by much, and ever less often', () => {
  const [plane, random, auto] = [planeOf(CAMERA), new Random(2), createAutoScale(PICTURE)];
  const before = auto.estimate;
  assert.equal(before.version, 1);
  const changes = Array.from({ length: 400 }, () => auto.learn(frame(plane, random)));
  const count = changes.filter(Boolean).length;
  assert.ok(count >= 1 && count <= 6, `${count} changes`);
  assert.equal(auto.estimate.version, 1 + count);
  assert.ok(!changes.slice(200).includes(true), 'a change late');
  assert.ok(auto.estimate.relativeError < before.relativeError);
});

test('without cars and people there is nothing to learn from', () => {
  const auto = createAutoScale(PICTURE);
  for (let i = 0; i < 100; i += 1) {
    const x = 20 + i * 10;
    assert.equal(auto.learn([{ class: 'truck', confidence: 0.9, bbox: [x, 300, x + 80, 380] }]), false);
    assert.equal(auto.learn([]), false);
  }
  assert.equal(auto.estimate.version, 1);
  assert.ok(auto.estimate.relativeError >= 0.5);
});

test('boxes of any kind never give a scale that is no number', () => {
  const [random, auto] = [new Random(3), createAutoScale(PICTURE)];
  for (let i = 0; i < 100; i += 1) {
    const [x, y] = [random.between(0, 1200), random.between(0, 650)];
    const bbox: SeenBox['bbox'] = [x, y, x + random.between(1, 600), y + random.between(1, 400)];
    auto.learn([
      {
        class: i % 2 === 0 ? 'car' : 'person',
        confidence: 1,
        bbox,
        velocity: [random.between(-99, 99), random.between(-99, 99)],
      },
    ]);
    for (const value of [...auto.estimate.matrices.toImage, ...auto.estimate.matrices.toRoad])
      assert.ok(Number.isFinite(value));
    assert.ok(auto.estimate.relativeError > 0);
  }
});

test('only whole boxes are kept, each place once, and a bounded number', () => {
  const sample = new BoxSample(PICTURE);
  const car = (x: number, y: number, change: Partial<SeenBox> = {}): SeenBox => ({
    class: 'car',
    confidence: 0.9,
    bbox: [x, y, x + 60, y + 50],
    ...change,
  });
  assert.equal(sample.add([car(100, 100)]), 1);
  assert.equal(sample.add([car(103, 101)]), 0, 'it stands still');
  assert.equal(sample.add([car(0, 200)]), 0, 'cut by the edge');
  assert.equal(sample.add([car(300, 300, { confidence: 0.3 })]), 0, 'unsure');
  assert.equal(sample.add([car(400, 400, { class: 'bus' })]), 0, 'sizes differ');
  assert.equal(sample.add([car(500, 300), car(520, 320)]), 1, 'the one behind is covered');
  assert.equal(sample.add([car(500, 500, { bbox: [500, 500, 510, 510] })]), 0, 'small');
  const random = new Random(4);
  for (let i = 0; i < 3000; i += 1) sample.add([car(random.between(10, 1200), random.between(10, 660))]);
  assert.ok(sample.boxes.length > 60 && sample.boxes.length <= 160, `${sample.boxes.length} kept`);
});

test('a scene without calibration learns, and one with it does not', () => {
  const [plane, random, auto] = [planeOf(CAMERA), new Random(5), createAutoScale(PICTURE)];
  let scene = makeScene(null, PICTURE, auto);
  let scenes = 1;
  for (let i = 0; i < 60; i += 1) {
    const better = scene.learn(frame(plane, random));
    if (better === null) continue;
    assert.notEqual(better.plane.version, scene.plane.version);
    scene = better;
    scenes += 1;
  }
  assert.ok(scenes > 1 && !scene.plane.calibrated);
  const calibration = [
    [-5, 20],
    [5, 20],
    [-9, 50],
    [9, 50],
  ].map(([x, y]) => ({ image: [...plane.toImage([x!, y!])!] as [number, number], road: [x!, y!] as [number, number] }));
  const known = makeScene({ ...PICTURE, calibration, zones: [], lines: [] }, PICTURE, createAutoScale(PICTURE));
  for (let i = 0; i < 60; i += 1) assert.equal(known.learn(frame(plane, random)), null);
});

test('the box of a road user reaches from the ground to its top', () => {
  const plane = planeOf(CAMERA);
  const person = footprintOf([0, 30], 0, SIZES.person);
  const [left, top, right, bottom] = boxOf(plane, person, 1.7)!;
  const [foot, head] = [plane.toImage([0, 30])!, plane.toImage([0, 30], 1.7)!];
  assert.ok(Math.abs(bottom - foot[1]) < 4 && Math.abs(top - head[1]) < 4, `${top} to ${bottom}`);
  assert.ok(left < foot[0] && right > foot[0]);
  assert.equal(boxOf(plane, footprintOf([0, -20], 0, SIZES.car), 1.5), null);
});
