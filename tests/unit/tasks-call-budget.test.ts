import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CallBudget, createCallBudget } from '../../src/tasks/call-budget.ts';
import { seededRandom } from '../../src/simulator/random.ts';

interface Spent {
  readonly calls: number;
  /** Of the questions that were asked. */
  readonly values: readonly number[];
}

/** Gives a budget evenly drawn values, `perSecond` of them, and asks each question once if its value is worth it. */
function spend(budget: CallBudget, perSecond: number, seconds: number, from = 0): Spent {
  const random = seededRandom(1);
  const values: number[] = [];
  for (let at = from; at < from + seconds * 1_000; at += 1_000 / perSecond) {
    const value = random();
    budget.arrived(value, at);
    if (value < budget.price(at)) continue;
    budget.spent(1, at);
    values.push(value);
  }
  return { calls: values.length, values };
}

test('everything may be asked while nobody knows what the keys allow', () => {
  const budget = createCallBudget();
  assert.equal(spend(budget, 50, 10).calls, 500);
  assert.equal(budget.price(10_000), 0);
  assert.equal(budget.nextAt(10_000), Infinity);
});

test('nothing may be asked while the keys allow nothing', () => {
  const budget = createCallBudget();
  budget.setRate(0, 0);
  assert.equal(spend(budget, 50, 10).calls, 0);
  assert.equal(budget.nextAt(10_000), Infinity);
});

test('with enough calls everything is asked', () => {
  const budget = createCallBudget();
  budget.setRate(25, 0);
  assert.ok(spend(budget, 20, 60).calls >= 1_190);
});

for (const share of [1 / 2, 1 / 3, 1 / 10])
  test(`with calls for ${share.toFixed(2)} of the questions, they go to that share of the most valuable ones`, () => {
    const budget = createCallBudget();
    budget.setRate(20 * share, 0);
    spend(budget, 20, 60);
    const { calls, values } = spend(budget, 20, 300, 60_000);
    const allowed = 20 * share * 300;
    assert.ok(calls >= 0.97 * allowed && calls <= allowed, `${calls} of ${allowed} calls`);
    const best = values.filter((value) => value >= 1 - 1.5 * share);
    assert.ok(best.length >= 0.8 * values.length, `${best.length} of ${values.length} calls were among the best`);
  });

test('a full bucket asks anything, an empty one nothing, and says when to look again', () => {
  const budget = createCallBudget();
  budget.setRate(2, 0);
  for (let at = 0; at < 20_000; at += 47) budget.arrived((at % 1_000) / 1_000, at);
  assert.equal(budget.price(20_000), 0);
  budget.spent(4, 20_000);
  const dear = budget.price(20_000);
  assert.ok(dear > 0 && dear < 1);
  const again = budget.nextAt(20_000);
  assert.ok(again > 20_000 && again < 21_000);
  assert.ok(budget.price(again) < dear);
  const before = budget.price(again);
  budget.emptied(again);
  assert.ok(budget.price(again) > before);
  for (let refusals = 0; refusals < 3; refusals += 1) budget.emptied(again);
  assert.equal(budget.price(again), Infinity);
  const free = budget.nextAt(again);
  assert.ok(budget.price(free + 1) <= 1);
});

test("what peers spend is missing here, too, but for no longer than the bucket's own time", () => {
  const budget = createCallBudget();
  budget.setRate(4, 0);
  budget.spent(1_000, 0);
  assert.equal(budget.price(3_000), Infinity);
  assert.notEqual(budget.price(4_500), Infinity);
});

test('a call that was not made is given back', () => {
  const budget = createCallBudget();
  budget.setRate(1, 0);
  budget.spent(2, 0);
  assert.equal(budget.price(0), Infinity);
  budget.spent(-1, 0);
  budget.spent(-1, 0);
  assert.notEqual(budget.price(0), Infinity);
  budget.spent(-1_000, 0);
  budget.spent(3, 0);
  assert.equal(budget.price(0), Infinity);
});

test('a budget that grows from a few calls is at once reckoned with', () => {
  const budget = createCallBudget();
  budget.setRate(1, 0);
  spend(budget, 20, 60);
  budget.setRate(10, 60_000);
  const { calls } = spend(budget, 20, 60, 60_000);
  assert.ok(calls >= 0.93 * 600, `${calls} calls`);
});

test('the price stays a value whatever arrives, and never allows more than the rate and its reserve', () => {
  const step = fc.record({
    pause: fc.integer({ min: 0, max: 120_000 }),
    value: fc.oneof(fc.double({ min: 0, max: 1 }), fc.constantFrom(Number.NaN, -1, 2, Infinity)),
    rate: fc.option(fc.double({ min: 0, max: 100, noNaN: true }), { freq: 20, nil: undefined }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const budget = createCallBudget();
      budget.setRate(1, 0);
      let rate = 1;
      let now = 0;
      let most = 3;
      let calls = 0;
      for (const { pause, value, rate: next } of steps) {
        now += pause;
        most += (rate * pause) / 1_000;
        if (next !== undefined) {
          budget.setRate((rate = next), now);
          most += 3 * next + 2;
        }
        budget.arrived(value, now);
        const price = budget.price(now);
        assert.ok(price === Infinity || (price >= 0 && price <= 1), `price ${price}`);
        assert.ok(budget.nextAt(now) > now);
        if (value < price) continue;
        budget.spent(1, now);
        calls += 1;
      }
      assert.ok(calls <= most + 1, `${calls} of ${most} calls`);
    }),
  );
});
