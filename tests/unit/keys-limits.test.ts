import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { LimitMemory } from '../../src/keys/limits.ts';
import { qpsAndRpm, SlidingWindows, type Permit, type WindowLimit } from '../../src/keys/sliding-windows.ts';

/** Brute force over every closed window that begins at an arrival: no other window can hold more. */
function worstWindow(arrivals: readonly number[], spanMs: number): number {
  let worst = 0;
  for (const start of arrivals)
    worst = Math.max(worst, arrivals.filter((at) => at >= start && at <= start + spanMs).length);
  return worst;
}

/** Takes a permit and makes the call at once. */
function call(windows: SlidingWindows, now: number): Permit {
  const permit = windows.take(now);
  if (permit.granted) windows.sent(now);
  return permit;
}

const limitsArb = fc.oneof(
  fc
    .record({ limit: fc.integer({ min: 1, max: 6 }), spanMs: fc.constantFrom(10, 50, 100) })
    .map((one): readonly WindowLimit[] => [one]),
  fc
    .record({ short: fc.integer({ min: 1, max: 6 }), long: fc.integer({ min: 1, max: 20 }) })
    .map(({ short, long }): readonly WindowLimit[] => [
      { limit: short, spanMs: 10 },
      { limit: long, spanMs: 80 },
    ]),
);

