import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PacketFields, receiverOf, rtpPacket } from '../support/rtp-track.ts';

const SPS = Buffer.from('6764001facb2016024d810800001f480007530078c1924', 'hex');
const PPS = Buffer.from('68ebe3cb22c0', 'hex');
const SPROP = { 'sprop-parameter-sets': `${SPS.toString('base64')},${PPS.toString('base64')}` };
const START = '00000001';
const SETS = `${START}${SPS.toString('hex')}${START}${PPS.toString('hex')}`;
/** The first slice of a picture, by a byte of content; the second has no flag of the first. */
const idr = (content: number): Buffer => Buffer.from([0x65, 0x88, content]);
const slice = (content: number): Buffer => Buffer.from([0x41, 0x9a, content]);
const secondSlice = (content: number): Buffer => Buffer.from([0x41, 0x4a, content]);
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

/** A player of H.264 packets, numbered as they come, 40 ms apart by the timestamp. */
function h264(reorder = false, fmtp: Record<string, string> = SPROP) {
  const { receiver, units } = receiverOf('h264', { fmtp, reorder });
  let sequence = 65_530;
  const send = (
    payload: Buffer,
    picture: number,
    fields: Partial<PacketFields> = {},
    at = 1000 + picture * 40,
  ): void => {
    sequence = (fields.sequence ?? sequence + 1) & 0xffff;
    receiver.push(rtpPacket({ marker: true, timestamp: picture * 3600, payload, ...fields, sequence }), at);
  };
  const skip = (count: number): void => void (sequence += count);
  return { receiver, units, send, skip };
}

test('a keyframe has the parameter sets in front, others come as they are', () => {
  const { units, send, receiver } = h264();
  send(slice(1), 0);
  send(idr(2), 1);
  send(slice(3), 2);
  assert.deepEqual(
    units.map(({ isKey, at, pts, data, codec }) => ({ isKey, at, pts, codec, data: hex(data) })),
    [
      { isKey: true, at: 1040, pts: 3600, codec: 'h264', data: `${SETS}${START}658802` },
      { isKey: false, at: 1080, pts: 7200, codec: 'h264', data: `${START}419a03` },
    ],
  );
  assert.equal(receiver.stats.dropped.awaitingKey, 1, 'a picture before the first keyframe is not decodable');
});

test('parameter sets in the stream replace those of the description, and stand once in front', () => {
  const { units, send } = h264();
  const newSps = Buffer.from(SPS);
  newSps[3] = 0x28;
  const stapA = Buffer.concat([Buffer.from([0x78, 0, newSps.length]), newSps, Buffer.from([0, PPS.length]), PPS]);
  send(stapA, 0, { marker: false });
  send(Buffer.from([9, 0xf0]), 0, { marker: false });
  send(idr(1), 0);
  send(idr(2), 1);
  const expected = `${START}${hex(newSps)}${START}${hex(PPS)}${START}`;
  assert.deepEqual(
    units.map(({ data }) => hex(data)),
    [`${expected}658801`, `${expected}658802`],
  );
});

test('a keyframe without known parameter sets is dropped and counted', () => {
  const { units, send, receiver } = h264(false, {});
  send(idr(1), 0);
  assert.equal(units.length, 0);
  assert.equal(receiver.stats.dropped.withoutSets, 1);
});

test('a camera that sets the marker on parameter sets', () => {
  const { units, send } = h264(false, {});
  send(SPS, 0);
  send(PPS, 0);
  send(idr(1), 0);
  assert.equal(hex(units[0]!.data), `${SETS}${START}658801`);
});

test('a camera that never sets the marker: pictures end where the timestamp changes', () => {
  const { units, send } = h264();
  for (let picture = 0; picture < 4; picture++) {
    send(picture === 0 ? idr(0) : slice(picture), picture, { marker: false });
    send(secondSlice(picture), picture, { marker: false }, 1005 + picture * 40);
  }
  assert.deepEqual(
    units.map(({ data, at }) => [at, hex(data).split(START).length]),
    [
      [1005, 5],
      [1045, 3],
      [1085, 3],
    ],
  );
});

test('a camera that sets the marker on each slice: recognised, whole pictures from the next keyframe on', () => {
  const { units, send, receiver } = h264();
  for (let picture = 0; picture < 6; picture++) {
    send(picture % 3 === 0 ? idr(picture) : slice(picture), picture);
    send(secondSlice(picture), picture);
  }
  const [, ...whole] = units.map(({ data, pts, isKey }) => [pts / 3600, isKey, hex(data).split(START).length]);
  assert.deepEqual(whole, [
    [3, true, 5],
    [4, false, 3],
  ]);
  assert.equal(receiver.stats.dropped.damaged, 1);
});

