import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessUnit } from '../../src/video/access-unit.ts';
import { receiverOf, rtpPacket } from '../support/rtp-track.ts';

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');
const nals = (unit: AccessUnit | undefined): readonly string[] =>
  unit === undefined ? [] : hex(unit.data).split('00000001').slice(1);

/** Gives the payloads of one picture, the last with the marker. */
function picture(
  codec: 'h264' | 'h265',
  payloads: readonly string[],
  fmtp: Record<string, string> = {},
): { readonly nals: readonly string[]; readonly unit: AccessUnit | undefined; readonly damaged: number } {
  const { receiver, units } = receiverOf(codec, { fmtp });
  for (const [sequence, payload] of payloads.entries())
    receiver.push(
      rtpPacket({ sequence, timestamp: 0, payload: bytes(payload), marker: sequence === payloads.length - 1 }),
      0,
    );
  return { nals: nals(units[0]), unit: units[0], damaged: receiver.stats.dropped.damaged };
}

const SETS_264 = ['67640028ac', '68ee3c80'];
const SETS_265 = ['40010c01', '42010101', '4401c0f3'];
const SPROP_265 = Object.fromEntries(
  ['sprop-vps', 'sprop-sps', 'sprop-pps'].map((name, index) => [name, bytes(SETS_265[index]!).toString('base64')]),
);

test('H.264: single NAL units, STAP-A, STAP-B, FU-A and FU-B', () => {
  const whole = [...SETS_264, '65880102', '65480304'];
  assert.deepEqual(picture('h264', whole).nals, whole);
  const sizes = '0005 67640028ac 0004 68ee3c80';
  assert.deepEqual(picture('h264', [`78 ${sizes}`, '65880102', '65480304']).nals, whole);
  assert.deepEqual(picture('h264', [`79 beef ${sizes}`, '65880102', '65480304']).nals, whole);
  assert.deepEqual(picture('h264', [`78 ${sizes}`, '7c85 88', '7c05 01', '7c45 02', '65480304']).nals, whole);
  assert.deepEqual(picture('h264', [`78 ${sizes}`, '7d85 beef 88', '7c45 0102', '65480304']).nals, whole);
  assert.deepEqual(
    picture('h264', [`78 ${sizes}`, '7cc5 880102', '65480304']).nals,
    whole,
    'one fragment is the whole',
  );
  assert.deepEqual(picture('h264', ['7c87 6400', '7c47 28ac', '68ee3c80', '65880102', '65480304']).nals, whole);
});

test('H.264: delimiters and filler are left out, messages stay, empty packets do not count', () => {
  const { nals: got } = picture('h264', ['09f0', ...SETS_264, '06051122', '', '65880102', '0cffff80']);
  assert.deepEqual(got, [...SETS_264, '06051122', '65880102']);
});

test('H.264: cameras that send Annex B in a packet, or two sets as one', () => {
  const whole = [...SETS_264, '65880102'];
  assert.deepEqual(picture('h264', [`00000001${whole.join('00000001')}`]).nals, whole);
  assert.deepEqual(picture('h264', ['67640028ac 00000001 68ee3c80', '65880102']).nals, whole);
});

test('H.264: several picture parameter sets are kept by their id, the newest of each', () => {
  const sets = ['67640028ac', '68ee3c80', '685b8f20']; // ids 0 and 1
  assert.deepEqual(picture('h264', [...sets, '68ee3c81', '65880102']).nals, [
    '67640028ac',
    '685b8f20',
    '68ee3c81',
    '65880102',
  ]);
});

test('H.264: broken aggregates and reserved types damage the picture; MTAPs are left out', () => {
  for (const bad of ['78 0009 6764', '78 00', '7c', '1f00', '00', '7c05 01'])
    assert.equal(picture('h264', [...SETS_264, bad, '65880102']).damaged, 1, bad);
  assert.equal(picture('h264', [...SETS_264, '7a 1122', '65880102']).nals.length, 3);
});

