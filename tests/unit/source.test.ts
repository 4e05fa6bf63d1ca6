import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ffmpegArgs } from '../../src/source/ffmpeg-args.ts';
import { PpmReader } from '../../src/source/ppm-reader.ts';
import { chooseMode, reconnectDelayMs, stallLimitMs } from '../../src/source/retry-policy.ts';
import { withoutSecrets } from '../../src/rtsp/url-secrets.ts';

test('pictures are put together whatever the chunks, also when the size changes', () => {
  const ppm = (width: number, height: number, value: number): Buffer =>
    Buffer.concat([Buffer.from(`P6\n${width} ${height}\n255\n`), Buffer.alloc(width * height * 3, value)]);
  // 0x0a as a pixel value must not be taken for a header's end.
  const stream = Buffer.concat([ppm(4, 2, 10), ppm(3, 5, 200), ppm(1, 1, 0x50)]);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 }), (sizes) => {
      const seen: string[] = [];
      const reader = new PpmReader((frame) =>
        seen.push(`${frame.width}x${frame.height}:${frame.data.length}:${frame.data[0]}`),
      );
      for (let at = 0, i = 0; at < stream.length; i += 1) {
        const size = sizes[i % sizes.length]!;
        reader.push(stream.subarray(at, at + size));
        at += size;
      }
      assert.deepEqual(seen, ['4x2:24:10', '3x5:45:200', '1x1:3:80']);
    }),
  );
});

test('what is no picture stream is refused', () => {
  assert.throws(() => new PpmReader(() => undefined).push(Buffer.from('P5\n1 1\n255\n')), { code: 'BAD_PPM' });
  assert.throws(() => new PpmReader(() => undefined).push(Buffer.alloc(100, 0x41)), { code: 'BAD_PPM' });
});

test('keyframes are given up once they turn out to be rarer than pictures are wanted', () => {
  assert.equal(chooseMode('keyframes', 2, 60_000, 1800), 'keyframes', 'too early to tell');
  assert.equal(chooseMode('keyframes', 3, 4_000, 1800), 'keyframes', '2 s apart is near enough to 1.8 s');
  assert.equal(chooseMode('keyframes', 3, 8_000, 1800), 'all');
  assert.equal(chooseMode('all', 100, 1, 1800), 'all');
});

test('attempts and stall limits stay within their bounds', () => {
  assert.deepEqual([0, 1, 2, 5, 50].map(reconnectDelayMs), [500, 1000, 2000, 15_000, 15_000]);
  assert.deepEqual([100, 1800, 60_000].map(stallLimitMs), [4_000, 5_400, 30_000]);
});

test('the arguments ask for RTSP over TCP, keyframes only, within bounds, and copy the stream only when wanted', () => {
  const base = { url: 'rtsp://127.0.0.1:9/token', intervalSeconds: 1.8, maxWidth: 1280, timeoutSeconds: 5 };
  const keyframes = ffmpegArgs({ ...base, mode: 'keyframes', previewFd: 3 }).join(' ');
  assert.match(keyframes, /-protocol_whitelist tcp -rtsp_transport tcp -timeout 5000000 .*-skip_frame nokey /u);
  assert.match(keyframes, /-skip_frame nokey .*-i rtsp:\/\/127\.0\.0\.1:9\/token .* pipe:3$/u);
  const pixels = Number(/-max_pixels (\d+)/u.exec(keyframes)?.[1]);
  assert.ok(pixels >= 8192 * 4320 && pixels < 8192 * 8192, '8K is taken, not much more');
  const all = ffmpegArgs({ ...base, mode: 'all', previewFd: null }).join(' ');
  assert.doesNotMatch(all, /skip_frame|udp:|mpegts/u);
});

test('a picture larger than any asked for is refused before memory is taken for it', () => {
  const before = process.memoryUsage().arrayBuffers;
  assert.throws(() => new PpmReader(() => undefined).push(Buffer.from('P6\n99999 99999\n255\n')), {
    code: 'BAD_PPM',
    message: /99999x99999/u,
  });
  assert.throws(() => new PpmReader(() => undefined).push(Buffer.from('P6\n1280 4097\n255\n')), { code: 'BAD_PPM' });
  assert.ok(process.memoryUsage().arrayBuffers - before < 50e6);
});

test("a camera's credentials are taken out of what ffmpeg says", () => {
  const clean = withoutSecrets('rtsp://admin:s3cr%40t@10.0.0.1/live');
  assert.equal(clean('opening rtsp://admin:s3cr%40t@10.0.0.1/live'), 'opening ***');
  assert.equal(clean('DESCRIBE failed for s3cr@t: 401 Unauthorized'), 'DESCRIBE failed for ***: 401 Unauthorized');
  assert.equal(withoutSecrets('rtsp://h/')('rtsp://h/ is gone'), '*** is gone');
});