test('pictures after a loss are dropped up to the next keyframe', () => {
  const { units, send, skip, receiver } = h264();
  send(idr(0), 0);
  send(slice(1), 1);
  skip(2);
  send(slice(3), 3);
  send(slice(4), 4);
  send(idr(5), 5);
  send(slice(6), 6);
  assert.deepEqual(
    units.map(({ pts }) => pts / 3600),
    [0, 1, 5, 6],
  );
  assert.equal(receiver.stats.lost, 2);
  assert.equal(receiver.stats.dropped.awaitingKey, 2);
  assert.equal(receiver.droppedPictures, 2);
});

test('a fragment whose middle is lost damages its picture', () => {
  const { units, send, skip, receiver } = h264();
  send(idr(0), 0);
  send(Buffer.from([0x7c, 0x85, 0x88, 1]), 1, { marker: false });
  skip(1);
  send(Buffer.from([0x7c, 0x45, 3]), 1);
  send(Buffer.from([0x7c, 0x85, 0x88, 4]), 2, { marker: false });
  send(Buffer.from([0x7c, 0x05, 5]), 2, { marker: false });
  send(Buffer.from([0x7c, 0x45, 6]), 2);
  assert.deepEqual(
    units.map(({ data }) => hex(data)),
    [`${SETS}${START}658800`, `${SETS}${START}6588040506`],
  );
  assert.equal(receiver.stats.dropped.damaged, 1);
});

test('a keyframe right after a loss counts when its first slice is there', () => {
  const { units, send, skip } = h264();
  send(idr(0), 0);
  skip(1);
  send(idr(1), 1);
  skip(1);
  send(Buffer.from([0x65, 0x48, 2]), 2);
  send(idr(3), 3);
  assert.deepEqual(
    units.map(({ pts }) => pts / 3600),
    [0, 1, 3],
  );
});

test('a loss after a first picture in the middle does not make markers suspect', () => {
  const { units, send } = h264();
  send(secondSlice(0), 0);
  send(idr(1), 1);
  assert.equal(units.length, 1, 'the marker ends the picture at once');
});

test('without IDR pictures: recovery points and intra pictures with parameter sets are keyframes', () => {
  const { units, send, receiver } = h264(false, {});
  const intra = Buffer.from([0x41, 0x88, 0x80, 0]); // first_mb 0, slice type 7
  const recovery = Buffer.from([6, 5, 2, 1, 1, 6, 1, 0x84, 0x80]); // another message in front
  send(SPS, 0, { marker: false });
  send(PPS, 0, { marker: false });
  send(intra, 0);
  send(slice(1), 2);
  send(slice(1), 1); // shown before the keyframe, so it needs pictures before it: not at the next one
  send(recovery, 5, { marker: false });
  send(intra, 5);
  send(slice(1), 4);
  send(Buffer.from([6, 6, 1, 0x24, 0x80]), 6, { marker: false }); // recovery after some pictures
  send(slice(1), 6);
  assert.deepEqual(
    units.map(({ isKey, pts }) => [isKey, pts / 3600]),
    [
      [true, 0],
      [false, 2],
      [false, 1],
      [true, 5],
      [false, 4],
      [false, 6],
    ],
  );
  assert.equal(receiver.stats.dropped.awaitingKey, 0);
});

test('pictures that are shown before an open keyframe are dropped when decoding begins there', () => {
  const { units, send, receiver } = h264(false, {});
  const intra = Buffer.from([0x41, 0x88, 0x80, 0]);
  send(SPS, 5, { marker: false });
  send(PPS, 5, { marker: false });
  send(intra, 5);
  send(slice(1), 3);
  send(slice(1), 4);
  send(slice(1), 8);
  send(slice(1), 7);
  assert.deepEqual(
    units.map(({ pts }) => pts / 3600),
    [5, 8, 7],
  );
  assert.equal(receiver.stats.dropped.awaitingKey, 2);
});

test('padding, header extensions and contributing sources are taken off', () => {
  const { units, send } = h264();
  send(idr(1), 0, { padding: 5, extension: Buffer.alloc(8), sources: 3 });
  assert.equal(hex(units[0]!.data), `${SETS}${START}658801`);
});

test('packets of another type are counted, and no RTP at all', () => {
  const { units, send, receiver } = h264();
  send(idr(1), 0, { payloadType: 8 });
  receiver.push(Buffer.from('hello'), 0);
  receiver.push(Buffer.alloc(0), 0);
  receiver.push(rtpPacket({ sequence: 1, timestamp: 1, payload: Buffer.alloc(0), padding: 200 }).subarray(0, 40), 0);
  assert.equal(units.length, 0);
  const { received, ssrc, dropped } = receiver.stats;
  assert.deepEqual([received, ssrc, dropped.otherType, dropped.malformed], [0, null, 1, 3]);
});

