import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CalibrationPair } from '../../src/messages/scene.ts';
import { fitPlane, type Calibration } from '../../src/scene/fit-plane.ts';
import { fitHomography, isFault, project, type CalibrationFault } from '../../src/scene/homography.ts';
import { invert, type Matrix3 } from '../../src/scene/linear-algebra.ts';
import { pinholeMatrix, pinholeUp, type Pinhole } from '../../src/scene/pinhole.ts';
import { Random } from '../support/random.ts';

const PICTURE = { width: 1280, height: 720 };
const CAMERA: Pinhole = { focal: 1000, pitch: 0.28, roll: 0.02, yaw: 2.1, height: 8.5, x: 30, y: -12 };

const PIXELS: readonly [number, number][] = [
  [150, 680],
  [1100, 650],
  [300, 320],
  [900, 260],
  [640, 450],
  [1200, 380],
  [60, 420],
  [520, 240],
];

/** From px to metres by the camera itself. */
function roadOf(camera: Pinhole): Matrix3 {
  const inverse = invert(pinholeMatrix(camera, PICTURE));
  assert.ok(inverse !== null);
  return inverse;
}
function pairsOf(camera: Pinhole, pixels: readonly [number, number][] = PIXELS): CalibrationPair[] {
  const toRoad = roadOf(camera);
  return pixels.map((image) => ({ image, road: project(toRoad, image)! }));
}

function fitted(pairs: readonly CalibrationPair[]): Calibration {
  const fit = fitPlane(pairs, PICTURE);
  assert.ok(!isFault(fit), JSON.stringify(fit));
  return fit;
}
function refusal(pairs: readonly CalibrationPair[]): CalibrationFault {
  const fit = fitPlane(pairs, PICTURE);
  assert.ok(isFault(fit), 'accepted');
  return fit;
}

/** Largest distance between the fitted and the true place of a grid of pixels, as a part of the camera's distance. */
function worstPlace({ toRoad }: Calibration, camera: Pinhole): number {
  const truth = roadOf(camera);
  let worst = 0;
  for (let u = 0; u <= PICTURE.width; u += 80) {
    for (let v = 240; v <= PICTURE.height; v += 40) {
      const [place, found] = [project(truth, [u, v])!, project(toRoad, [u, v])!];
      const away = Math.hypot(place[0] - camera.x, place[1] - camera.y);
      worst = Math.max(worst, Math.hypot(found[0] - place[0], found[1] - place[1]) / away);
    }
  }
  return worst;
}

test('exact pairs give the plane and the camera exactly, four as well as eight', () => {
  for (const count of [4, 5, 8]) {
    const fit = fitted(pairsOf(CAMERA, PIXELS.slice(0, count)));
    assert.ok(worstPlace(fit, CAMERA) < 1e-4, `${count} pairs: ${worstPlace(fit, CAMERA)}`);
    assert.ok(fit.errors.maxPx < 0.01 && fit.errors.maxM < 0.01, JSON.stringify(fit.errors));
    assert.ok(Math.abs(fit.camera!.focal - CAMERA.focal) < 1 && Math.abs(fit.camera!.height - CAMERA.height) < 0.02);
  }
});

test('cameras of many kinds are found again from their pairs', () => {
  const random = new Random(5);
  for (let run = 0; run < 30; run += 1) {
    const camera: Pinhole = {
      focal: random.between(600, 2500),
      pitch: random.between(0.2, 1.1),
      roll: random.between(-0.08, 0.08),
      yaw: random.between(-3, 3),
      height: random.between(3, 25),
      x: random.between(-500, 500),
      y: random.between(-500, 500),
    };
    const horizon = 360 - camera.focal * Math.tan(camera.pitch) + 640 * Math.abs(Math.tan(camera.roll));
    const top = Math.max(0, horizon + 90);
    const pixels = Array.from({ length: 7 }, (): [number, number] => [
      random.between(20, 1260),
      random.between(top, 715),
    ]);
    const fit = fitPlane(pairsOf(camera, pixels), PICTURE);
    if (isFault(fit)) assert.equal(fit.code, 'COLLINEAR', JSON.stringify({ camera, fit }));
    else assert.ok(fit.errors.maxPx < 0.05, JSON.stringify({ camera, errors: fit.errors }));
  }
});

