import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RiskLevel } from '../../src/messages/assessment.ts';
import type { GroupFeatures } from '../../src/messages/detection.ts';
import { Prior } from '../../src/messages/task.ts';
import { priorOf } from '../../src/tasks/prior.ts';
import { valueOf } from '../../src/tasks/value.ts';
import { CALM } from '../support/samples.ts';

const WIDTH = 1280;
const prior = (over: Partial<GroupFeatures>): number => priorOf({ ...CALM, ...over }, WIDTH).value;
const PERSON = { personCount: 1, vehicleCount: 1 };

const amount = fc.option(fc.double({ min: 0, max: 2_000, noNaN: true }));
const anyFeatures: fc.Arbitrary<GroupFeatures> = fc.record({
  density: fc.double({ min: 0, max: 100, noNaN: true }),
  meanSpacing: fc.double({ min: 0, max: 2_000, noNaN: true }),
  minSpacing: fc.double({ min: 0, max: 2_000, noNaN: true }),
  vehicleCount: fc.integer({ min: 0, max: 50 }),
  personCount: fc.integer({ min: 0, max: 50 }),
  minPersonVehicleDistance: amount,
  maxSpeed: amount,
  maxClosingSpeed: amount,
});

test('a prior is a message, whatever the features', () => {
  fc.assert(
    fc.property(anyFeatures, fc.integer({ min: 1, max: 20_000 }), (features, width) => {
      Prior.parse(priorOf(features, width));
    }),
  );
});

test('worse figures never make a danger less likely', () => {
  const worse = { nearer: 0.5, faster: 2 };
  fc.assert(
    fc.property(anyFeatures, (features) => {
      const { minPersonVehicleDistance: distance, maxSpeed, maxClosingSpeed } = features;
      const before = priorOf(features, WIDTH).value;
      const nearer = distance === null ? null : distance * worse.nearer;
      const faster = maxSpeed === null ? null : maxSpeed * worse.faster;
      const closer = maxClosingSpeed === null ? null : maxClosingSpeed * worse.faster;
      const after = { ...features, minPersonVehicleDistance: nearer, maxSpeed: faster, maxClosingSpeed: closer };
      assert.ok(priorOf(after, WIDTH).value >= before);
    }),
  );
});

test('priors rank scenes as people would', () => {
  const run = { ...PERSON, minPersonVehicleDistance: 10, maxSpeed: 220, maxClosingSpeed: 200 };
  const order = [
    prior(run),
    prior({ vehicleCount: 2, maxSpeed: 250, maxClosingSpeed: 220 }),
    prior({ ...PERSON, minPersonVehicleDistance: 40, maxSpeed: 90, maxClosingSpeed: 50 }),
    prior({ vehicleCount: 2, maxSpeed: null, maxClosingSpeed: null }),
    prior({ ...PERSON, minPersonVehicleDistance: 20, maxSpeed: 0, maxClosingSpeed: 0 }),
    prior({ vehicleCount: 3, maxSpeed: 200, maxClosingSpeed: 20 }),
    prior({ vehicleCount: 2, maxSpeed: 0, maxClosingSpeed: 0 }),
  ];
  assert.deepEqual(
    order,
    order.toSorted((a, b) => b - a),
  );
  assert.ok((order[0] ?? 0) > 0.7);
  assert.equal(order.at(-1), 0);
  assert.equal(priorOf({ ...CALM, ...run }, WIDTH).reasons[0], 'vehicle-closing-on-person');
});

test('distances and speeds of a prior scale with the width of the frame', () => {
  const wide = { ...CALM, ...PERSON, minPersonVehicleDistance: 40, maxSpeed: 100, maxClosingSpeed: 80 };
  const narrow = { ...wide, minPersonVehicleDistance: 20, maxSpeed: 50, maxClosingSpeed: 40 };
  assert.deepEqual(priorOf(narrow, WIDTH / 2), priorOf(wide, WIDTH));
});

const T = Date.parse('2026-01-01T00:00:00Z');
const task = (value: number, last?: { readonly ago: number; readonly level: RiskLevel; readonly prior: number }) => ({
  prior: { value, reasons: [] },
  ...(last === undefined
    ? {}
    : { lastAssessed: { at: new Date(T - last.ago).toISOString(), level: last.level, prior: last.prior } }),
});

test('a group that the model never assessed is worth its prior, and never nothing', () => {
  assert.equal(valueOf(task(0.4), T), 0.4);
  assert.ok(valueOf(task(0), T) > 0);
  assert.ok(valueOf({}, T) > 0);
});

test('right after an answer nothing is new, and the worth comes back with time', () => {
  const at = (ago: number): number => valueOf(task(0.4, { ago, level: 'none', prior: 0.4 }), T);
  assert.equal(at(0), 0);
  assert.ok(at(10_000) > at(1_000));
  assert.ok(at(600_000) > 0.39);
});

test('a hint that the last answer did not know is worth a call at once', () => {
  const known = { ago: 0, level: 'none', prior: 0.1 } as const;
  assert.ok(Math.abs(valueOf(task(0.7, known), T) - 0.6) < 1e-9);
});

test('a danger that the model has confirmed is no news', () => {
  assert.equal(valueOf(task(0.9, { ago: 0, level: 'high', prior: 0.2 }), T), 0);
});

test('a danger that nothing hints at any more is asked about again before long', () => {
  const later = (level: RiskLevel) => valueOf(task(0, { ago: 20_000, level, prior: 0.9 }), T);
  assert.ok(later('high') > 0.15 && later('high') > 10 * later('none'), `${later('high')} ${later('none')}`);
});

test('a value is from 0 to 1, whatever was known', () => {
  const level = fc.constantFrom<RiskLevel>('none', 'low', 'medium', 'high', 'unknown');
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(share, share, level, fc.integer({ min: -60_000, max: 1e9 }), (value, before, last, ago) => {
      const worth = valueOf(task(value, { ago, level: last, prior: before }), T);
      assert.ok(worth >= 0 && worth <= 1, `${worth}`);
    }),
  );
});
