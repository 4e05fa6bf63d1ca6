import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { SlidingWindows, type WindowLimit } from '../../src/keys/sliding-windows.ts';
import { BudgetLog } from '../../src/keys/shared/node-share.ts';

/** Brute force over every closed window that begins at an arrival. */
const worstWindow = (arrivals: readonly number[], spanMs: number): number =>
  Math.max(0, ...arrivals.map((from) => arrivals.filter((at) => at >= from && at <= from + spanMs).length));

const limitsArb = fc
  .record({ short: fc.integer({ min: 1, max: 8 }), long: fc.integer({ min: 1, max: 20 }) })
  .map(({ short, long }): readonly WindowLimit[] => [
    { limit: short, spanMs: 100 },
    { limit: long, spanMs: 800 },
  ]);

describe("a node's share of a budget while nobody can be asked", () => {
  it('all nodes together, none knowing of the others, never exceed a window, whatever all did before', () => {
    const step = fc.record({
      pause: fc.integer({ min: 0, max: 40 }),
      node: fc.nat(),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
      within: fc.double({ min: 0, max: 0.999, noNaN: true }),
    });
    fc.assert(
      fc.property(
        limitsArb,
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 15 }),
        fc.array(fc.integer({ min: 0, max: 800 }), { maxLength: 20 }),
        fc.array(step, { minLength: 40, maxLength: 150 }),
        (limits, count, guard, earlier, steps) => {
          // Calls that everybody knows, as the limits allow them.
          const before: number[] = [];
          for (const at of earlier.toSorted((a, b) => a - b))
            if (
              limits.every(({ limit, spanMs }) => before.filter((one) => one >= at - spanMs - guard - 1).length < limit)
            )
              before.push(at);
          const logs = Array.from({ length: count }, () => new BudgetLog());
          for (const log of logs) for (const [index, at] of before.entries()) log.put(`before-${index}`, at, false);
          const arrivals = before.map((at) => at + guard);
          let now = 801;
          for (const [index, { pause, node, jitter, within }] of steps.entries()) {
            now += pause;
            const rank = node % count;
            const log = logs[rank];
            if (log === undefined || log.nextAt(limits, guard, count, rank, now) > now) continue;
            log.put(`n${rank}-${index}`, now, true, log.share(limits, count));
            arrivals.push(now + within + jitter * guard);
          }
          for (const { limit, spanMs } of limits)
            assert.ok(worstWindow(arrivals, spanMs) <= limit, `${spanMs} ms, ${count} nodes: ${arrivals.join(' ')}`);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('each gets its part, and those beyond a window smaller than their number get nothing', () => {
    for (const [limit, nodes] of [
      [10, 3],
      [2, 3],
      [1, 4],
      [7, 1],
    ] as const) {
      const limits = [{ limit, spanMs: 1_000 }];
      const made = Array.from({ length: nodes }, (_, rank) => {
        const log = new BudgetLog();
        let calls = 0;
        while (calls <= limit && log.nextAt(limits, 0, nodes, rank, 5_000) === 5_000)
          log.put(`c${calls++}`, 5_000, true, log.share(limits, nodes));
        return calls;
      });
      assert.deepEqual(
        made,
        Array.from({ length: nodes }, (_, rank) => (rank < limit ? Math.max(1, Math.floor(limit / nodes)) : 0)),
      );
    }
  });
});

describe('arrivals that become known later', () => {
  it('after any moves the windows decide as if they had known the final times from the start', () => {
    const call = fc.record({
      pause: fc.integer({ min: 0, max: 30 }),
      moves: fc.array(fc.record({ which: fc.nat(), by: fc.integer({ min: -40, max: 60 }) }), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(
        limitsArb,
        fc.integer({ min: 0, max: 10 }),
        fc.array(call, { minLength: 20, maxLength: 120 }),
        (limits, guard, calls) => {
          const windows = new SlidingWindows(limits, guard);
          const kept = Math.max(...limits.map(({ limit }) => limit));
          let now = 10_000;
          let times: number[] = [];
          for (const { pause, moves } of calls) {
            now += pause;
            for (const { which, by } of moves) {
              const from = times[which % Math.max(1, times.length)];
              if (from === undefined) continue;
              windows.move(from, from + by);
              times = times.toSpliced(times.indexOf(from), 1, from + by).toSorted((a, b) => a - b);
            }
            const oracle = new SlidingWindows(limits, guard);
            for (const at of times) {
              oracle.adopt();
              oracle.sent(at);
            }
            const next = windows.nextAt(now);
            assert.equal(next, oracle.nextAt(now));
            const allowed = limits.every(
              ({ limit, spanMs }) => times.filter((at) => at + 1 + guard > now - spanMs).length < limit,
            );
            assert.equal(next === now, allowed, `${times.join(' ')} at ${now}`);
            assert.equal(windows.used(now, 100), oracle.used(now, 100));
            if (!windows.take(now).granted) continue;
            windows.sent(now);
            // What a full ring forgets can no longer be moved.
            times = [...times, now].toSorted((a, b) => a - b).slice(-kept);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
