import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAtLeast } from '../../src/provision/binaries.ts';
import { totalBytes } from '../../src/provision/debian.ts';
import { planFootage } from '../../src/provision/footage.ts';
import { parseFrameCrc, parseProbe } from '../../src/provision/video-probe.ts';

const PROBE = `Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'street.mp4':
  Metadata:
    encoder         : Lavf58
  Duration: 00:01:37.75, start: 0.000000, bitrate: 516 kb/s
  Stream #0:0[0x1](eng): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, stereo, fltp, 128 kb/s (default)
  Stream #0:1[0x2](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), \
640x352 [SAR 1:1 DAR 20:11], 512 kb/s, 24 fps, 24 tbr, 12288 tbn (default)
At least one output file must be specified`;

test('the facts of a video are read from what ffmpeg prints', () => {
  assert.deepEqual(parseProbe(PROBE), {
    codec: 'h264',
    pixelFormat: 'yuv420p',
    width: 640,
    height: 352,
    durationS: 97.75,
    container: 'mov,mp4,m4a,3gp,3g2,mj2',
  });
  assert.equal(
    parseProbe("Input #0, wav, from 'a.wav':\n  Duration: 00:00:01.00\n  Stream #0:0: Audio: pcm_s16le"),
    null,
  );
  assert.equal(parseProbe('a.txt: Invalid data found when processing input'), null);
});

const frame = (dts: number, pts: number, key: boolean): string =>
  `0, ${dts}, ${pts}, 512, 100, 0x1234abcd${key ? '' : ', F=0x0'}`;

test('keyframe gaps are measured to the end of the file, and reordered pictures are noticed', () => {
  const head = '#software: Lavf\n#tb 0: 1/1024\n#media_type 0: video\n';
  const even = [
    frame(0, 0, true),
    frame(512, 512, false),
    frame(1024, 1024, true),
    frame(1536, 1536, false),
    frame(2048, 2048, false),
  ].join('\n');
  assert.deepEqual(parseFrameCrc(head + even), { longestGapS: 1.5, reordered: false });
  const bFrames = [frame(0, 1024, true), frame(512, 2560, false), frame(1024, 1536, false)].join('\n');
  assert.equal(parseFrameCrc(head + bFrames)?.reordered, true);
  assert.equal(parseFrameCrc(head), null);
});

test('footage is used as it is only when a joining decoder gets a picture within a second', () => {
  const fit = {
    codec: 'h264',
    pixelFormat: 'yuv420p',
    width: 640,
    height: 352,
    durationS: 10,
    container: 'mov,mp4,m4a,3gp,3g2,mj2',
  };
  const keys = { longestGapS: 1, reordered: false };
  assert.equal(planFootage(fit, keys), 'use');
  assert.equal(planFootage({ ...fit, container: 'mpegts' }, keys), 'copy');
  assert.equal(planFootage(fit, { ...keys, longestGapS: 10 }), 'convert');
  assert.equal(planFootage(fit, { ...keys, reordered: true }), 'convert');
  assert.equal(planFootage({ ...fit, pixelFormat: 'yuv444p' }, keys), 'convert');
  assert.equal(planFootage({ ...fit, codec: 'hevc' }, null), 'convert');
});

test('versions compare by number, whatever follows them', () => {
  assert.equal(isAtLeast('2.14.0', [2, 11]), true);
  assert.equal(isAtLeast('v2.9.10', [2, 11]), false);
  assert.equal(isAtLeast('2.11.0-dev', [2, 11]), true);
  assert.equal(isAtLeast('3.0', [2, 11]), true);
  assert.equal(isAtLeast('unknown', [2, 11]), false);
});

test('the size of a download is summed over its packages', () => {
  assert.equal(
    totalBytes("'http://m/a%3a1.deb' a_5%3a1.deb 100 SHA256:ff\n'http://m/b.deb' b.deb 23 SHA256:ee\nNote: x\n"),
    123,
  );
});
