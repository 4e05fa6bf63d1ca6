import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessUnit, VideoCodec } from '../../src/video/access-unit.ts';
import { muxMp4 } from '../../src/video/mp4-clip.ts';

const SETS = '00000001 6764001facb2016024d810800001f480007530078c1924 00000001 68ebe3cb22c0 00000001'.replaceAll(
  ' ',
  '',
);

function unit(index: number, isKey: boolean, fields: Partial<AccessUnit> = {}): AccessUnit {
  const data = Buffer.from(`${isKey ? SETS : '00000001'}${isKey ? '65' : '41'}88${'55'.repeat(40 + index)}`, 'hex');
  return { codec: 'h264', data, isKey, at: 1000 + index * 40, pts: index * 3600, ...fields };
}

/** Bytes of the first box of that name, after its name. */
const box = (mp4: Uint8Array, name: string): Buffer => {
  const bytes = Buffer.from(mp4);
  const at = bytes.indexOf(name, 0, 'latin1');
  assert.ok(at > 0, `a box ${name}`);
  return bytes.subarray(at + 4, at - 4 + bytes.readUInt32BE(at - 4));
};

test('a clip begins at the first keyframe, and its index is in front of the pictures', async () => {
  const units = [unit(0, false), unit(1, true), unit(2, false), unit(3, false)];
  const { mp4, durationSeconds, from, to } = await muxMp4(units);
  assert.deepEqual([from, to, durationSeconds.toFixed(3)], [1040, 1120, '0.120']);
  const text = Buffer.from(mp4).toString('latin1');
  assert.ok(text.indexOf('moov') < text.indexOf('mdat'));
  assert.equal(box(mp4, 'stsz').readUInt32BE(8), 3, 'three pictures');
  assert.equal(mp4.byteLength, mp4.buffer.byteLength, 'it can be transferred');
});

test('pixels that are not square are told to the player', async () => {
  const { mp4 } = await muxMp4([unit(0, true)]);
  const shape = box(mp4, 'pasp');
  assert.deepEqual([shape.readUInt32BE(0), shape.readUInt32BE(4)], [12, 11]);
});

test('a jump of the clock, a reconnected camera and a silence leave real durations', async () => {
  const jumped = [unit(0, true), unit(1, false), unit(2, true, { pts: 9e9 }), unit(3, false, { pts: 9e9 + 3600 })];
  assert.equal((await muxMp4(jumped)).durationSeconds.toFixed(3), '0.160');
  const silent = [unit(0, true), unit(1, true, { at: 6000, pts: 5 * 90_000 })];
  assert.equal((await muxMp4(silent)).durationSeconds.toFixed(3), '6.000');
});

test('pictures before the first keyframe in time, and those of another codec, are left out', async () => {
  const units = [
    unit(5, true),
    unit(3, false),
    unit(4, false),
    unit(6, false),
    unit(7, true, { codec: 'h265' }),
    unit(8, true),
  ];
  const { mp4 } = await muxMp4(units);
  assert.equal(box(mp4, 'stsz').readUInt32BE(8), 2);
});

test('refusals have a stable code', async () => {
  const jpeg = (codec: VideoCodec): AccessUnit => unit(0, true, { codec, data: Buffer.from('ffd8ffd9', 'hex') });
  const cases: readonly (readonly [string, readonly AccessUnit[]])[] = [
    ['NO_KEYFRAME', []],
    ['NO_KEYFRAME', [unit(0, false)]],
    ['NOT_IN_MP4', [jpeg('mjpeg')]],
    ['NO_PARAMETERS', [jpeg('h264')]],
    ['MUX_FAILED', [unit(0, true, { data: Buffer.from(`${SETS.slice(0, 54)}0000000165`, 'hex') })]],
  ];
  for (const [code, units] of cases)
    await assert.rejects(muxMp4(units), { name: 'VideoError', code }, `${code} of ${units.length}`);
});