test('H.265: single NAL units, aggregates and fragments', () => {
  const whole = [...SETS_265, '2601af01', '26012f02'];
  assert.deepEqual(picture('h265', whole).nals, whole);
  assert.equal(picture('h265', whole).unit?.isKey, true);
  const aggregate = '6001 0004 40010c01 0004 42010101 0004 4401c0f3';
  assert.deepEqual(picture('h265', [aggregate, '6201 93 af', '6201 53 01', '26012f02']).nals, whole);
  assert.deepEqual(picture('h265', ['2601af01', '26012f02'], SPROP_265).nals, whole, 'sets of the description');
  for (const type of [16, 17, 18, 19, 20, 21])
    assert.equal(picture('h265', [`${(type << 1).toString(16)}01af01`], SPROP_265).unit?.isKey, true, `type ${type}`);
  assert.equal(picture('h265', ['0201af01'], SPROP_265).unit, undefined);
});

test('H.265: decoding order numbers are taken off when the description announces them', () => {
  const fmtp = { ...SPROP_265, 'sprop-max-don-diff': '2' };
  const whole = [...SETS_265, '2601af01', '26012f02'];
  assert.deepEqual(picture('h265', ['2601 0001 af01', '2601 0002 2f02'], fmtp).nals, whole);
  assert.deepEqual(picture('h265', ['6001 0001 0004 2601af01 00 0004 26012f02'], fmtp).nals, whole);
  assert.deepEqual(picture('h265', ['6201 93 0001 af', '6201 53 01', '2601 0002 2f02'], fmtp).nals, whole);
});

test('H.265: layers above the base and PACI packets are left out, broken packets damage', () => {
  assert.deepEqual(picture('h265', ['2601af01', '2609af02', '6401 0000'], SPROP_265).nals.length, 4);
  for (const bad of ['26', '6201', '6001 0009 26', '6201 13 af'])
    assert.equal(picture('h265', [bad, '2601af01'], SPROP_265).damaged, 1, bad);
});

/** A JPEG packet: RFC 2435 3.1. */
function jpegPacket(offset: number, rest: string, { type = 1, q = 50, width = 4, height = 3 } = {}): Buffer {
  const head = Buffer.from([0, 0, 0, 0, type, q, width, height]);
  head.writeUIntBE(offset, 1, 3);
  return Buffer.concat([head, bytes(rest)]);
}

function jpeg(payloads: readonly Buffer[], fmtp: Record<string, string> = {}) {
  const { receiver, units } = receiverOf('mjpeg', { fmtp });
  for (const [sequence, payload] of payloads.entries())
    receiver.push(
      rtpPacket({ sequence, timestamp: 0, payload, payloadType: 26, marker: sequence === payloads.length - 1 }),
      0,
    );
  return { data: units[0]?.data ?? null, stats: receiver.stats };
}

/** The segments of a JPEG up to its coded data, by marker, and that data. */
function segments(data: Uint8Array | null): {
  readonly of: (marker: number) => readonly string[];
  readonly scan: string;
} {
  assert.ok(data !== null);
  const all = Buffer.from(data);
  assert.equal(all.readUInt16BE(0), 0xffd8);
  const found: { marker: number; body: string }[] = [];
  let at = 2;
  while (found.at(-1)?.marker !== 0xda) {
    const length = all.readUInt16BE(at + 2);
    found.push({ marker: all[at + 1]!, body: hex(all.subarray(at + 4, at + 2 + length)) });
    at += 2 + length;
  }
  const of = (marker: number): readonly string[] =>
    found.filter((each) => each.marker === marker).map(({ body }) => body);
  return { of, scan: hex(all.subarray(at)) };
}

