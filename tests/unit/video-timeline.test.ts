import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessUnit } from '../../src/video/access-unit.ts';
import { Timeline } from '../../src/video/timeline.ts';
import { TS_PACKET, TsMuxer } from '../../src/video/ts-muxer.ts';

const START = Buffer.from([0, 0, 0, 1]);
/** High profile, 25 pictures a second: without B frames, with up to two, and without a word about them. */
const SPS = {
  none: '6764001facb2016024d810800001f480007530078c1924',
  two: '67640028acd940780227e5c044000003000400000300c83c60c658',
  unsaid: '67640028ace50280be40',
} as const;
type Kind = keyof typeof SPS;

/** Picture `place` in the order of showing, 40 ms apart; arrivals follow the order of decoding. */
function unit(kind: Kind, index: number, pts: number, isKey = index === 0, at = index * 40): AccessUnit {
  const sets = isKey ? [START, Buffer.from(SPS[kind], 'hex'), START, Buffer.from([0x68, 0xee])] : [];
  const data = Buffer.concat([...sets, START, Buffer.from([isKey ? 0x65 : 0x41, 0x88, index & 0xff])]);
  return { codec: 'h264', data, isKey, at, pts };
}

function times(kind: Kind, places: readonly number[], keys: readonly number[] = [0]) {
  const timeline = new Timeline('h264');
  const first = 7_000_000;
  const all = places.map((place, index) =>
    timeline.next(unit(kind, index, first + place * 3600, keys.includes(index))),
  );
  for (const [index, { dts, pts }] of all.entries()) {
    assert.ok(pts >= dts, `picture ${index} is decoded before it is shown`);
    assert.ok(index === 0 || dts > all[index - 1]!.dts, `picture ${index} is decoded after the one before`);
  }
  return all;
}

const inOrder = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
const WITH_B = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8];

test('without B frames pictures are shown when they are decoded, from 0 on', () => {
  for (const kind of ['none', 'unsaid'] as const)
    assert.deepEqual(
      times(kind, inOrder(5)),
      inOrder(5).map((index) => ({ dts: index * 3600, pts: index * 3600 })),
    );
});

test('with B frames decoding times are the times of showing in order, as late as the parameters say', () => {
  assert.deepEqual(
    times('two', WITH_B),
    WITH_B.map((place, index) => ({ dts: index * 3600, pts: (place + 2) * 3600 })),
  );
});

test('B frames that are not announced: later after the first of them, then steady', () => {
  const places = [0, 10, 20].flatMap((from) => WITH_B.map((place) => from + place));
  const all = times('unsaid', places, [0, 10, 20]);
  const late = all.slice(4).map(({ pts }, index) => pts - places[index + 4]! * 3600);
  assert.equal(new Set(late).size, 1, 'the delay is found in the first pictures');
  assert.ok(late[0]! <= 3 * 3600);
});

test('a clock that jumps either way goes on by the time between arrivals', () => {
  for (const jump of [-5_000_000, 5_000_000, -90_001, 90_001, 2 ** 32]) {
    const timeline = new Timeline('h264');
    const pts = [0, 3600, 7200, 7200 + jump, 10_800 + jump];
    const got = pts.map((each, index) => timeline.next(unit('none', index, each, index === 0, index * 50)).pts);
    assert.deepEqual(got, [0, 3600, 7200, 7200 + 4500, 7200 + 4500 + 3600], String(jump));
  }
});

test('a clock that stands still, or goes back a little without B frames, does not stop the pictures', () => {
  const timeline = new Timeline('h264');
  const got = [0, 3600, 3600, 3500, 7100].map(
    (pts, index) => timeline.next(unit('none', index, pts, index === 0, 1000)).pts,
  );
  assert.deepEqual(got, [0, 3600, 7200, 10_800, 14_400]);
});

test('a slow camera: seven seconds between pictures stay seven seconds', () => {
  const timeline = new Timeline('h264');
  const got = inOrder(3).map((index) => timeline.next(unit('none', index, index * 630_000, true, index * 7000)).pts);
  assert.deepEqual(got, [0, 630_000, 1_260_000]);
});

test('a jump to before the last keyframe is no B frame', () => {
  const all = [0, 3, 1, 2, 6, 4, 5].map((place) => place * 3600);
  const timeline = new Timeline('h264');
  const before = all.map((pts, index) => timeline.next(unit('two', index, pts)).pts);
  const key = timeline.next(unit('two', 7, 3600, true));
  assert.ok(key.pts > Math.max(...before));
});

