import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { OBJECT_CLASSES } from '../../src/messages/detection.ts';
import type { ObjectClass } from '../../src/messages/detection.ts';
import { assign } from '../../src/vision/assignment.ts';
import { createTracker } from '../../src/vision/tracker.ts';
import type { RawDetection } from '../../src/vision/vision.types.ts';

/** An object by its centre. */
const at = (x: number, y: number, name: ObjectClass = 'car', width = 40, height = 30): RawDetection => ({
  class: name,
  confidence: 0.9,
  bbox: [x - width / 2, y - height / 2, x + width / 2, y + height / 2],
});
const ids = (tracks: readonly { trackId: number }[]): number[] => tracks.map((track) => track.trackId);

describe('assignment', () => {
  const permutations = (items: readonly number[]): number[][] =>
    items.length === 0
      ? [[]]
      : items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));

  it('costs as little as the best of all assignments', () => {
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
});

describe('following objects over frames', () => {
  it('numbers tracks from 1 and knows no velocity at first sight', () => {
    assert.deepEqual(
      createTracker()
        .update([at(100, 100), at(300, 100)], 0)
        .map(({ trackId, velocity }) => ({ trackId, velocity })),
      [
        { trackId: 1, velocity: null },
        { trackId: 2, velocity: null },
      ],
    );
  });

  it('a car at constant speed keeps its track and shows its speed in px/s', () => {
    const tracker = createTracker();
    for (let i = 0; i < 8; i++) {
      const [tracked] = tracker.update([at(100 + 54 * i, 200 - 9 * i)], 1_000_000 + 1800 * i);
      assert.equal(tracked!.trackId, 1);
      if (i === 0) continue;
      assert.ok(Math.abs(tracked!.velocity![0] - 30) < 1e-6 && Math.abs(tracked!.velocity![1] + 5) < 1e-6);
    }
  });

  it('two that pass each other keep their tracks', () => {
    const tracker = createTracker();
    for (let i = 0; i <= 10; i++) {
      const east = at(100 + 40 * i, 200);
      const west = at(500 - 40 * i, 212);
      // Reported in either order.
      const tracked = tracker.update(i % 2 === 0 ? [east, west] : [west, east], i * 1000);
      assert.deepEqual(ids(tracked), i % 2 === 0 ? [1, 2] : [2, 1], `frame ${i}`);
    }
  });

  it('an object missed for two frames is itself again, where its speed takes it', () => {
    const tracker = createTracker();
    for (let i = 0; i < 7; i++) {
      const seen = i === 3 || i === 4 ? [] : [at(100 + 30 * i, 100)];
      assert.deepEqual(
        ids(tracker.update(seen, i * 1000)),
        seen.map(() => 1),
      );
    }
  });

  it('what was missed too often, or too long, comes back as another', () => {
    const often = createTracker({ maxMisses: 3, maxAgeSeconds: 60 });
    often.update([at(100, 100)], 0);
    for (let i = 1; i <= 4; i++) often.update([], i * 500);
    assert.equal(often.size, 0);
    assert.deepEqual(ids(often.update([at(100, 100)], 2500)), [2]);

    const long = createTracker({ maxAgeSeconds: 6 });
    long.update([at(100, 100)], 0);
    assert.deepEqual(ids(long.update([at(100, 100)], 6001)), [2]);
  });

  it('car, bus and truck are one kind: a flickering class keeps the track; a person is another kind', () => {
    const tracker = createTracker();
    const names: ObjectClass[] = ['car', 'truck', 'car', 'bus'];
    for (const [i, name] of names.entries()) assert.deepEqual(ids(tracker.update([at(100, 100, name)], i * 1000)), [1]);
    assert.deepEqual(ids(tracker.update([at(100, 100, 'person')], 5000)), [2]);
  });

  it('what appears far away, or at another size, is another object', () => {
    const tracker = createTracker();
    tracker.update([at(100, 100)], 0);
    assert.deepEqual(ids(tracker.update([at(600, 100)], 1000)), [2]);
    assert.deepEqual(ids(tracker.update([at(600, 100, 'car', 200, 150)], 2000)), [3]);
  });

  it('a trembling box of a parked car stays slow', () => {
    const tracker = createTracker();
    const speeds: number[] = [];
    for (let i = 0; i < 20; i++) {
      const [tracked] = tracker.update([at(100 + (i % 2), 100 - (i % 3))], i * 1000);
      if (tracked!.velocity !== null) speeds.push(Math.hypot(...tracked!.velocity));
    }
    assert.ok(speeds.length >= 15, `${speeds.length} of 20 frames have a velocity`);
    assert.ok(Math.max(...speeds) < 3, speeds.join());
  });

  it('two frames with the same time, or a clock set back, break nothing', () => {
    const tracker = createTracker();
    for (const [i, time] of [1000, 1000, 500, 2000].entries()) {
      const [tracked] = tracker.update([at(100 + i, 100)], time);
      assert.equal(tracked!.trackId, 1);
      assert.ok(tracked!.velocity === null || tracked!.velocity.every(Number.isFinite));
    }
  });

  it('keeps no more tracks than allowed, those seen last', () => {
    const tracker = createTracker({ maxTracks: 3 });
    tracker.update([at(0, 0), at(300, 0)], 0);
    const later = tracker.update([at(600, 0), at(900, 0), at(1200, 0)], 500);
    assert.equal(tracker.size, 3);
    assert.deepEqual(ids(tracker.update([at(600, 0), at(900, 0), at(1200, 0)], 1000)), ids(later));
  });

  it('any input: the same detections in the same order, no track twice in a frame, bounded memory', () => {
    const detection = fc
      .tuple(
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 0, max: 300 }),
        fc.constantFrom(...OBJECT_CLASSES),
        fc.integer({ min: 1, max: 80 }),
      )
      .map(([x, y, name, size]) => at(x, y, name, size, size));
    fc.assert(
      fc.property(
        fc.array(fc.array(detection, { maxLength: 15 }), { maxLength: 12 }),
        fc.integer({ min: 100, max: 3000 }),
        (frames, interval) => {
          const tracker = createTracker({ maxTracks: 20 });
          for (const [i, detections] of frames.entries()) {
            const tracked = tracker.update(detections, i * interval);
            assert.deepEqual(
              tracked.map(({ bbox }) => bbox),
              detections.map(({ bbox }) => bbox),
            );
            assert.equal(new Set(ids(tracked)).size, tracked.length);
            assert.ok(tracker.size <= 20);
          }
        },
      ),
    );
  });
});
