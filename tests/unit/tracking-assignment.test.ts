import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { assign } from '../../src/tracking/assignment.ts';

const permutations = (items: readonly number[]): number[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));

test('an assignment costs as little as the best of all', () => {
  const matrix = fc.integer({ min: 1, max: 4 }).chain((rows) =>
    fc.integer({ min: rows, max: 5 }).chain((columns) =>
      fc.record({
        rows: fc.constant(rows),
        columns: fc.constant(columns),
        cost: fc.array(fc.integer({ min: 0, max: 50 }), { minLength: rows * columns, maxLength: rows * columns }),
      }),
    ),
  );
  fc.assert(
    fc.property(matrix, ({ rows, columns, cost }) => {
      const total = (chosen: ArrayLike<number>): number =>
        Array.from({ length: rows }, (_, i) => cost[i * columns + chosen[i]!]!).reduce((a, b) => a + b);
      const chosen = assign(Float64Array.from(cost), rows, columns);
      assert.equal(new Set(chosen).size, rows);
      const best = Math.min(...permutations([...Array(columns).keys()]).map(total));
      assert.equal(total(chosen), best);
    }),
  );
});
