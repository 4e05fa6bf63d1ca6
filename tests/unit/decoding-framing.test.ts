import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Framed, FrameReader, frameHeader, MAX_BLOCKS } from '../../src/decoding/decoder-framing.ts';
import { Random } from '../support/random.ts';

const whole = (message: object, blocks: readonly Uint8Array[]): Buffer =>
  Buffer.concat([frameHeader(message, blocks), ...blocks]);

function readAll(bytes: Uint8Array, step: () => number): Framed[] {
  const reader = new FrameReader();
  const found: Framed[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + step();
    reader.push(bytes.subarray(at, end), (framed) => found.push(framed));
    at = end;
  }
  return found;
}

test('messages come out whole, however their bytes are cut', () => {
  const random = new Random(1);
  const blocks = [Buffer.from('first'), Buffer.alloc(0), Buffer.alloc(3_000, 7)];
  const bytes = Buffer.concat([whole({ a: 1 }, []), whole({ b: 'ü' }, blocks), whole({ c: 3 }, [Buffer.alloc(0)])]);
  for (const step of [() => 1, () => 1_000_000, () => 1 + random.below(40)]) {
    const found = readAll(bytes, step);
    assert.deepEqual(
      found.map(({ message }) => message),
      [{ a: 1 }, { b: 'ü' }, { c: 3 }],
    );
    assert.deepEqual(
      found.map((framed) => framed.blocks.map(({ length }) => length)),
      [[], [5, 0, 3_000], [0]],
    );
    assert.equal(Buffer.from(found[1]!.blocks[0]!).toString(), 'first');
    assert.ok(
      found[1]!.blocks.every((block) => block.buffer.byteLength === block.length),
      'can be transferred',
    );
  }
});

test('bytes that are no message, or beyond the bounds, are refused before any memory is taken for them', () => {
  const good = whole({ a: 1 }, [Buffer.from('x')]);
  const changed = (at: number, value: number): Buffer => {
    const bytes = Buffer.from(good);
    bytes.writeUInt32LE(value, at);
    return bytes;
  };
  for (const bytes of [changed(0, 1), changed(4, 0), changed(4, 2 ** 31), changed(8, MAX_BLOCKS + 1), changed(8, 2)])
    assert.throws(() => readAll(bytes, () => 64), RangeError);
  for (const header of ['{}', '[1]', '[1,[-1]]', '[1,[0.5]]', '[1,"x"]'])
    assert.throws(() => {
      const bytes = Buffer.concat([Buffer.from(good.subarray(0, 12)), Buffer.from(header)]);
      bytes.writeUInt32LE(header.length, 4);
      readAll(bytes, () => 1_000);
    }, RangeError);
});

test('a message beyond the bounds is not written', () => {
  assert.throws(() => frameHeader({ long: 'x'.repeat(300_000) }, []), RangeError);
});
