import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headerOf, type RtspMessage, RtspSyntaxError, WireReader } from '../../src/rtsp/wire-reader.ts';
import { Random } from '../support/random.ts';

type Item = { readonly message: RtspMessage } | { readonly channel: number; readonly payload: string };

function reader(channels?: readonly number[]): { readonly items: Item[]; readonly push: (bytes: Buffer) => void } {
  const items: Item[] = [];
  const wire = new WireReader({
    onMessage: (message) => items.push({ message }),
    onPacket: (channel, payload) => items.push({ channel, payload: payload.toString('latin1') }),
  });
  if (channels !== undefined) wire.expect(channels);
  return { items, push: (bytes) => wire.push(bytes) };
}

const packet = (channel: number, payload: string): string =>
  `$${String.fromCharCode(channel, payload.length >> 8, payload.length & 255)}${payload}`;
const rtp = (text: string): string => `\x80${text}`;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** The same bytes at once, one by one, and in random pieces must give the same. */
function read(text: string, channels?: readonly number[]): readonly Item[] {
  const whole = reader(channels);
  whole.push(bytes(text));
  const single = reader(channels);
  for (const byte of bytes(text)) single.push(Buffer.from([byte]));
  assert.deepEqual(single.items, whole.items, 'byte by byte');
  const random = new Random(text.length);
  const pieces = reader(channels);
  for (let at = 0; at < text.length;) {
    const end = at + 1 + random.below(40);
    pieces.push(bytes(text.slice(at, end)));
    at = end;
  }
  assert.deepEqual(pieces.items, whole.items, 'in pieces');
  return whole.items;
}

const REPLY = 'RTSP/1.0 200 OK\r\nCSeq: 4\r\nContent-Length: 5\r\n\r\nv=0\r\n';

test('replies, requests and packets, in any pieces', () => {
  const items = read(
    `${packet(0, 'abc')}${REPLY}${packet(1, '')}OPTIONS * RTSP/1.0\r\ncSEQ:1\r\n\r\n\r\n${packet(9, 'x'.repeat(700))}`,
  );
  assert.equal(items.length, 5);
  assert.deepEqual(items[0], { channel: 0, payload: 'abc' });
  const { message } = items[1] as { message: RtspMessage };
  assert.equal(message.start, 'RTSP/1.0 200 OK');
  assert.equal(headerOf(message, 'cseq'), '4');
  assert.equal(message.body.toString(), 'v=0\r\n');
  assert.deepEqual(items[2], { channel: 1, payload: '' });
  assert.equal(headerOf((items[3] as { message: RtspMessage }).message, 'cseq'), '1');
});

test('lines that end with LF, folded headers, a reason in any language', () => {
  const [item] = read('RTSP/1.0 404 \xe6\x9c\xaa\x1b[31m\nWWW-Authenticate: Digest\n  realm="x"\nno colon\n\n');
  const { message } = item as { message: RtspMessage };
  assert.equal(message.start, 'RTSP/1.0 404 \xe6\x9c\xaa\x1b[31m');
  assert.deepEqual(message.headers, [['www-authenticate', 'Digest realm="x"']]);
});

test('goes on after garbage at a packet of a known channel, or at a reply', () => {
  const garbage = '\0garbage\xff'.repeat(50);
  const items = read(
    `${packet(0, rtp('a'))}${garbage}${packet(0, rtp('bcde'))}${garbage}junk ${REPLY}${packet(1, rtp('fghi'))}`,
    [0, 1],
  );
  assert.deepEqual(
    items.map((item) => ('message' in item ? item.message.start : item.payload)),
    [rtp('a'), rtp('bcde'), 'RTSP/1.0 200 OK', rtp('fghi')],
  );
});

test('garbage with a dollar in it swallows nothing', () => {
  for (const garbage of ['\xff$', '\xff$$$', '\xff$\x05\xff\xff\x80', '\xff$\0\xff\xff\x00', 'text$']) {
    const items = read(`\xff${garbage}${packet(0, rtp('abcd'))}`, [0, 1]);
    assert.deepEqual(items, [{ channel: 0, payload: rtp('abcd') }], JSON.stringify(garbage));
  }
});

test('bounds: headers, body, start line, garbage', () => {
  const refused = (text: string): void => assert.throws(() => reader().push(bytes(text)), RtspSyntaxError);
  refused(`RTSP/1.0 200 OK\r\n${'X: y\r\n'.repeat(201)}`);
  refused(`RTSP/1.0 200 OK\r\nX: ${'y'.repeat(65_536)}`);
  for (const length of ['262145', '-1', '1e3', '99999999999999999999'])
    refused(`RTSP/1.0 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
  refused('\xff'.repeat(262_145));
  refused('no line end '.repeat(25_000));
  // Garbage in between is no reason to end a session, however long it goes on.
  const wire = reader([0]);
  for (let round = 0; round < 2_000; round += 1) wire.push(bytes(`${'\xff'.repeat(450)}${packet(0, rtp('abcd'))}`));
  assert.equal(wire.items.length, 2_000);
});