test('errors of the pairs are reported, and disturb the plane less than themselves', () => {
  const random = new Random(7);
  const worst: number[] = [];
  for (let run = 0; run < 20; run += 1) {
    const pairs = pairsOf(CAMERA).map(({ image, road }) => {
      const off = 0.03 * Math.hypot(road[0] - CAMERA.x, road[1] - CAMERA.y);
      const moved: [number, number] = [road[0] + random.between(-off, off), road[1] + random.between(-off, off)];
      return { image, road: moved };
    });
    const fit = fitted(pairs);
    assert.ok(fit.camera !== null && fit.errors.rmsM > 0.05 && fit.errors.pairs.length === 8);
    worst.push(worstPlace(fit, CAMERA));
  }
  worst.sort((a, b) => a - b);
  assert.ok(worst[10]! < 0.09, `median of the worst places ${worst[10]}`);
});

test('a view that no plain camera has is a plane of its pairs alone', () => {
  // Cut from the right half of a wider picture: its axis is far from its middle.
  const pairs = pairsOf(CAMERA).map(({ image: [x, y], road }) => ({ image: [0.3 * x, y] as [number, number], road }));
  const fit = fitted(pairs);
  assert.equal(fit.camera, null);
  assert.ok(fit.errors.maxPx < 0.01);
});

test('heights stand upright in the picture', () => {
  const up = pinholeUp(CAMERA, PICTURE);
  const fit = fitted(pairsOf(CAMERA));
  const scale = fit.up[1] / up[1];
  assert.ok(scale > 0);
  fit.up.forEach((x, i) => assert.ok(Math.abs(x / scale - up[i]!) < 0.01 * Math.hypot(...up)));
});

test('degenerate pairs are refused by name', () => {
  const pairs = pairsOf(CAMERA);
  const moved = (i: number, change: Partial<CalibrationPair>): CalibrationPair[] =>
    pairs.map((pair, k) => (k === i ? { ...pair, ...change } : pair));
  assert.equal(refusal(pairs.slice(0, 3)).code, 'TOO_FEW');
  assert.deepEqual(
    [refusal(moved(3, { image: pairs[1]!.image })).code, refusal(moved(3, { image: pairs[1]!.image })).pair],
    ['REPEATED', 3],
  );
  assert.equal(refusal(moved(2, { road: pairs[0]!.road })).code, 'REPEATED');
  assert.equal(refusal(moved(2, { road: [Number.NaN, 0] })).code, 'NOT_A_PLACE');
  assert.equal(refusal(pairs.map(({ road }, i) => ({ road, image: [i * 100, i * 50] }))).code, 'COLLINEAR');
  assert.equal(refusal(pairs.map(({ image }, i) => ({ image, road: [i, 3 - i] }))).code, 'COLLINEAR');
  assert.equal(refusal(pairs.map(({ image, road: [x, y] }) => ({ image, road: [y, x] }))).code, 'MIRRORED');
});

test('one pair that is far off is named', () => {
  const pairs = pairsOf(CAMERA);
  for (const wrong of pairs.keys()) {
    const [x, y] = pairs[wrong]!.road;
    const away = Math.hypot(x - CAMERA.x, y - CAMERA.y);
    const fault = refusal(pairs.with(wrong, { ...pairs[wrong]!, road: [x + 0.5 * away, y - 0.5 * away] }));
    assert.deepEqual([fault.code, fault.pair], ['BAD_FIT', wrong], fault.message);
  }
});

test('pairs of any kind give a plane with finite numbers or a named fault', () => {
  const random = new Random(11);
  const codes = new Set<string>();
  for (let run = 0; run < 150; run += 1) {
    const grid = run % 3 === 0 ? 1 : 0.001;
    const snap = (x: number): number => Math.round(x / grid / 100) * grid * 100;
    const size = 10 ** random.between(-3, 6);
    const pairs = Array.from({ length: Math.round(random.between(3, 9)) }, (): CalibrationPair => ({
      image: [snap(random.between(0, 1280)), snap(random.between(0, 720))],
      road: [random.between(-size, size), run % 5 === 0 ? 0 : random.between(-size, size)],
    }));
    const fit = fitPlane(pairs, PICTURE);
    if (isFault(fit)) codes.add(fit.code);
    else
      for (const x of [...fit.toImage, ...fit.toRoad, ...fit.up, fit.errors.maxPx, fit.errors.maxM])
        assert.ok(Number.isFinite(x));
    fitHomography(pairs);
  }
  for (const code of ['TOO_FEW', 'REPEATED', 'COLLINEAR', 'HORIZON', 'BAD_FIT'])
    assert.ok(codes.has(code), `${code} in ${[...codes].join()}`);
});
