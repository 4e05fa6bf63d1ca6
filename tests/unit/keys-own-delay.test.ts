import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdaptiveGuard } from '../../src/keys/adaptive-guard.ts';
import { TransitWays } from '../../src/keys/transit-guard.ts';
import { RecentMost } from '../../src/runtime/recent-most.ts';

describe('the guard for calls under way', () => {
  it('grows with our own delays and those on the way, up to a bound, and shrinks back', () => {
    const guard = new AdaptiveGuard(50);
    guard.ownDelay(25, 1_000);
    assert.deepEqual({ ms: guard.msFor('a', 1_000), widened: guard.widened() }, { ms: 50, widened: false });
    guard.ownDelay(110, 1_000);
    guard.wayDelay('b', 300, 1_000);
    assert.deepEqual(
      ['a', 'b'].map((endpoint) => guard.msFor(endpoint, 1_000)),
      [225, 600],
    );
    assert.deepEqual([guard.widened(), guard.widened()], [true, false]);
    assert.deepEqual(
      [9_900, 11_100, 31_100].map((now) => ['a', 'b'].map((endpoint) => guard.msFor(endpoint, now))),
      [
        [225, 600],
        [50, 600],
        [50, 50],
      ],
    );
    guard.ownDelay(60_000, 40_000);
    assert.equal(guard.msFor('a', 40_000), 4_000);
    guard.leastMs = 6_000;
    assert.equal(guard.msFor('a', 40_000), 6_000, "the operator's");
  });

  it('knows the way only from calls that were written at once, as soon as there are enough', () => {
    const ways = new TransitWays();
    const T0 = 1_700_000_000_000;
    const add = (index: number, at: number, writeMs: number): void =>
      ways.add(
        'a',
        { kind: 'arrival', at, roundTripMs: 500, workMs: 400, writeMs },
        T0 + index * 100,
        T0 + index * 100 + 500,
      );
    // Reported 80 ms late, because the thread lost its core while it wrote.
    add(0, T0 + 10 - 80, 90);
    for (let i = 1; i < 20; i++) add(i, T0 + i * 100 + 10, 0.3);
    assert.equal(ways.fastest('a', T0 + 3_000)?.value, -90, 'one of twenty was seen to be so fast');
    add(20, T0 + 2_010, 0.3);
    assert.equal(ways.fastest('a', T0 + 3_000)?.value, -10, 'of those written at once; 20 ms less are possible');
    const late = { kind: 'arrival', at: T0 + 10_010 - 80, roundTripMs: 500, workMs: 400, writeMs: 90 } as const;
    assert.deepEqual(
      ways.arrivedAt('a', late, T0 + 10_000, T0 + 10_600),
      { at: T0 + 10_000 - 60 + 2, sure: true },
      'it arrived before it was reported',
    );
  });
});

describe('the most of a span of time', () => {
  it('forgets a value after 0.9 to 1 span, and takes no other values', () => {
    const recent = new RecentMost(1_000);
    assert.equal(recent.most(5), 0);
    recent.add(7, 50);
    recent.add(3, 950);
    for (const none of [-1, Number.NaN]) recent.add(none, 950);
    assert.deepEqual(
      [60, 999, 1_000, 1_899, 1_900, 99_999, 10].map((now) => recent.most(now)),
      [7, 7, 3, 3, 0, 0, 7],
    );
    assert.throws(() => new RecentMost(0), RangeError);
  });
});