/** What a demultiplexer sees of a stream. */
function parse(stream: Buffer) {
  const packets = Array.from({ length: stream.length / TS_PACKET }, (_, index) =>
    stream.subarray(index * TS_PACKET, (index + 1) * TS_PACKET),
  );
  return packets.map((packet) => {
    const hasField = (packet[3]! & 0x20) !== 0;
    const from = 4 + (hasField ? 1 + packet[4]! : 0);
    const flags = hasField && packet[4]! > 0 ? packet[5]! : 0;
    return {
      sync: packet[0],
      pid: packet.readUInt16BE(1) & 0x1fff,
      isStart: (packet[1]! & 0x40) !== 0,
      counter: packet[3]! & 0xf,
      isRandomAccess: (flags & 0x40) !== 0,
      clock: (flags & 0x10) === 0 ? null : packet.readUInt32BE(6) * 2 + (packet[10]! >> 7),
      payload: packet.subarray(from),
    };
  });
}

const time = (bytes: Buffer): number =>
  ((bytes[0]! >> 1) & 7) * 2 ** 30 + (bytes.readUInt16BE(1) >> 1) * 2 ** 15 + (bytes.readUInt16BE(3) >> 1);

test('transport stream: tables before each keyframe, counters without a gap, clock before times', () => {
  const muxer = new TsMuxer('h264');
  const units = inOrder(40).map((index) => {
    const small = unit('none', index, index * 3600, index % 10 === 0);
    // All lengths around the edges of a packet.
    return { ...small, data: Buffer.concat([small.data, Buffer.alloc(index * 13, 0x55)]) };
  });
  const all = units.flatMap((each) => {
    const stream = muxer.push(each);
    const packets = parse(stream);
    const video = packets.filter(({ pid }) => pid === 0x100);
    assert.deepEqual(
      packets.slice(0, packets.length - video.length).map(({ pid }) => pid),
      each.isKey ? [0, 0x1000] : [],
    );
    const [first, ...others] = video;
    assert.equal(first!.isStart, true);
    assert.equal(first!.isRandomAccess, each.isKey);
    assert.ok(others.every(({ isStart, clock }) => !isStart && clock === null));
    const pes = Buffer.concat(video.map(({ payload }) => payload));
    assert.equal(hex(pes.subarray(0, 4)), '000001e0');
    assert.equal(pes.readUInt16BE(4), pes.length - 6, 'a player need not wait for the next picture');
    const pts = time(pes.subarray(9, 14));
    const dts = time(pes.subarray(14, 19));
    assert.equal(dts, each.pts + 9000);
    assert.equal(pts, dts);
    assert.equal(first!.clock, each.pts);
    assert.equal(hex(pes.subarray(19)), `0000000109f0${hex(each.data)}`, 'a delimiter, then the unit');
    return packets;
  });
  assert.ok(all.every(({ sync }) => sync === 0x47));
  for (const pid of [0, 0x1000, 0x100]) {
    const counters = all.filter((packet) => packet.pid === pid).map(({ counter }) => counter);
    assert.deepEqual(
      counters,
      counters.map((_, index) => index % 16),
    );
  }
});

const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');

test('transport stream: nothing before the first keyframe, nor pictures that need those before it', () => {
  const muxer = new TsMuxer('h264');
  const lengths = [
    unit('two', 0, 0, false),
    unit('two', 1, 9000, true),
    unit('two', 2, 5000, false),
    unit('two', 3, 12_600, false),
    unit('two', 4, 10_800, false),
  ].map((each) => muxer.push(each).length);
  assert.deepEqual(lengths, [0, 3 * TS_PACKET, 0, TS_PACKET, TS_PACKET]);
});

test('transport stream: a large picture has no length, times wrap after 26 hours', () => {
  const muxer = new TsMuxer('h264');
  const small = unit('none', 0, 0);
  muxer.push(small);
  const hour = 3600 * 1000;
  const stream = muxer.push({ ...small, data: Buffer.concat([small.data, Buffer.alloc(70_000, 1)]), at: 27 * hour });
  const video = parse(stream).filter(({ pid }) => pid === 0x100);
  const pes = Buffer.concat(video.map(({ payload }) => payload));
  assert.equal(pes.readUInt16BE(4), 0);
  assert.equal(time(pes.subarray(9, 14)), 27 * hour * 90 + 9000 - 2 ** 33);
  assert.equal(video[0]!.clock, 27 * hour * 90 - 2 ** 33);
});

test('transport stream: a unit of another codec is refused', () => {
  const muxer = new TsMuxer('h265');
  assert.throws(() => muxer.push(unit('none', 0, 0)), { name: 'VideoError', code: 'OTHER_CODEC' });
});
