import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { corkBriefly } from '../../src/runtime/cork.ts';

/** Notes what goes out together. */
function sink() {
  const writes: string[][] = [];
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string, _, done) => {
      writes.push([chunk]);
      done();
    },
    writev: (chunks, done) => {
      writes.push(chunks.map(({ chunk }) => String(chunk)));
      done();
    },
  });
  return { stream, writes };
}

describe('writes that belong together', () => {
  it('go out together, soon after', async () => {
    const { stream, writes } = sink();
    for (const chunk of ['a', 'b', 'c']) {
      corkBriefly(stream);
      stream.write(chunk);
    }
    assert.deepEqual(writes, []);
    await Promise.resolve();
    assert.deepEqual(writes, [['a', 'b', 'c']]);
    corkBriefly(stream);
    stream.write('d');
    await Promise.resolve();
    assert.deepEqual(writes.at(-1), ['d']);
  });

  it('of tasks that move in step meet', async () => {
    const { stream, writes } = sink();
    const task = async (name: string): Promise<void> => {
      for (const step of [1, 2]) {
        await Promise.resolve();
        corkBriefly(stream);
        stream.write(`${name}${step}`);
      }
    };
    await Promise.all([task('a'), task('b'), task('c')]);
    await Promise.resolve();
    assert.deepEqual(writes, [['a1', 'b1', 'c1'], ['a2', 'b2', 'c2']]);
  });

  it('a stream that is not there yet is no stream', () => corkBriefly(undefined));
});
