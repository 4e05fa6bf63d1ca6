import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findNal, nalUnits } from '../../src/video/nal-units.ts';
import { readSps } from '../../src/video/sps.ts';
import { Random } from '../support/random.ts';

/** Sets that x264 and x265 wrote for the sizes, shapes and rates named here. */
const SETS = [
  {
    name: '1080p, cropped from 1088 rows',
    sps: '67640028acd940780227e5c044000003000400000300c83c60c658',
    is: [1920, 1080, 1920, 1088, '1:1', 25, 'avc1.640028', 2],
  },
  {
    name: 'baseline: no reordering, though its information does not say so first',
    sps: '6742c028d900780227e5c044000003000400000300c83c60c920',
    is: [1920, 1080, 1920, 1088, '1:1', 25, 'avc1.42c028', 0],
  },
  {
    name: 'PAL pixels and an NTSC rate',
    sps: '6764001facb2016024d810800001f480007530078c1924',
    is: [704, 576, 704, 576, '12:11', 29.97, 'avc1.64001f', 0],
  },
  {
    name: '4:4:4 with scaling lists',
    sps: '67f40016919b281405ff138088000003000800000300a078b16cb0',
    is: [640, 360, 640, 368, '1:1', 10, 'avc1.f40016', 2],
  },
  {
    name: 'interlaced, with a shape of px that has no number',
    sps: '6764001eacd940b424dff8003800288000000300800000190f8a14cb',
    is: [720, 576, 720, 576, '7:5', 25, 'avc1.64001e', 2],
  },
  {
    name: 'H.265',
    sps: '420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84',
    is: [1920, 1080, 1920, 1080, '1:1', 25, 'hvc1.1.6.L120.90', 2],
  },
  {
    name: 'H.265 with scaling lists and wide px',
    sps: '42010101600000030090000003000003005da00280802d16592a49395e1cd010000003001000000300f080',
    is: [1280, 720, 1280, 720, '4:3', 15, 'hvc1.1.6.L93.90', 0],
  },
  {
    name: 'H.265 of 10 bits with two layers of time, cropped from 360 rows',
    sps: '42010102200000030090000003000003003fa005020169f4d96566924caf016808000003000800000300f040',
    is: [640, 358, 640, 360, '1:1', 30, 'hvc1.2.4.L63.90', 2],
  },
] as const;

const codecOf = (sps: string): 'h264' | 'h265' => (sps.startsWith('67') ? 'h264' : 'h265');

for (const { name, sps, is } of SETS)
  test(`sequence parameters: ${name}`, () => {
    const info = readSps(codecOf(sps), Buffer.from(sps, 'hex'));
    assert.ok(info !== null);
    const { width, height, coded, sampleAspect, fps, codec, reorder } = info;
    const shape = `${sampleAspect.width}:${sampleAspect.height}`;
    const rate = Math.round((fps ?? 0) * 100) / 100;
    assert.deepEqual([width, height, coded.width, coded.height, shape, rate, codec, reorder], is);
  });

test('a set that breaks off is unreadable, or lacks its last part', () => {
  for (const { sps } of SETS) {
    const whole = Buffer.from(sps, 'hex');
    const [width, height] = [readSps(codecOf(sps), whole)!.width, readSps(codecOf(sps), whole)!.height];
    for (let length = 0; length < whole.length; length++) {
      const info = readSps(codecOf(sps), whole.subarray(0, length));
      if (info !== null) assert.deepEqual([info.width, info.height], [width, height]);
    }
    assert.equal(readSps(codecOf(sps), whole.subarray(0, 5)), null);
  }
});

test('10,000 damaged sets: each is unreadable or plausible', () => {
  let read = 0;
  for (let seed = 0; seed < 10_000; seed++) {
    const random = new Random(seed);
    const { sps } = SETS[random.below(SETS.length)]!;
    const bytes = Buffer.concat([
      Buffer.from(sps, 'hex'),
      Buffer.alloc(random.below(200), random.pick([0, 255, 3, 1])),
    ]);
    for (let flips = random.below(12); flips >= 0; flips--)
      bytes[1 + random.below(bytes.length - 1)] = random.below(256);
    const info = readSps(codecOf(sps), bytes);
    if (info === null) continue;
    read++;
    assert.ok(info.width > 0 && info.width <= 32_768 && info.height > 0 && info.height <= 32_768);
    assert.ok(info.reorder === null || (info.reorder >= 0 && info.reorder <= 16));
    assert.match(info.codec, /^(?:avc1\.[0-9a-f]{6}|hvc1\.[ABC]?\d+\.[0-9a-f]+\.[LH]\d+(?:\.[0-9a-f]{1,2}){0,6})$/u);
  }
  assert.ok(read > 100, 'some are still readable');
});

test('NAL units are found with short and long start codes, without the zeros between', () => {
  const bytes = Buffer.from(
    'ffff 000001 6501 000001 67000003 0000 00000001 68ce 0000 000001'.replaceAll(' ', ''),
    'hex',
  );
  assert.deepEqual(
    nalUnits(bytes).map((nal) => nal.toString('hex')),
    ['6501', '67000003', '68ce'],
  );
  assert.deepEqual(nalUnits(Buffer.alloc(0)), []);
  const unit = { codec: 'h264', data: bytes, isKey: true, at: 0, pts: 0 } as const;
  assert.equal(findNal('h264', unit, 7)?.subarray(0, 4).toString('hex'), '67000003');
  assert.equal(findNal('h264', unit, 9), null);
});
