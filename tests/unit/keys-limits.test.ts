import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { LimitMemory, qpsAndRpm, SlidingWindows, type WindowLimit } from '../../src/keys/limits.ts';

/** Brute force over every closed window that begins at an arrival: no other window can hold more. */
function worstWindow(arrivals: readonly number[], spanMs: number): number {
  let worst = 0;
  for (const start of arrivals) worst = Math.max(worst, arrivals.filter((at) => at >= start && at <= start + spanMs).length);
  return worst;
}

const limitsArb = fc.oneof(
  fc.record({ limit: fc.integer({ min: 1, max: 6 }), spanMs: fc.constantFrom(10, 50, 100) }).map((one): readonly WindowLimit[] => [one]),
  fc
    .record({ short: fc.integer({ min: 1, max: 6 }), long: fc.integer({ min: 1, max: 20 }) })
    .map(({ short, long }): readonly WindowLimit[] => [
      { limit: short, spanMs: 10 },
      { limit: long, spanMs: 80 },
    ]),
);

describe('sliding windows', () => {
  it('hold at the provider for any demand and any arrival jitter up to the guard', () => {
    fc.assert(
      fc.property(
        limitsArb,
        fc.integer({ min: 0, max: 15 }),
        fc.array(fc.record({ pause: fc.integer({ min: 0, max: 12 }), within: fc.double({ min: 0, max: 0.999, noNaN: true }), jitter: fc.double({ min: 0, max: 1, noNaN: true }) }), { minLength: 30, maxLength: 150 }),
        (limits, guard, asks) => {
          const windows = new SlidingWindows(limits, guard);
          let now = 1_000;
          const arrivals: number[] = [];
          for (const { pause, within, jitter } of asks) {
            now += pause;
            if (windows.take(now).granted) arrivals.push(now + within + jitter * guard);
          }
          for (const { limit, spanMs } of limits) assert.ok(worstWindow(arrivals, spanMs) <= limit, `${spanMs} ms: ${arrivals.join(' ')}`);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('refuse only what some arrival within the guard would break, and name the first moment that is safe', () => {
    fc.assert(
      fc.property(limitsArb, fc.integer({ min: 0, max: 15 }), fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 20, maxLength: 100 }), (limits, guard, pauses) => {
        const windows = new SlidingWindows(limits, guard);
        let now = 1_000;
        const permits: number[] = [];
        // Earlier calls as late as can be (just short of the next ms), the new one as early as can be.
        const breaks = (at: number): boolean => {
          const latest = permits.map((permit) => Math.min(permit + 1 + guard - 1e-6, Math.max(at, permit)));
          return limits.some(({ limit, spanMs }) => latest.filter((arrival) => at - arrival <= spanMs - 1e-6).length >= limit);
        };
        for (const pause of pauses) {
          now += pause;
          const permit = windows.take(now);
          assert.equal(permit.granted, !breaks(now));
          if (permit.granted) {
            permits.push(now);
          } else {
            assert.ok(permit.retryAt > now);
            assert.ok(breaks(permit.retryAt - 1));
            assert.ok(!breaks(permit.retryAt));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('count two calls exactly one span apart as being in the same window', () => {
    const windows = new SlidingWindows([{ limit: 1, spanMs: 1000 }], 0);
    assert.deepEqual(windows.take(5_000), { granted: true });
    assert.deepEqual(windows.take(6_000), { granted: false, retryAt: 6_001 });
    assert.deepEqual(windows.take(6_001), { granted: true });
  });

  it('use the whole budget when asked all the time', () => {
    const guard = 50;
    const windows = new SlidingWindows(qpsAndRpm(10, 300), guard);
    let granted = 0;
    const minutes = 10;
    for (let now = 0; now < minutes * 60_000; ) {
      const permit = windows.take(now);
      if (permit.granted) granted++;
      else now = permit.retryAt;
    }
    // A minute-bound key: 300 in 60.051 s, and the first minute's 300 at once.
    assert.equal(granted, 300 * minutes);
  });

  it('reach qps_limit again after span, guard and the rounding millisecond', () => {
    const windows = new SlidingWindows(qpsAndRpm(5, 100_000), 50);
    for (let call = 0; call < 5; call++) assert.ok(windows.take(0).granted);
    assert.deepEqual(windows.take(1), { granted: false, retryAt: 1_051 });
    assert.equal(windows.used(999, 1_000), 5);
    assert.equal(windows.used(1_000, 1_000), 0);
  });

  it('go on at once when the clock is set back an hour, without giving more than the limit', () => {
    const windows = new SlidingWindows(qpsAndRpm(2, 3), 10);
    const start = 10_000_000;
    windows.take(start);
    windows.take(start);
    const back = start - 3_600_000;
    assert.deepEqual(windows.take(back), { granted: false, retryAt: back + 1_011 });
    assert.ok(windows.take(back + 1_011).granted);
    assert.deepEqual(windows.take(back + 3_000), { granted: false, retryAt: back + 60_011 });
  });

  it('apply a new guard to permits already given', () => {
    const windows = new SlidingWindows([{ limit: 1, spanMs: 1000 }], 0);
    windows.take(0);
    windows.setGuard(200);
    assert.deepEqual(windows.take(1_100), { granted: false, retryAt: 1_201 });
  });

  it('refuse limits that are no limits', () => {
    for (const limit of [0, -1, 1.5, Number.NaN]) assert.throws(() => new SlidingWindows([{ limit, spanMs: 1000 }], 0), /limit must be/);
    assert.throws(() => new SlidingWindows([], 0), /at least one window/);
    assert.throws(() => new SlidingWindows([{ limit: 1, spanMs: 1000 }], -1), /guardMs/);
  });

  it('are remembered by the name of the budget', () => {
    const memory = new LimitMemory();
    memory.windows('key:a', qpsAndRpm(1, 1), 0).take(0);
    assert.equal(memory.windows('key:a', qpsAndRpm(1, 1), 5).take(1_000).granted, false);
    assert.equal(memory.windows('key:b', qpsAndRpm(1, 1), 5).take(1_000).granted, true);
  });
});
