import assert from 'node:assert/strict';
import { test } from 'node:test';
import { displaySize, fitted, inside, isPlausible, planCut } from '../../src/decoding/picture-geometry.ts';
import { Random } from '../support/random.ts';

const size = (width: number, height: number) => ({ width, height });
const aspect = (num: number, den: number) => ({ num, den });

test('the picture as shown keeps its height and has square pixels', () => {
  assert.deepEqual(displaySize(size(704, 576), aspect(16, 11)), size(1_024, 576));
  assert.deepEqual(displaySize(size(960, 1_080), aspect(2, 1)), size(1_920, 1_080));
  assert.deepEqual(displaySize(size(1_280, 720), aspect(1, 1)), size(1_280, 720));
});

test('an unknown or absurd shape of pixels counts as square', () => {
  for (const odd of [aspect(0, 1), aspect(1, 0), aspect(-1, 1), aspect(9, 1), aspect(1, 9), aspect(0, 0)])
    assert.deepEqual(displaySize(size(640, 360), odd), size(640, 360));
  assert.deepEqual(displaySize(size(8_000, 360), aspect(2, 1)), size(8_000, 360), 'wider than 8192 px');
  assert.deepEqual(displaySize(size(24, 360), aspect(1, 8)), size(24, 360), 'narrower than 16 px');
});

test('sizes that no camera sends are refused', () => {
  assert.ok(isPlausible(size(8_192, 4_608)));
  assert.ok(isPlausible(size(16, 16)));
  for (const odd of [size(8_192, 4_610), size(8_200, 100), size(15, 100), size(0, 0)]) assert.ok(!isPlausible(odd));
});

test('a picture is scaled down to fit, keeps its shape, and is never scaled up', () => {
  assert.deepEqual(fitted(size(1_280, 720), size(448, 256)), size(448, 252));
  assert.deepEqual(fitted(size(720, 1_280), size(448, 256)), size(144, 256));
  assert.deepEqual(fitted(size(320, 180), size(448, 256)), size(320, 180));
  assert.deepEqual(fitted(size(8_192, 16), size(100, 100)), size(100, 1));
});

test('a cut is held to the picture', () => {
  const display = size(100, 50);
  assert.deepEqual(inside({ left: -5, top: 40, width: 20, height: 20, maxSide: 9 }, display), {
    ...size(15, 10),
    left: 0,
    top: 40,
    maxSide: 9,
  });
  assert.equal(inside({ left: 100, top: 0, width: 5, height: 5, maxSide: 9 }, display), null);
  assert.equal(inside({ left: 0, top: 0, width: Number.NaN, height: 5, maxSide: 9 }, display), null);
});

test('any cut takes whole pairs of samples inside the picture, and crops inside of what it scales', () => {
  const random = new Random(3);
  for (let round = 0; round < 3_000; round += 1) {
    const coded = size(16 + random.below(500), 16 + random.below(500));
    const display = displaySize(coded, aspect(1 + random.below(4), 1 + random.below(4)));
    const [left, top] = [random.below(display.width), random.below(display.height)];
    const width = 1 + random.below(display.width - left);
    const height = 1 + random.below(display.height - top);
    const maxSide = 1 + random.below(600);
    const { region, scaled, crop } = planCut({ left, top, width, height, maxSide }, display, coded);
    const shown = JSON.stringify({ coded, display, left, top, width, height, maxSide, region, scaled, crop });
    assert.ok(region.left % 2 === 0 && region.top % 2 === 0 && region.width >= 1 && region.height >= 1, shown);
    assert.ok(region.left + region.width <= coded.width && region.top + region.height <= coded.height, shown);
    assert.ok(crop.left + crop.width <= scaled.width && crop.top + crop.height <= scaled.height, shown);
    assert.deepEqual(
      [crop.width, crop.height],
      Object.values(fitted(size(width, height), size(maxSide, maxSide))),
      shown,
    );
  }
});
