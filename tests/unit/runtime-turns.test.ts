import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { corkTurn } from '../../src/runtime/cork.ts';
import { joinSignals } from '../../src/runtime/joined-signal.ts';

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

describe('writes of one turn', () => {
  it('go out together at its end', async () => {
    const { stream, writes } = sink();
    for (const chunk of ['a', 'b', 'c']) {
      corkTurn(stream);
      stream.write(chunk);
    }
    assert.deepEqual(writes, []);
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(writes, [['a', 'b', 'c']]);
    corkTurn(stream);
    stream.write('d');
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(writes.at(-1), ['d']);
  });

  it('do not wait for the end of a turn that takes long', () => {
    const { stream, writes } = sink();
    corkTurn(stream);
    stream.write('a');
    for (const until = performance.now() + 3; performance.now() < until; );
    corkTurn(stream);
    stream.write('b');
    assert.deepEqual(writes.flat(), ['a']);
  });

  it('a stream that is not there yet is no stream', () => corkTurn(undefined));
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
