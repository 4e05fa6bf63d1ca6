import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { OutputTail } from '../../src/runtime/output-tail.ts';
import { printable } from '../../src/runtime/printable.ts';
import { assertLinear } from '../support/cpu-ms.ts';
import { until } from '../support/until.ts';

test('the last lines are kept, whatever the chunks, and nothing in them controls a terminal or forges a line', () => {
  const tail = new OutputTail(2, (line) => line.replaceAll('geheim', '***'));
  for (const piece of ['one\ntw', 'o\r\n\n  \nthr', 'ee geh', 'eim \u001b[31mred\u001b[0m\u202e'])
    tail.push(Buffer.from(piece));
  assert.deepEqual(tail.lines(), ['two', 'three *** \\x1b[31mred\\x1b[0m\\u202e']);
  tail.note('a\nb');
  assert.equal(tail.last(), 'a\\x0ab');
  assert.equal(new OutputTail().last(), null);
  assert.equal(printable('plain 文字 é'), 'plain 文字 é');
});

test('a flood of lines and a line without end cost linear time and no memory', () => {
  for (const chunk of [
    Buffer.alloc(65_536, 'x'),
    Buffer.alloc(65_536, 'x\n'),
    Buffer.alloc(65_536, '\r'),
    Buffer.alloc(65_536, '\n'),
  ]) {
    const prepare = (times: number) => () => {
      const tail = new OutputTail();
      for (let i = 0; i < times; i += 1) tail.push(chunk);
      assert.ok(tail.lines().every((line) => line.length <= 300));
    };
    assertLinear(`chunks of ${JSON.stringify(chunk.toString('latin1', 0, 2))}`, prepare, 10);
  }
});

test('a program that floods is left to wait once a second brought 256 KiB', async (t) => {
  // No second passes unless told.
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pipe = new PassThrough({ highWaterMark: 16_384 });
  t.after(() => pipe.destroy());
  const tail = new OutputTail();
  const finish = tail.follow(pipe);
  let taken = 0;
  pipe.on('data', (chunk: Buffer) => (taken += chunk.length));
  let isFull = false;
  for (let i = 0; i < 200 && !isFull; i += 1) {
    isFull = !pipe.write(Buffer.alloc(16_384, 'y\n'));
    await turn();
    if (!pipe.isPaused()) isFull = false;
  }
  assert.ok(pipe.isPaused());
  assert.ok(taken <= 300_000, `${taken} bytes were read`);
  t.mock.timers.tick(1_000);
  assert.ok(!pipe.isPaused(), 'the next second brings more');
  t.mock.timers.reset();
  finish();
  pipe.end('last words\n');
  await until('the rest is read', () => tail.last() === 'last words');
});