test('a new source begins anew, without a loss', () => {
  const { units, send, receiver } = h264();
  send(idr(0), 0);
  send(slice(1), 1, { marker: false });
  send(slice(2), 2, { ssrc: 9, sequence: 100 });
  send(idr(3), 3, { ssrc: 9 });
  assert.equal(units.length, 2);
  assert.deepEqual([receiver.stats.ssrc, receiver.stats.lost], [9, 0]);
  assert.equal(receiver.stats.highestSequence, 101);
});

test('over UDP packets are put in order and used once; a gap of 200 ms is a loss', () => {
  const { units, send, receiver } = h264(true);
  send(idr(0), 0, { sequence: 65_534 });
  send(slice(2), 2, { sequence: 0 });
  send(slice(2), 2, { sequence: 0 });
  send(slice(1), 1, { sequence: 65_535 });
  send(slice(1), 1, { sequence: 65_535 });
  assert.deepEqual(
    units.map(({ pts }) => pts / 3600),
    [0, 1, 2],
  );
  assert.ok(
    units.every(({ at }, index) => at >= (units[index - 1]?.at ?? 0)),
    'the time of arrival never falls',
  );
  assert.equal(receiver.stats.dropped.unusable, 2);
  assert.equal(receiver.stats.highestSequence, 65_536);
  send(idr(4), 4, { sequence: 2 }, 2000);
  send(slice(5), 5, { sequence: 3 }, 2200);
  assert.equal(units.length, 3);
  send(slice(6), 6, { sequence: 4 }, 2201);
  assert.equal(units.length, 6);
  assert.equal(receiver.stats.lost, 1);
});

test('over UDP at most 64 packets wait', () => {
  const { units, send, receiver } = h264(true);
  send(idr(0), 0, { sequence: 10 });
  for (let index = 0; index < 64; index++) send(idr(1), 1 + index, { sequence: 12 + index }, 1000);
  assert.equal(units.length, 1);
  send(idr(1), 65, { sequence: 76 }, 1000);
  assert.equal(units.length, 66);
  assert.equal(receiver.stats.lost, 1);
});

test('one stray number is ignored, two in a row are a new count', () => {
  const { units, send, receiver } = h264();
  send(idr(0), 0, { sequence: 10 });
  send(slice(9), 9, { sequence: 40_000 });
  send(slice(1), 1, { sequence: 11 });
  send(idr(2), 2, { sequence: 50_000 });
  send(idr(3), 3, { sequence: 50_001 });
  assert.deepEqual(
    units.map(({ pts }) => pts / 3600),
    [0, 1, 3],
  );
  assert.deepEqual([receiver.stats.lost, receiver.stats.dropped.unusable], [0, 2]);
});

test('times are unwrapped, scaled to 90 kHz, and may jump either way', () => {
  const { receiver, units } = receiverOf('h264', { fmtp: SPROP, clockRate: 1000 });
  const times = [2 ** 32 - 40, 0, 40, 20, 500_000];
  for (const [sequence, timestamp] of times.entries())
    receiver.push(rtpPacket({ sequence, timestamp, marker: true, payload: idr(0) }), 1000 - sequence);
  const first = (2 ** 32 - 40) * 90;
  assert.deepEqual(
    units.map(({ pts }) => pts - first),
    [0, 3600, 7200, 5400, 500_040 * 90],
  );
  assert.deepEqual(
    units.map(({ at }) => at),
    [1000, 1000, 1000, 1000, 1000],
    'the time of arrival never falls',
  );
});

test('jitter is that of RFC 3550', () => {
  const { receiver, send } = h264();
  send(idr(0), 0);
  for (let picture = 1; picture <= 100; picture++)
    send(slice(0), picture, {}, 1000 + picture * 40 + (picture % 2) * 16);
  // Each packet is 16 ms from where the one before was: 1440 ticks.
  assert.ok(Math.abs(receiver.stats.jitter - 1440) < 15, String(receiver.stats.jitter));
});

test('a picture over 8 MB is dropped, and the memory is given back', () => {
  const { units, send, receiver } = h264();
  const piece = Buffer.alloc(1400, 1);
  send(Buffer.concat([Buffer.from([0x7c, 0x85, 0x88]), piece]), 0, { marker: false });
  for (let index = 0; index < 7000; index++)
    send(Buffer.concat([Buffer.from([0x7c, 0x05]), piece]), 0, { marker: false });
  send(idr(1), 1);
  assert.equal(units.length, 1);
  assert.equal(receiver.stats.dropped.oversize, 1);
});

test('a picture of small views of large buffers is bounded by those', () => {
  const { receiver, send } = h264();
  for (let index = 0; index < 600; index++) {
    const large = Buffer.alloc(64 * 1024);
    rtpPacket({ sequence: index, timestamp: 1, payload: Buffer.from([0x7c, index === 0 ? 0x85 : 5, 0x88]) }).copy(
      large,
    );
    receiver.push(large.subarray(0, 15), 0);
  }
  assert.ok(receiver.stats.dropped.oversize >= 1);
  send(idr(1), 1, { sequence: 600 });
});
