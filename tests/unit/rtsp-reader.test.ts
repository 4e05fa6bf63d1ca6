import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { headerOf, type RtspMessage, RtspReader } from '../../src/source/rtsp-reader.ts';

const packet = (channel: number, size: number, fill: number): Buffer =>
  Buffer.concat([Buffer.from([0x24, channel, size >> 8, size & 255]), Buffer.alloc(size, fill)]);

/** What came out, with the packets' bytes put together: chunks may cut them anywhere. */
function read(chunks: readonly Buffer[]): { readonly messages: RtspMessage[]; readonly data: Buffer } {
  const reader = new RtspReader();
  const found = chunks.flatMap((chunk) => reader.push(chunk));
  return {
    messages: found.filter((item) => item.kind === 'message'),
    data: Buffer.concat(found.flatMap((item) => (item.kind === 'data' ? [item.bytes] : []))),
  };
}

// A packet full of line feeds and one full of dollars: neither may be taken for anything else.
const PACKETS = [packet(0, 300, 0x0a), packet(1, 0, 0), packet(0, 70, 0x24)] as const;
const STREAM = Buffer.concat([
  Buffer.from('RTSP/1.0 200 OK\r\nCSeq: 1\r\nSession: X;timeout=60\r\n\r\n'),
  PACKETS[0],
  Buffer.from('RTSP/1.0 200 OK\ncseq: 2\ncontent-length: 6\n\nv=0\r\n$'),
  PACKETS[1],
  Buffer.from('\r\n\r\nOPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 3\r\nX-Folded: a\r\n b\r\n\r\n'),
  PACKETS[2],
]);

test('messages and packets come out the same wherever the chunks are cut', () => {
  const check = (chunks: readonly Buffer[]): void => {
    const { messages, data } = read(chunks);
    assert.deepEqual(
      messages.map(({ start }) => start),
      ['RTSP/1.0 200 OK', 'RTSP/1.0 200 OK', 'OPTIONS rtsp://h/x RTSP/1.0'],
    );
    assert.deepEqual(
      messages.map((message) => headerOf(message, 'cseq')),
      ['1', '2', '3'],
    );
    assert.equal(headerOf(messages[0]!, 'session'), 'X;timeout=60');
    assert.equal(messages[1]!.body.toString(), 'v=0\r\n$');
    assert.equal(headerOf(messages[2]!, 'x-folded'), 'a b');
    assert.ok(data.equals(Buffer.concat(PACKETS)), 'the packets are whole and in order');
  };
  for (let at = 0; at <= STREAM.length; at += 1) check([STREAM.subarray(0, at), STREAM.subarray(at)]);
  check(Array.from(STREAM, (byte) => Buffer.from([byte])));
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 40 }), (sizes) => {
      const chunks: Buffer[] = [];
      for (let at = 0, i = 0; at < STREAM.length; i += 1) {
        chunks.push(STREAM.subarray(at, at + sizes[i % sizes.length]!));
        at += sizes[i % sizes.length]!;
      }
      check(chunks);
    }),
  );
});

test('hostile bytes end in an error, or in nothing held beyond the bounds', () => {
  const refused = (text: string): void => assert.throws(() => read([Buffer.from(text)]), { code: 'BAD_RTSP' });
  refused(`RTSP/1.0 200 OK\r\nX: ${'a'.repeat(20_000)}`);
  refused(`RTSP/1.0 200 OK\r\n${'X: y\r\n'.repeat(101)}`);
  for (const length of ['65537', '99999999999', '-1', '1e3', 'x'])
    refused(`RTSP/1.0 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
  refused('junk\n'.repeat(20_000));
  refused('A'.repeat(20_000));
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 30 }), (chunks) => {
      try {
        read(chunks.map((chunk) => Buffer.from(chunk)));
      } catch (thrown) {
        assert.equal((thrown as { code?: unknown }).code, 'BAD_RTSP');
      }
    }),
  );
});

test('bytes that come one by one cost no more than linear time', () => {
  const body = (size: number): Buffer =>
    Buffer.from(`RTSP/1.0 200 OK\r\nContent-Length: ${size}\r\n\r\n${'b'.repeat(size)}`);
  const cost = (size: number): number => {
    const bytes = Array.from(body(size), (byte) => Buffer.from([byte]));
    const began = process.cpuUsage();
    assert.equal(read(bytes).messages[0]?.body.length, size);
    const { user, system } = process.cpuUsage(began);
    return user + system;
  };
  cost(10_000);
  const [small, large] = [Math.min(cost(15_000), cost(15_000), cost(15_000)), Math.min(cost(60_000), cost(60_000))];
  assert.ok(large < 10 * small + 20_000, `four times the bytes cost ${large} us instead of ${small} us`);
});