describe('sliding windows', () => {
  it('hold at the provider for any demand, any delay until a call leaves, and any jitter up to the guard', () => {
    const ask = fc.record({
      pause: fc.integer({ min: 0, max: 12 }),
      /** Until the call leaves, and then until that is known. */
      held: fc.integer({ min: 0, max: 25 }),
      told: fc.integer({ min: 0, max: 3 }),
      made: fc.oneof({ weight: 4, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
      within: fc.double({ min: 0, max: 0.999, noNaN: true }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(
        limitsArb,
        fc.integer({ min: 0, max: 15 }),
        fc.array(ask, { minLength: 30, maxLength: 150 }),
        (limits, guard, asks) => {
          const windows = new SlidingWindows(limits, guard);
          let now = 1_000;
          const arrivals: number[] = [];
          let open: { readonly tellAt: number; readonly sentAt: number; readonly made: boolean }[] = [];
          for (const { pause, held, told, made, within, jitter } of asks) {
            now += pause;
            for (const one of open.filter(({ tellAt }) => tellAt <= now)) {
              if (one.made) windows.sent(one.sentAt);
              else windows.refund();
            }
            open = open.filter(({ tellAt }) => tellAt > now);
            if (!windows.take(now).granted) continue;
            const sentAt = now + held;
            open.push({ tellAt: sentAt + told, sentAt, made });
            if (made) arrivals.push(sentAt + within + jitter * guard);
          }
          for (const { limit, spanMs } of limits)
            assert.ok(worstWindow(arrivals, spanMs) <= limit, `${spanMs} ms: ${arrivals.join(' ')}`);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('refuse only what some arrival within the guard would break, and name the first moment that is safe', () => {
    fc.assert(
      fc.property(
        limitsArb,
        fc.integer({ min: 0, max: 15 }),
        fc.array(fc.record({ pause: fc.integer({ min: 0, max: 12 }), held: fc.integer({ min: 0, max: 25 }) }), {
          minLength: 20,
          maxLength: 100,
        }),
        (limits, guard, asks) => {
          const windows = new SlidingWindows(limits, guard);
          let now = 1_000;
          const sent: number[] = [];
          let open: number[] = [];
          // Earlier calls as late as can be, the new one as early as can be.
          const breaks = (at: number, pending: number): boolean =>
            limits.some(
              ({ limit, spanMs }) => pending + sent.filter((one) => one + 1 + guard > at - spanMs).length >= limit,
            );
          for (const { pause, held } of asks) {
            now += pause;
            for (const at of open.filter((one) => one <= now)) {
              windows.sent(at);
              sent.push(at);
            }
            open = open.filter((one) => one > now);
            const permit = windows.take(now);
            assert.equal(permit.granted, !breaks(now, open.length));
            assert.ok(windows.possibleAt(now) === now || breaks(windows.possibleAt(now) - 1, 0));
            if (permit.granted) {
              open.push(now + held);
            } else if (permit.retryAt === null) {
              assert.ok(breaks(now + 1_000_000, open.length), 'only a report can bring one');
            } else {
              assert.ok(permit.retryAt > now);
              assert.ok(breaks(permit.retryAt - 1, open.length));
              assert.ok(!breaks(permit.retryAt, open.length));
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('count two calls exactly one span apart as being in the same window', () => {
    const windows = new SlidingWindows([{ limit: 1, spanMs: 1000 }], 0);
    assert.deepEqual(call(windows, 5_000), { granted: true });
    assert.deepEqual(call(windows, 6_000), { granted: false, retryAt: 6_001 });
    assert.deepEqual(call(windows, 6_001), { granted: true });
  });

  it('use the whole budget when asked all the time', () => {
    const guard = 50;
    const windows = new SlidingWindows(qpsAndRpm(10, 300), guard);
    let granted = 0;
    const minutes = 10;
    for (let now = 0; now < minutes * 60_000;) {
      const permit = call(windows, now);
      if (permit.granted) granted++;
      else now = permit.retryAt ?? assert.fail('nothing is pending');
    }
    // A minute-bound key: 300 in 60.051 s, and the first minute's 300 at once.
    assert.equal(granted, 300 * minutes);
  });

  it('reach qps_limit again after span, guard and the rounding millisecond', () => {
    const windows = new SlidingWindows(qpsAndRpm(5, 100_000), 50);
    for (let i = 0; i < 5; i++) assert.ok(call(windows, 0).granted);
    assert.deepEqual(call(windows, 1), { granted: false, retryAt: 1_051 });
    assert.equal(windows.used(999, 1_000), 5);
    assert.equal(windows.used(1_000, 1_000), 0);
  });

  it('go on at once when the clock is set back an hour, without giving more than the limit', () => {
    const windows = new SlidingWindows(qpsAndRpm(2, 3), 10);
    const start = 10_000_000;
    call(windows, start);
    call(windows, start);
    const back = start - 3_600_000;
    assert.deepEqual(call(windows, back), { granted: false, retryAt: back + 1_011 });
    assert.ok(call(windows, back + 1_011).granted);
    assert.deepEqual(call(windows, back + 3_000), { granted: false, retryAt: back + 60_011 });
  });

  it('count a call that has not left in every window, however long it takes', () => {
    const windows = new SlidingWindows([{ limit: 2, spanMs: 1000 }], 50);
    windows.take(0);
    windows.take(0);
    assert.deepEqual(windows.take(500_000), { granted: false, retryAt: null });
    assert.deepEqual(
      { possibleAt: windows.possibleAt(500_000), used: windows.used(500_000, 1000) },
      { possibleAt: 500_000, used: 2 },
    );
    windows.sent(500_000);
    assert.deepEqual(windows.take(500_001), { granted: false, retryAt: 501_051 });
    windows.refund();
    assert.deepEqual(windows.take(500_002), { granted: true });
  });

  it('keep the latest calls when reports come out of order', () => {
    const windows = new SlidingWindows([{ limit: 3, spanMs: 1000 }], 0);
    for (let i = 0; i < 3; i++) windows.take(0);
    for (const at of [30, 10, 20]) windows.sent(at);
    assert.deepEqual(windows.take(40), { granted: false, retryAt: 1_011 });
    assert.ok(windows.take(1_011).granted);
    windows.sent(1_015);
    assert.deepEqual(windows.take(1_016), { granted: false, retryAt: 1_021 });
    const one = new SlidingWindows([{ limit: 1, spanMs: 1000 }], 0);
    one.take(0);
    one.sent(100);
    one.take(1_101);
    one.sent(99);
    assert.deepEqual(one.take(1_090), { granted: false, retryAt: 1_101 });
  });

  it('apply a new guard to permits already given', () => {
    const windows = new SlidingWindows([{ limit: 1, spanMs: 1000 }], 0);
    call(windows, 0);
    windows.setGuard(200);
    assert.deepEqual(call(windows, 1_100), { granted: false, retryAt: 1_201 });
  });

  it('refuse limits that are no limits', () => {
    for (const limit of [0, -1, 1.5, Number.NaN])
      assert.throws(() => new SlidingWindows([{ limit, spanMs: 1000 }], 0), /limit must be/);
    assert.throws(() => new SlidingWindows([], 0), /at least one window/);
    assert.throws(() => new SlidingWindows([{ limit: 1, spanMs: 1000 }], -1), /guardMs/);
  });

  it('are remembered by the name of the budget', () => {
    const memory = new LimitMemory();
    const limits = { windows: qpsAndRpm(1, 1), tokens: null, guardMs: 0 };
    call(memory.spending('key:a', limits).calls, 0);
    assert.equal(memory.spending('key:a', { ...limits, guardMs: 5 }).calls.take(1_000).granted, false);
    assert.equal(memory.spending('key:b', limits).calls.take(1_000).granted, true);
  });
});
