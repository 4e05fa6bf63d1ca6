import assert from 'node:assert/strict';
import { test } from 'node:test';

interface Path {
  readonly trackId: number;
  readonly points: readonly (readonly [number, number, number])[];
}
interface Plan {
  readonly area: { readonly left: number; readonly right: number; readonly bottom: number; readonly top: number };
  readonly step: number;
  readonly from: number;
  readonly to: number;
  readonly nearest: { readonly at: number; readonly metres: number } | null;
}
// Typed by a project of its own, so by hand here.
const { planOf, placeAt, gridLines, gridStep, markStep } = (await import(
  new URL('../../web/src/views/alerts/plan-geometry.ts', import.meta.url).href
)) as {
  planOf: (paths: readonly Path[]) => Plan | null;
  placeAt: (path: Path, seconds: number) => { x: number; y: number } | null;
  gridLines: (low: number, high: number, step: number) => number[];
  gridStep: (span: number) => number;
  markStep: (seconds: number) => number;
};

const along: Path = {
  trackId: 1,
  points: [
    [0, -10, 0],
    [2, 10, 0],
  ],
};

test('a plan marks the nearest moment of two ways, between their points too', () => {
  const across: Path = {
    trackId: 2,
    points: [
      [0, 0, -13],
      [2, 0, 7],
    ],
  };
  const plan = planOf([along, across]);
  // At 1.15 s both are 1.5 m from where their ways cross.
  assert.ok(Math.abs((plan?.nearest?.at ?? 0) - 1.15) < 1e-9);
  assert.ok(Math.abs((plan?.nearest?.metres ?? 0) - Math.hypot(1.5, 1.5)) < 1e-9);
  assert.deepEqual([plan?.from, plan?.to], [0, 2]);
});

test('road users that were never seen together, or one alone, have no nearest moment', () => {
  const later: Path = {
    trackId: 2,
    points: [
      [3, 0, 0],
      [4, 1, 0],
    ],
  };
  assert.equal(planOf([along, later])?.nearest, null);
  assert.equal(planOf([along])?.nearest, null);
  assert.equal(planOf([]), null);
  assert.equal(planOf([{ trackId: 1, points: [] }]), null);
});

test('the grid surrounds every point with at most twelve lines and a bit', () => {
  const plan = planOf([along]);
  assert.ok(plan !== null);
  assert.ok(plan.area.left <= -10 && plan.area.right >= 10 && plan.area.bottom < 0 && plan.area.top > 0);
  assert.equal(plan.step, 2);
  assert.ok(gridLines(plan.area.left, plan.area.right, plan.step).length <= 14);
  assert.deepEqual(gridLines(-2, 4, 2), [-2, 0, 2, 4]);
  assert.equal(gridStep(4), 1);
  assert.ok(100_000 / gridStep(100_000) <= 12);
  // A road user that stands still has an area too.
  const still = planOf([{ trackId: 1, points: [[0, 5, 5]] }]);
  assert.ok(still !== null && still.area.right - still.area.left >= 4);
});

test('a place is between points in a straight line, and nowhere before or after', () => {
  assert.deepEqual(placeAt(along, 0.5), { x: -5, y: 0 });
  assert.deepEqual(placeAt(along, 0), { x: -10, y: 0 });
  assert.equal(placeAt(along, -0.1), null);
  assert.equal(placeAt(along, 2.1), null);
  assert.deepEqual([markStep(3), markStep(15), markStep(10_000)], [1, 2, 300]);
});
