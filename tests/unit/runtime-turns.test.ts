import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { corkBriefly } from '../../src/runtime/cork.ts';
import { joinSignals } from '../../src/runtime/joined-signal.ts';

/** A stream that notes which chunks are written together. */
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
    assert.deepEqual(writes, [
      ['a1', 'b1', 'c1'],
      ['a2', 'b2', 'c2'],
    ]);
  });

  it('a stream that is not there yet is no stream', () => corkBriefly(undefined));
});

describe('a joined signal', () => {
  it('is aborted with any of those it is made of, by hand, and from the beginning', () => {
    const [one, other] = [new AbortController(), new AbortController()];
    const joined = joinSignals([one.signal, undefined, other.signal]);
    assert.equal(joined.signal.aborted, false);
    other.abort();
    assert.equal(joined.signal.aborted, true);
    const byHand = joinSignals([one.signal]);
    byHand.abort();
    assert.equal(byHand.signal.aborted, true);
    assert.equal(joinSignals([AbortSignal.abort('why')]).signal.reason, 'why');
  });

  it('is forgotten by them once it is released', () => {
    const controller = new AbortController();
    const joined = joinSignals([controller.signal]);
    joined.release();
    controller.abort();
    assert.equal(joined.signal.aborted, false);
  });
});
