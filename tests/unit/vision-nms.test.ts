import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { OBJECT_CLASSES } from '../../src/messages/detection.ts';
import type { Box, ObjectClass } from '../../src/messages/detection.ts';
import { iou } from '../../src/vision/geometry.ts';
import { suppress } from '../../src/vision/nms.ts';
import type { Scored } from '../../src/vision/nms.ts';

const seen = (name: ObjectClass, confidence: number, ...bbox: Box): Scored => ({ class: name, confidence, bbox });
const options = { iou: 0.5, maxDetections: 200 };

const arbitraryBox = fc
  .tuple(
    fc.integer({ min: 0, max: 80 }),
    fc.integer({ min: 0, max: 80 }),
    fc.integer({ min: 1, max: 60 }),
    fc.integer({ min: 1, max: 60 }),
  )
  .map(([x, y, w, h]): Box => [x, y, x + w, y + h]);
const arbitrary = fc.record({
  class: fc.constantFrom(...OBJECT_CLASSES),
  confidence: fc.double({ min: 0, max: 1, noNaN: true }),
  bbox: arbitraryBox,
});

describe('non-maximum suppression', () => {
  it('agrees with the textbook algorithm for a class that has no further rule', () => {
    const people = fc.array(
      arbitrary.map((one) => ({ ...one, class: 'person' as const })),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(people, fc.double({ min: 0.1, max: 0.9, noNaN: true }), (candidates, limit) => {
        const rest = candidates.toSorted((a, b) => b.confidence - a.confidence);
        const expected: Scored[] = [];
        while (rest.length > 0) {
          const best = rest.shift()!;
          expected.push(best);
          for (let i = rest.length - 1; i >= 0; i--) if (iou(best.bbox, rest[i]!.bbox) > limit) rest.splice(i, 1);
        }
        assert.deepEqual(suppress(candidates, { iou: limit, maxDetections: 200 }), expected);
      }),
    );
  });

  it('keeps boxes sorted, no two of a class overlapping; a dropped one is covered by a surer one', () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 60 }), (candidates) => {
        const kept = suppress(candidates, options);
        for (const [i, a] of kept.entries()) {
          assert.ok(candidates.includes(a));
          for (const b of kept.slice(i + 1)) {
            assert.ok(a.confidence >= b.confidence);
            assert.ok(a.class !== b.class || iou(a.bbox, b.bbox) <= options.iou);
          }
        }
        for (const dropped of candidates.filter((one) => !kept.includes(one))) {
          assert.ok(kept.some((one) => one.confidence >= dropped.confidence && iou(one.bbox, dropped.bbox) > 0));
        }
        assert.deepEqual(suppress(kept, options), kept);
      }),
    );
  });

  it('a person on a bicycle and the bicycle both stay', () => {
    assert.equal(suppress([seen('person', 0.9, 0, 0, 10, 20), seen('bicycle', 0.8, 0, 0, 10, 20)], options).length, 2);
  });

  it('one vehicle seen as car and as truck is one, of the surer class', () => {
    const kept = suppress([seen('truck', 0.5, 0, 0, 100, 50), seen('car', 0.7, 2, 0, 100, 50)], options);
    assert.deepEqual(
      kept.map((one) => one.class),
      ['car'],
    );
  });

  it('the front of a car is no second car, but a car before a bus is one', () => {
    assert.equal(suppress([seen('car', 0.9, 0, 0, 100, 60), seen('car', 0.5, 60, 10, 100, 50)], options).length, 1);
    assert.equal(suppress([seen('bus', 0.9, 0, 0, 100, 60), seen('car', 0.5, 60, 10, 100, 50)], options).length, 2);
    assert.equal(suppress([seen('person', 0.9, 0, 0, 40, 90), seen('person', 0.5, 10, 40, 30, 85)], options).length, 2);
  });

  it('keeps the surest when there are more than the limit', () => {
    const row = Array.from({ length: 300 }, (_, i) => seen('person', (i % 100) / 100, i * 20, 0, i * 20 + 10, 10));
    const kept = suppress(row, options);
    assert.equal(kept.length, 200);
    assert.equal(Math.min(...kept.map((one) => one.confidence)), 0.33);
  });
});
