import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { phaseOf, Sampler } from '../../src/ingest/sampler.ts';

interface Film {
  readonly seconds: number;
  readonly fps: number;
  /** Units from keyframe to keyframe. */
  readonly gop: number;
  readonly from?: number;
  readonly jitter?: (n: number) => number;
}

/** The times that are taken of a film, in ms, and how. */
function takes(sampler: Sampler, { seconds, fps, gop, from = 0, jitter = () => 0 }: Film): [number, string][] {
  const taken: [number, string][] = [];
  for (let n = 0; n < seconds * fps; n += 1) {
    const at = from + (n * 1000) / fps + jitter(n);
    const take = sampler.offer({ at, isKey: n % gop === 0 });
    if (take !== 'skip') taken.push([at, take]);
  }
  return taken;
}

const distances = (taken: readonly [number, string][]): number[] =>
  taken.slice(1).map(([at], index) => at - taken[index]![0]);

describe('the sampler', () => {
  test('takes keyframes alone while they come often enough, at the wanted rate on average', () => {
    const taken = takes(new Sampler(1_800, 0), { seconds: 92, fps: 25, gop: 25 });
    assert.ok(taken.every(([, how]) => how === 'keyframe'));
    assert.ok(distances(taken).every((each) => each === 1_000 || each === 2_000));
    const rate = (taken.length - 1) / ((taken.at(-1)![0] - taken[0]![0]) / 1_800);
    assert.ok(rate > 0.98 && rate < 1.03, `${rate} of the wanted rate`);
  });

  test('does not miss a due time by jitter, and never takes two keyframes for one', () => {
    const jitter = (n: number): number => ((n * 7_919) % 80) - 40;
    const taken = takes(new Sampler(2_000, 0.5), { seconds: 100, fps: 25, gop: 25, jitter });
    assert.ok(Math.abs(taken.length - 50) <= 1, `${taken.length} pictures in 100 s`);
    assert.ok(
      distances(taken)
        .slice(1)
        .every((each) => each > 1_900 && each < 2_100),
    );
  });

  test('has all frames decoded where keyframes are 20 s apart, one each 2 s', () => {
    const taken = takes(new Sampler(2_000, 0), { seconds: 80, fps: 10, gop: 200 });
    const later = taken.filter(([at]) => at > 3_000);
    assert.deepEqual(new Set(distances(later)), new Set([2_000]));
    assert.equal(taken[0]![1], 'keyframe');
    assert.ok(later.filter(([, how]) => how === 'continues').length > 30);
  });

  test('waits for the first keyframe of a session and takes it at once', () => {
    const sampler = new Sampler(2_000, 0);
    assert.equal(sampler.offer({ at: 0, isKey: false }), 'skip');
    assert.equal(sampler.offer({ at: 50, isKey: true }), 'keyframe');
    assert.equal(sampler.offer({ at: 100, isKey: true }), 'skip');
    sampler.restart();
    assert.equal(sampler.offer({ at: 150, isKey: false }), 'skip');
    assert.equal(sampler.offer({ at: 200, isKey: true }), 'keyframe');
  });

  test('makes nothing up for a pause', () => {
    const sampler = new Sampler(1_000, 0);
    takes(sampler, { seconds: 5, fps: 10, gop: 5 });
    const taken = takes(sampler, { seconds: 5, fps: 10, gop: 5, from: 60_000 });
    assert.equal(taken[0]![0], 60_000);
    assert.ok(distances(taken).every((each) => each >= 1_000));
  });

  test('takes every picture of a camera that sends one in seven seconds', () => {
    const taken = takes(new Sampler(2_000, 0.9), { seconds: 70, fps: 1 / 7, gop: 1 });
    assert.equal(taken.length, 10);
  });

  test('goes back to keyframes when they come often again', () => {
    const sampler = new Sampler(2_000, 0);
    takes(sampler, { seconds: 40, fps: 10, gop: 100 });
    assert.equal(sampler.allFrames, true);
    takes(sampler, { seconds: 10, fps: 10, gop: 10, from: 40_000 });
    assert.equal(sampler.allFrames, false);
  });

  test('follows another interval from the next picture on', () => {
    const sampler = new Sampler(10_000, 0);
    takes(sampler, { seconds: 1, fps: 25, gop: 25 });
    sampler.intervalMs = 1_000;
    const taken = takes(sampler, { seconds: 10, fps: 25, gop: 25, from: 1_000 });
    assert.ok(taken.length >= 9, `${taken.length}`);
  });

  test('spreads cameras that start together', () => {
    const second = new Set(
      Array.from({ length: 40 }, (_, n) => {
        const taken = takes(new Sampler(4_000, phaseOf(`camera-${n}`)), { seconds: 10, fps: 25, gop: 25 });
        return taken[1]![0];
      }),
    );
    assert.ok(second.size >= 3, `due at ${[...second].join(', ')}`);
    assert.equal(phaseOf('gate-3'), phaseOf('gate-3'));
  });

  test('never takes more than the wanted rate, whatever the distances of keyframes', () => {
    const gaps = fc.array(fc.record({ gap: fc.integer({ min: 1, max: 5_000 }), isKey: fc.boolean() }), {
      minLength: 1,
      maxLength: 300,
    });
    fc.assert(
      fc.property(gaps, fc.integer({ min: 100, max: 10_000 }), (units, intervalMs) => {
        const sampler = new Sampler(intervalMs, 0);
        let at = 0;
        let count = 0;
        for (const { gap, isKey } of units) {
          at += gap;
          if (sampler.offer({ at, isKey }) !== 'skip') count += 1;
        }
        assert.ok(count <= at / intervalMs + 2, `${count} pictures in ${at} ms`);
      }),
    );
  });
});