test('JPEG: header, tables of a factor, fragments and the end', () => {
  const found = segments(jpeg([jpegPacket(0, '0102'), jpegPacket(2, '03'), jpegPacket(3, '0405')]).data);
  assert.equal(found.scan, '0102030405ffd9');
  assert.deepEqual(found.of(0xc0), ['080018002003012200021101031101']);
  const [luma, chroma] = found.of(0xdb);
  assert.ok(luma!.startsWith('00100b0c0e0c0a100e0d0e1211101318'), 'the standard table in zigzag order at Q 50');
  assert.ok(chroma!.startsWith('011112121815182f1a1a2f6342384263'), chroma);
  assert.equal(found.of(0xc4).length, 4);
  assert.equal(found.of(0xdd).length, 0);
  const best = segments(jpeg([jpegPacket(0, '01ffd9', { q: 99, type: 0 })]).data);
  assert.equal(best.scan, '01ffd9', 'the end is there once');
  assert.match(best.of(0xdb)[0]!, /^00(?:01|02|03)+$/u);
  assert.equal(best.of(0xc0)[0]!.slice(14, 16), '21', '4:2:2');
});

test('JPEG: restart intervals', () => {
  const packets = [jpegPacket(0, '0005ffff 0102', { type: 65 }), jpegPacket(2, '0005ffff 03', { type: 65 })];
  const found = segments(jpeg(packets).data);
  assert.deepEqual(found.of(0xdd), ['0005']);
  assert.equal(found.scan, '010203ffd9');
});

test('JPEG: tables in the packet, kept for pictures without them, and of 16 bits', () => {
  const luma = '0a'.repeat(64);
  const chroma = '0b'.repeat(64);
  const { receiver, units } = receiverOf('mjpeg');
  const send = (sequence: number, payload: Buffer): void =>
    receiver.push(rtpPacket({ sequence, timestamp: sequence, payload, payloadType: 26, marker: true }), 0);
  send(0, jpegPacket(0, `00000080 ${luma} ${chroma} 77`, { q: 200 }));
  send(1, jpegPacket(0, '00000000 78', { q: 200 }));
  send(2, jpegPacket(0, `00000040 ${luma} 79`, { q: 201 }));
  send(3, jpegPacket(0, `000100c0 ${luma}${luma} ${chroma} 7a`, { q: 202 }));
  send(4, jpegPacket(0, '00000000 7b', { q: 203 }));
  const tables = units.map(({ data }) => segments(data).of(0xdb));
  assert.deepEqual(tables, [
    [`00${luma}`, `01${chroma}`],
    [`00${luma}`, `01${chroma}`],
    [`00${luma}`, `01${luma}`],
    [`10${luma}${luma}`, `01${chroma}`],
  ]);
  assert.equal(receiver.stats.dropped.malformed, 1, 'tables that never came');
});

test('JPEG: the description tells the size of large pictures', () => {
  const large = [jpegPacket(0, '01', { width: 0, height: 0 })];
  const sizeOf = (fmtp: Record<string, string>): string => segments(jpeg(large, fmtp).data).of(0xc0)[0]!.slice(2, 10);
  assert.equal(sizeOf({ 'x-dimensions': '2592,1944' }), '07980a20');
  assert.equal(sizeOf({ framesize: '26 2592-1944' }), '07980a20');
  assert.equal(jpeg(large).data, null);
  assert.equal(jpeg(large).stats.dropped.malformed, 1);
});

test('JPEG: lost fragments, unknown types and short packets give no picture', () => {
  assert.equal(jpeg([jpegPacket(0, '01'), jpegPacket(2, '02')]).data, null);
  assert.equal(jpeg([jpegPacket(5, '01')]).data, null);
  assert.equal(jpeg([jpegPacket(0, '01', { type: 2 })]).stats.dropped.unsupported, 1);
  assert.equal(jpeg([jpegPacket(0, '01', { q: 0 })]).stats.dropped.malformed, 1);
  assert.equal(jpeg([jpegPacket(0, '000000', { q: 255 })]).stats.dropped.malformed, 1);
  assert.equal(jpeg([jpegPacket(0, '00000080 01', { q: 255 })]).stats.dropped.malformed, 1);
  assert.equal(jpeg([Buffer.from([0, 0, 0])]).stats.dropped.malformed, 1);
});
