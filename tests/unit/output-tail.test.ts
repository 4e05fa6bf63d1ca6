import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { OutputTail } from '../../src/runtime/output-tail.ts';
import { printable } from '../../src/runtime/printable.ts';

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
    const cost = (times: number): number => {
      const tail = new OutputTail();
      const began = process.cpuUsage();
      for (let i = 0; i < times; i += 1) tail.push(chunk);
      const { user, system } = process.cpuUsage(began);
      assert.ok(tail.lines().every((line) => line.length <= 300));
      return user + system;
    };
    cost(5);
    const [small, large] = [Math.min(cost(10), cost(10), cost(10)), Math.min(cost(40), cost(40))];
    assert.ok(large < 10 * small + 20_000, `four times the bytes cost ${large} us instead of ${small} us`);
  }
});

test('a program that floods is left to wait once a second brought 256 KiB', async (t) => {
  const pipe = new PassThrough({ highWaterMark: 16_384 });
  t.after(() => pipe.destroy());
  const tail = new OutputTail();
  const finish = tail.follow(pipe);
  let taken = 0;
  pipe.on('data', (chunk: Buffer) => (taken += chunk.length));
  let isFull = false;
  for (let i = 0; i < 200 && !isFull; i += 1) {
    isFull = !pipe.write(Buffer.alloc(16_384, 'y\n'));
    await delay(0);
    if (!pipe.isPaused()) isFull = false;
  }
  assert.ok(pipe.isPaused());
  assert.ok(taken <= 300_000, `${taken} bytes were read`);
  finish();
  pipe.end('last words\n');
  await delay(20);
  assert.equal(tail.last(), 'last words');
});
