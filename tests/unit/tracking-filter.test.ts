import assert from 'node:assert/strict';
import { test } from 'node:test';
import { correct, innovation, moving, predict, speedOf, standing } from '../../src/tracking/motion-filter.ts';
import { Step } from '../../src/tracking/smoothing.ts';
import type { Measured, MotionState } from '../../src/tracking/motion-filter.ts';

const CAR = { acceleration: 2.5, seconds: 1 };

function startAt(x: number, y: number): MotionState {
  const cov = new Float64Array(36);
  for (const [i, variance] of [1, 1, 100, 100, 6, 6].entries()) cov[i * 7] = variance;
  return { mean: Float64Array.of(x, y, 0, 0, 0, 0), cov };
}
const seen = (x: number, y: number, sd = 0.1): Measured => ({ place: [x, y], cov: [sd ** 2, 0, sd ** 2] });

/** Filtered states of places 0.1 s apart. */
function filter(places: readonly (readonly [number, number])[]): MotionState[] {
  const step = moving(CAR, 0.1);
  const states: MotionState[] = [];
  for (const [x, y] of places) {
    const before = states.at(-1);
    states.push(correct(before === undefined ? startAt(x, y) : predict(before, step), seen(x, y)));
  }
  return states;
}

test('two steps are as one of both together', () => {
  const start = correct(startAt(3, 4), seen(3.2, 4.1));
  const once = predict(start, moving(CAR, 0.9));
  const twice = predict(predict(start, moving(CAR, 0.4)), moving(CAR, 0.5));
  for (const i of once.mean.keys()) assert.ok(Math.abs(once.mean[i]! - twice.mean[i]!) < 1e-9);
  for (const i of once.cov.keys()) assert.ok(Math.abs(once.cov[i]! - twice.cov[i]!) < 1e-9, `element ${i}`);
});

test('a measurement makes the place surer, and an unlikely one is further away', () => {
  const before = predict(startAt(0, 0), moving(CAR, 1));
  assert.ok(correct(before, seen(1, 1)).cov[0]! < before.cov[0]!);
  assert.ok(innovation(before, seen(9, 0)).distance > innovation(before, seen(1, 0)).distance);
});

test('speed and braking are found from places', () => {
  // 20 m/s, from 1 s on braking with 6 m/s².
  const x = (t: number): number => 20 * t - 3 * Math.max(0, t - 1) ** 2;
  const states = filter(Array.from({ length: 21 }, (_, i) => [x(i / 10), 0]));
  assert.ok(Math.abs(speedOf(states[10]!) - 20) < 0.5, `${speedOf(states[10]!)}`);
  assert.ok(Math.abs(speedOf(states[20]!) - 14) < 0.7, `${speedOf(states[20]!)}`);
  assert.ok(states[20]!.mean[4]! < -4, `${states[20]!.mean[4]}`);
});

test('what came later makes an earlier moment surer and truer', () => {
  const x = (t: number): number => 20 * t - 3 * Math.max(0, t - 1) ** 2;
  const states = filter(Array.from({ length: 21 }, (_, i) => [x(i / 10), 0]));
  let later = states.at(-1)!;
  for (let i = states.length - 2; i >= 13; i--) later = new Step(states[i]!, moving(CAR, 0.1)).smoothed(later);
  const truth = -6;
  assert.ok(Math.abs(later.mean[4]! - truth) < Math.abs(states[13]!.mean[4]! - truth));
  assert.ok(later.cov[28]! < states[13]!.cov[28]!);
});

test('one that stands forgets how it moved', () => {
  const after = predict(
    filter([
      [0, 0],
      [0.1, 0],
      [0.2, 0],
    ]).at(-1)!,
    standing,
  );
  assert.equal(speedOf(after), 0);
  assert.ok(after.cov[0]! < 1);
});
