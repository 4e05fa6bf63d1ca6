import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccessUnit, VIDEO_CODECS, type VideoCodec } from '../../src/video/access-unit.ts';
import { Timeline } from '../../src/video/timeline.ts';
import { TS_PACKET, TsMuxer } from '../../src/video/ts-muxer.ts';
import { Random } from '../support/random.ts';
import { RtpPackets } from '../support/rtp-packets.ts';
import { receiverOf } from '../support/rtp-track.ts';

const SEEDS = 4_000;
const START = Buffer.from([0, 0, 0, 1]);
const SETS = {
  h264: ['6764001facb2016024d810800001f480007530078c1924', '68ebe3cb22c0'],
  h265: [
    '40010c01ffff01600000030090000003000003003f959809',
    '420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84',
    '4401c172b46240',
  ],
} as const;

/** Eight pictures, the first and the fifth of them keyframes, as camera packets. */
function packetsOf(codec: VideoCodec): readonly Buffer[] {
  const packets = new RtpPackets(codec, 65_530);
  const random = new Random(1);
  return Array.from({ length: 8 }, (_, index) => {
    const content = Buffer.from(Array.from({ length: 200 + random.below(3000) }, () => 1 + random.below(255)));
    return packets.of(unitOf(codec, content, index % 4 === 0), index * 3600);
  }).flat();
}

function unitOf(codec: VideoCodec, content: Buffer, isKey: boolean): Buffer {
  if (codec === 'mjpeg') {
    const table = (id: number): Buffer => Buffer.concat([Buffer.from([0xff, 0xdb, 0, 67, id]), Buffer.alloc(64, 9)]);
    const frame = Buffer.from('ffc00011080018002003012200021101031101', 'hex');
    const scan = Buffer.from('ffda000c03010002110311003f00', 'hex');
    return Buffer.concat([
      Buffer.from([0xff, 0xd8]),
      table(0),
      table(1),
      frame,
      scan,
      content,
      Buffer.from([0xff, 0xd9]),
    ]);
  }
  const sets = isKey ? SETS[codec].map((set) => Buffer.from(set, 'hex')) : [];
  const header = codec === 'h264' ? [isKey ? 0x65 : 0x41, 0x88] : [isKey ? 0x26 : 0x02, 1, 0xaf];
  return Buffer.concat([...sets, Buffer.concat([Buffer.from(header), content])].flatMap((nal) => [START, nal]));
}

const PACKETS = { h264: packetsOf('h264'), h265: packetsOf('h265'), mjpeg: packetsOf('mjpeg') };

/** Loses, repeats, swaps, cuts and damages packets. */
function spoiled(packets: readonly Buffer[], random: Random): readonly Buffer[] {
  const out: Buffer[] = [];
  for (const packet of packets) {
    const action = random.below(30);
    if (action === 0) continue;
    if (action === 1) out.push(packet);
    if (action === 2 && out.length > 0) out.splice(random.below(out.length), 0, packet);
    else if (action < 8) out.push(damaged(packet, random));
    else out.push(packet);
  }
  return out;
}

function damaged(packet: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(packet);
  // Most damage is in the headers, where it changes more than the picture.
  for (let flips = 1 + random.below(4); flips > 0; flips--)
    bytes[random.below(random.chance(0.8) ? Math.min(24, bytes.length) : bytes.length)] = random.below(256);
  return random.chance(0.3) ? bytes.subarray(0, random.below(bytes.length + 1)) : bytes;
}

/** Whatever comes in, a unit has the form that its readers rely on. */
function check(unit: AccessUnit, before: AccessUnit | undefined, seed: number): void {
  const note = `seed ${seed}`;
  assert.ok(unit.data.length > 4 && unit.data.length <= 64 * 1024, note);
  assert.ok(Number.isSafeInteger(unit.pts), note);
  assert.ok(before === undefined || unit.at >= before.at, note);
  const start = Buffer.from(unit.data).readUInt32BE(0);
  if (unit.codec === 'mjpeg') assert.equal(start, 0xff_d8_ff_db, note);
  else assert.equal(start, 1, note);
  if (unit.codec === 'h264' && unit.isKey) assert.equal(unit.data[4]! & 31, 7, note);
  if (unit.codec === 'h265' && unit.isKey) assert.equal(unit.data[4]! >> 1, 32, note);
}

test(`${SEEDS} seeds of spoiled packets: whole units or none, and a stream that goes on`, () => {
  const given = { h264: 0, h265: 0, mjpeg: 0 };
  for (let seed = 0; seed < SEEDS; seed++) {
    const random = new Random(seed);
    const codec = random.pick(VIDEO_CODECS);
    const { receiver, units } = receiverOf(codec, { reorder: random.chance(0.5) });
    let at = 1_000_000;
    for (const packet of spoiled(PACKETS[codec], random)) receiver.push(packet, (at += random.below(20) - 2));
    for (const [index, unit] of units.entries()) check(unit, units[index - 1], seed);
    assert.ok(units.length === 0 || codec === 'mjpeg' || units[0]!.isKey, 'decoding can begin with the first');
    if (codec !== 'mjpeg') mux(codec, units, seed);
    given[codec] += units.length;
    const { received, lost, jitter, dropped } = receiver.stats;
    for (const count of [received, lost, jitter, ...Object.values(dropped)])
      assert.ok(Number.isSafeInteger(count) && count >= 0, `seed ${seed}`);
  }
  for (const [codec, count] of Object.entries(given)) assert.ok(count > SEEDS / 3, `${codec}: ${count} units`);
});

function mux(codec: 'h264' | 'h265', units: readonly AccessUnit[], seed: number): void {
  const muxer = new TsMuxer(codec);
  const timeline = new Timeline(codec);
  let last = -1;
  for (const unit of units) {
    assert.equal(muxer.push(unit).length % TS_PACKET, 0, `seed ${seed}`);
    const { dts, pts } = timeline.next(unit);
    assert.ok(dts > last && pts >= dts && Number.isSafeInteger(pts), `seed ${seed}`);
    last = dts;
  }
}

test('bytes of packets may be used again as soon as the receiver holds none', () => {
  let compared = 0;
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed);
    const codec = random.pick(VIDEO_CODECS);
    const packets = spoiled(PACKETS[codec], random);
    const [kept, reused] = [receiverOf(codec), receiverOf(codec)];
    let free: Buffer[] = [];
    for (const packet of packets) {
      kept.receiver.push(packet, 0);
      const chunk = Buffer.from(packet);
      free.push(chunk);
      reused.receiver.push(chunk, 0);
      if (reused.receiver.isHolding) continue;
      for (const each of free) each.fill(0xaa);
      free = [];
    }
    assert.deepEqual(reused.units, kept.units, `seed ${seed}`);
    compared += kept.units.length;
  }
  assert.ok(compared > 300);
});

test('random bytes as packets: counted, no unit', () => {
  for (let seed = 0; seed < 300; seed++) {
    const random = new Random(seed);
    const { receiver, units } = receiverOf(random.pick(VIDEO_CODECS), { reorder: true, payloadType: 96 });
    for (let index = 0; index < 50; index++) {
      const bytes = Buffer.from(Array.from({ length: random.below(80) }, () => random.below(256)));
      receiver.push(bytes, 0);
    }
    const { received, dropped } = receiver.stats;
    assert.equal(received + dropped.malformed + dropped.otherType >= 50, true);
    assert.ok(units.every(({ data }) => data.length < 8000));
  }
});
