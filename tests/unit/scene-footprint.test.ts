import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  contactOf,
  corners,
  footprintOf,
  gap,
  overlaps,
  pointGap,
  support,
  timeToCollision,
  type Footprint,
} from '../../src/scene/footprint.ts';
import { contains, segmentsMeet } from '../../src/scene/polygon.ts';
import type { Metres } from '../../src/scene/scene.types.ts';
import { Random } from '../support/random.ts';

const CAR = { length: 4, width: 2 };

const randomFootprint = (random: Random): Footprint =>
  footprintOf([random.between(-15, 15), random.between(-15, 15)], random.between(-4, 4), {
    length: random.between(0.4, 12),
    width: random.between(0.4, 3),
  });

const moved = (footprint: Footprint, [vx, vy]: Metres, seconds: number): Footprint => ({
  ...footprint,
  place: [footprint.place[0] + vx * seconds, footprint.place[1] + vy * seconds],
});

/** By other means: a corner within the other, or two sides that cross. */
function meet(a: Footprint, b: Footprint): boolean {
  const [p, q] = [corners(a), corners(b)];
  if (p.some((x) => contains(q, x)) || q.some((x) => contains(p, x))) return true;
  return p.some((x, i) => q.some((y, j) => segmentsMeet(x, p[(i + 1) % 4]!, y, q[(j + 1) % 4]!)));
}

test('a car that follows another reaches it after the gap at their difference of speed', () => {
  const [front, behind] = [footprintOf([20, 0], 0, CAR), footprintOf([0, 0], 0, CAR)];
  assert.equal(gap(front, behind), 16);
  assert.ok(Math.abs(timeToCollision(behind, [10, 0], front, [2, 0])! - 2) < 1e-9);
  assert.equal(timeToCollision(behind, [2, 0], front, [10, 0]), null);
  assert.equal(timeToCollision(behind, [5, 0], front, [5, 0]), null, 'at one speed');
});

test('cars side by side in their lanes never meet, and touching is no overlap', () => {
  const [one, other] = [footprintOf([0, 0], 0, CAR), footprintOf([30, 2], Math.PI, CAR)];
  assert.equal(timeToCollision(one, [15, 0], other, [-15, 0]), null);
  assert.ok(timeToCollision(one, [15, 0], { ...other, place: [30, 1.9] }, [-15, 0]) !== null);
});

test('two that overlap are in collision now', () => {
  const [one, other] = [footprintOf([0, 0], 0, CAR), footprintOf([1, 1], 1, CAR)];
  assert.equal(gap(one, other), 0);
  assert.equal(timeToCollision(one, [0, 0], other, [0, 0]), 0);
  assert.deepEqual(contactOf(one, [3, 0], other, [3, 0]), { from: -Infinity, to: Infinity });
});

test('a footprint reaches as far along a direction as its farthest corner', () => {
  const random = new Random(1);
  for (let run = 0; run < 200; run += 1) {
    const [footprint, angle] = [randomFootprint(random), random.between(-4, 4)];
    const direction: Metres = [Math.cos(angle), Math.sin(angle)];
    const farthest = Math.max(
      ...corners(footprint).map(
        ([x, y]) => (x - footprint.place[0]) * direction[0] + (y - footprint.place[1]) * direction[1],
      ),
    );
    assert.ok(Math.abs(support(footprint, direction) - farthest) < 1e-9);
  }
});

test('overlap and gap are those of the outlines', () => {
  const random = new Random(2);
  let together = 0;
  for (let run = 0; run < 600; run += 1) {
    const [a, b] = [randomFootprint(random), randomFootprint(random)];
    assert.equal(overlaps(a, b), meet(a, b), JSON.stringify([a, b]));
    assert.ok(Math.abs(gap(a, b) - gap(b, a)) < 1e-9);
    if (overlaps(a, b)) together += 1;
    // No nearer than any point of the outlines, and nearly as near as the nearest.
    const outline = corners(a).flatMap((from, i, all) => {
      const to = all[(i + 1) % 4]!;
      return Array.from({ length: 40 }, (_, k): Metres => [
        from[0] + ((to[0] - from[0]) * k) / 40,
        from[1] + ((to[1] - from[1]) * k) / 40,
      ]);
    });
    const sampled = Math.min(...outline.map((point) => pointGap(b, point)));
    assert.ok(gap(a, b) <= sampled + 1e-9 && (overlaps(a, b) || gap(a, b) > sampled - 0.31), `${gap(a, b)} ${sampled}`);
  }
  assert.ok(together > 15, `${together} pairs overlap`);
});

test('the time to collision is that of a simulation in small steps', () => {
  const random = new Random(3);
  const step = 0.01;
  let hits = 0;
  for (let run = 0; run < 150; run += 1) {
    const [a, b] = [randomFootprint(random), randomFootprint(random)];
    const [va, vb]: Metres[] = [
      [random.between(-12, 12), random.between(-12, 12)],
      [random.between(-12, 12), random.between(-12, 12)],
    ];
    let first: number | null = null;
    for (let t = 0; t <= 6 && first === null; t += step) if (meet(moved(a, va!, t), moved(b, vb!, t))) first = t;
    const ttc = timeToCollision(a, va!, b, vb!);
    if (first !== null) {
      hits += 1;
      assert.ok(ttc !== null && ttc <= first + 1e-6 && ttc >= first - step - 1e-6, `${ttc} instead of ${first}`);
    } else if (ttc !== null && ttc < 6) {
      const { from, to } = contactOf(a, va!, b, vb!)!;
      assert.ok(to - from < step, `a contact of ${to - from} s at ${from} was not seen`);
    }
  }
  assert.ok(hits > 15, `${hits} pairs meet`);
});

test('a footprint that passes a place covers it from its front to its back', () => {
  const [car, place] = [footprintOf([-12, 0], 0, CAR), footprintOf([0, 0], 0, { length: 1, width: 1 })];
  const { from, to } = contactOf(car, [10, 0], place, [0, 0])!;
  assert.ok(Math.abs(from - 0.95) < 1e-9 && Math.abs(to - 1.45) < 1e-9, `${from} to ${to}`);
});
