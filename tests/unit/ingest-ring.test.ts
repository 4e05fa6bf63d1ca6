import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { RingBudget, UnitRing } from '../../src/ingest/unit-ring.ts';
import { unitAt } from '../support/access-units.ts';

const KB = 1024;
const ats = (units: readonly { readonly at: number }[] | undefined): number[] => (units ?? []).map(({ at }) => at);

/** A ring filled at `fps` for `seconds`, from time 0, with a keyframe each `gop` units. */
function filled(ring: UnitRing, seconds: number, { fps = 10, gop = 10, bytes = KB } = {}): UnitRing {
  for (let n = 0; n < seconds * fps; n += 1) ring.push(unitAt((n * 1000) / fps, { isKey: n % gop === 0, bytes }));
  return ring;
}

describe('the ring of a camera', () => {
  test('keeps the last 12 s and begins with a keyframe', () => {
    const ring = filled(new UnitRing(), 60);
    assert.equal(ring.newestAt, 59_900);
    assert.deepEqual(ats(ring.span(0, Infinity)[0]?.units).slice(0, 2), [47_000, 47_100]);
    assert.ok(ring.keptSeconds >= 12 && ring.keptSeconds <= 13, `${ring.keptSeconds} s`);
    assert.equal(ring.isShort, false);
  });

  test('keeps a group of pictures that is longer than 12 s as a whole, while the bytes allow it', () => {
    const ring = filled(new UnitRing(), 29, { gop: 200 });
    assert.equal(ring.upTo(28_000)?.units.length, 81, 'from the keyframe at 20 s');
    assert.equal(ring.upTo(19_900)?.units.length, 200, 'the last picture of the first group, 9 s old');
  });

  test('is bounded in bytes, and says so', () => {
    const ring = filled(new UnitRing({ maxBytes: 4_000 * KB }), 20, { bytes: 100 * KB });
    assert.ok(ring.bytes <= 4_000 * KB, `${ring.bytes}`);
    assert.ok(ring.keptSeconds >= 2 && ring.keptSeconds < 4, `${ring.keptSeconds} s`);
    assert.equal(ring.isShort, true);
  });

  test('drops the oldest pictures of a group that alone is too large, and goes on with the others', () => {
    const ring = filled(new UnitRing({ maxBytes: 1_000 * KB }), 10, { gop: 1_000, bytes: 100 * KB });
    assert.ok(ring.bytes <= 1_000 * KB);
    assert.equal(ring.upTo(9_900), null, 'pictures between it and the keyframe are gone');
    assert.equal(ring.upTo(0)?.units.length, 1, 'the keyframe itself is there');
    assert.deepEqual(ats(ring.after(0, 9_700, 9_900)?.units), [9_800, 9_900]);
    assert.equal(ring.after(0, 1_000, 9_900), null, 'some of those after it are gone');
    assert.equal(ring.sinceKeyframe(), null);
    assert.deepEqual(ring.span(0, Infinity), []);
  });

  test('gives the units from the keyframe to a picture, and those that continue one', () => {
    const ring = filled(new UnitRing(), 3);
    assert.deepEqual(ats(ring.upTo(1_200)?.units), [1_000, 1_100, 1_200]);
    assert.equal(ring.upTo(1_250), null, 'no picture of that time');
    assert.deepEqual(ats(ring.after(0, 2_100, 2_300)?.units), [2_200, 2_300]);
    assert.equal(ring.after(0, 1_900, 2_300), null, 'a keyframe came since: beginning there is less work');
    assert.deepEqual(
      ats(ring.sinceKeyframe()?.units),
      [2_000, 2_100, 2_200, 2_300, 2_400, 2_500, 2_600, 2_700, 2_800, 2_900],
    );
  });

  test('never continues one session with units of another', () => {
    const ring = filled(new UnitRing(), 2);
    ring.begin(7);
    assert.equal(ring.push(unitAt(2_000)), null, 'no keyframe of this session came yet');
    ring.push(unitAt(2_500, { isKey: true }));
    ring.push(unitAt(2_600));
    const runs = ring.span(1_500, 3_000);
    assert.deepEqual(
      runs.map(({ stream, units }) => [stream, units[0]?.at, units.at(-1)?.at]),
      [
        [0, 1_000, 1_900],
        [7, 2_500, 2_600],
      ],
    );
    assert.equal(ring.after(0, 1_900, 2_600), null);
    assert.deepEqual(ring.span(2_300, 3_000).length, 1, 'the keyframe before is of the session that is over');
  });

  test('names each picture by a time of its own', () => {
    const ring = new UnitRing();
    const held = [0, 0, 0, 3].map((at) => ring.push(unitAt(at, { isKey: true }))?.at);
    assert.deepEqual(held, [0, 1, 2, 3]);
  });

  test('does not keep a large buffer for the sake of a small unit in it', () => {
    const ring = new UnitRing();
    const chunk = new Uint8Array(128 * KB).fill(9);
    const held = ring.push({ ...unitAt(0, { isKey: true }), data: chunk.subarray(100, 200) });
    assert.equal(held?.data.buffer.byteLength, 100);
    assert.equal(held?.data[99], 9);
    const pooled = { ...unitAt(40), data: Buffer.from('a unit in a pool') };
    assert.equal(ring.push(pooled)?.data, pooled.data, 'nor copies each unit of a shared pool');
  });

  test('never holds more than its bytes, whatever comes', () => {
    const unit = fc.record({ isKey: fc.boolean(), bytes: fc.integer({ min: 1, max: 40_000 }), later: fc.nat(3_000) });
    fc.assert(
      fc.property(fc.array(unit, { maxLength: 200 }), (units) => {
        const budget = new RingBudget(150_000);
        const rings = [new UnitRing({ maxBytes: 100_000, budget }), new UnitRing({ maxBytes: 100_000, budget })];
        let at = 0;
        for (const [n, { isKey, bytes, later }] of units.entries()) {
          at += later;
          const ring = rings[n % 2]!;
          const held = ring.push(unitAt(at, { isKey, bytes }));
          assert.ok(ring.bytes <= 100_000 && budget.bytes <= 150_000);
          assert.equal(budget.bytes, rings[0]!.bytes + rings[1]!.bytes);
          for (const run of ring.span(0, Infinity)) assert.ok(run.units[0]?.isKey);
          if (held?.isKey === true) assert.equal(ring.upTo(held.at)?.units.length, 1);
        }
        for (const ring of rings) ring.close();
        assert.equal(budget.bytes, 0);
      }),
    );
  });

  test('gives room up to other cameras when it is the largest', () => {
    const budget = new RingBudget(3_000 * KB);
    const small = filled(new UnitRing({ budget }), 12, { bytes: KB });
    const large = filled(new UnitRing({ budget }), 12, { bytes: 100 * KB });
    assert.ok(budget.bytes <= 3_000 * KB);
    assert.ok(small.keptSeconds > 11, 'the small one keeps its seconds');
    assert.equal(large.isShort, true);
  });
});
