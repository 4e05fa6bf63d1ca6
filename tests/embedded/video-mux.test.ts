import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { findFfmpeg } from '../../src/provision/binaries.ts';
import { RtpReceiver } from '../../src/rtsp/rtp-receiver.ts';
import type { AccessUnit, VideoCodec } from '../../src/video/access-unit.ts';
import { muxMp4 } from '../../src/video/mp4-clip.ts';
import { TS_PACKET, TsMuxer } from '../../src/video/ts-muxer.ts';
import { film, type Film } from '../support/film.ts';
import { RtpPackets } from '../support/rtp-packets.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const ffmpeg = await findFfmpeg();

interface DecodedFrame {
  readonly pts: number;
  /** Bytes and check of the decoded picture. */
  readonly picture: string;
}

/** Runs ffmpeg; `input`: for its standard input, which is closed without one. */
async function run(args: readonly string[], input?: Uint8Array): Promise<string> {
  const child = spawn(ffmpeg.path, ['-v', 'error', ...args], {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let complaints = '';
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  child.stdin?.on('error', () => undefined); // it may end without reading all
  child.stdin?.end(input);
  const [code] = (await once(child, 'close')) as [number];
  assert.equal(code, 0, complaints);
  assert.equal(complaints, '', 'ffmpeg decodes without a complaint');
  return out;
}

/** The pictures in the order in which they are shown. */
const decode = (format: readonly string[], input: Uint8Array): Promise<readonly DecodedFrame[]> =>
  framesOf([...format, '-i', 'pipe:0'], input);
const decodeFile = (file: string): Promise<readonly DecodedFrame[]> => framesOf(['-i', file]);

async function framesOf(source: readonly string[], input?: Uint8Array): Promise<readonly DecodedFrame[]> {
  const out = await run([...source, '-fps_mode', 'passthrough', '-f', 'framecrc', '-'], input);
  const rows = out.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return rows.map((row) => {
    const [, , pts, , size, crc] = row.split(',').map((cell) => cell.trim());
    return { pts: Number(pts), picture: `${size} ${crc}` };
  });
}

const pictures = (frames: readonly DecodedFrame[]): readonly string[] => frames.map(({ picture }) => picture);
const steps = (frames: readonly DecodedFrame[]): readonly number[] =>
  frames.slice(1).map(({ pts }, index) => pts - frames[index]!.pts);
const rawFormat = (codec: VideoCodec): readonly string[] => ['-f', codec === 'h265' ? 'hevc' : codec];

/** Sends a film's pictures through RTP packets; `order` has the place of each in time. */
function received({ codec, units, fps }: Film, order: (index: number) => number = (index) => index): AccessUnit[] {
  const out: AccessUnit[] = [];
  const track = { codec, payloadType: codec === 'mjpeg' ? 26 : 96, clockRate: 90_000, fmtp: new Map<string, string>() };
  const receiver = new RtpReceiver(track, { reorder: false, onUnit: (unit) => out.push(unit) });
  const packets = new RtpPackets(codec, 65_500); // the numbers begin anew in the first pictures
  for (const [index, { data }] of units.entries()) {
    const at = 1_000_000 + (index * 1000) / fps;
    const timestamp = 2 ** 32 - 20_000 + (order(index) * 90_000) / fps; // and so do the times
    for (const packet of packets.of(data, timestamp)) receiver.push(packet, at);
  }
  assert.equal(receiver.stats.lost, 0);
  return out;
}

function transportStream(codec: 'h264' | 'h265', units: readonly AccessUnit[]): Buffer {
  const muxer = new TsMuxer(codec);
  const chunks = units.map((unit) => muxer.push(unit));
  assert.ok(chunks.every((chunk) => chunk.length > 0 && chunk.length % TS_PACKET === 0));
  return Buffer.concat(chunks);
}

async function decodeMp4(mp4: Uint8Array): Promise<readonly DecodedFrame[]> {
  const file = join(temporaryFolder(), 'clip.mp4');
  await writeFile(file, mp4);
  return decodeFile(file);
}

/** In decoding order, with two B frames: see {@link film}. */
const B_ORDER = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8];
const withB = (index: number): number => Math.floor(index / 10) * 10 + B_ORDER[index % 10]!;

for (const { name, made, order } of [
  { name: 'H.264', made: film(), order: undefined },
  { name: 'H.264 with B frames', made: film({ bFrames: 2 }), order: withB },
  { name: 'H.265', made: film({ codec: 'h265' }), order: undefined },
])
  test(`${name}: packets, transport stream and MP4 give the pictures of the film`, async () => {
    const whole = await made;
    const direct = pictures(await decode(rawFormat(whole.codec), Buffer.concat(whole.units.map(({ data }) => data))));
    assert.equal(direct.length, whole.units.length);
    const units = received(whole, order);
    assert.deepEqual(
      units.map(({ data, isKey }) => ({ data: Buffer.from(data), isKey })),
      whole.units,
    );
    assert.ok(whole.codec !== 'mjpeg');
    const live = await decode(['-f', 'mpegts'], transportStream(whole.codec, units));
    assert.deepEqual(pictures(live), direct);
    assert.ok(
      steps(live).every((step) => step === 1),
      'each picture has its time, in pictures',
    );
    const { mp4, durationSeconds, from, to } = await muxMp4(units);
    const clip = await decodeMp4(mp4);
    assert.deepEqual(pictures(clip), direct);
    assert.equal(clip[0]!.pts, 0);
    assert.equal(new Set(steps(clip)).size, 1, 'pictures are equally far apart');
    assert.equal(durationSeconds.toFixed(3), '2.000');
    assert.equal(to - from, 1900);
  });

test('MJPEG: packets give the JPEGs of the film', async () => {
  const whole = await film({ codec: 'mjpeg', width: 336 });
  const units = received(whole);
  const joined = (parts: readonly { data: Uint8Array }[]): Buffer => Buffer.concat(parts.map(({ data }) => data));
  const direct = await decode(rawFormat('mjpeg'), joined(whole.units));
  assert.equal(direct.length, whole.units.length);
  // The header counts in steps of 8 px: the last 4 of the 180 rows are the encoder's own.
  const padded = await film({ codec: 'mjpeg', width: 336, height: 184 });
  assert.equal(received(padded).length, padded.units.length);
  const same = pictures(await decode(rawFormat('mjpeg'), joined(padded.units)));
  assert.deepEqual(pictures(await decode(rawFormat('mjpeg'), joined(received(padded)))), same);
  assert.equal(pictures(await decode(rawFormat('mjpeg'), joined(units))).length, direct.length);
});

/** Packets that ffmpeg sends for a file, put together. Sent again when the system dropped some: UDP may lose them. */
async function sentByFfmpeg(t: TestContext, codec: VideoCodec, file: string, count: number): Promise<AccessUnit[]> {
  for (let tries = 1; ; tries += 1) {
    const units = await sentOnce(t, codec, file, count);
    if (units.length >= count || tries === 3) return units;
  }
}

async function sentOnce(t: TestContext, codec: VideoCodec, file: string, count: number): Promise<AccessUnit[]> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
  t.after(() => socket.close());
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const units: AccessUnit[] = [];
  const receiver = new RtpReceiver(
    { codec, payloadType: codec === 'mjpeg' ? 26 : 96, clockRate: 90_000, fmtp: new Map() },
    { reorder: true, onUnit: (unit) => units.push(unit) },
  );
  socket.on('message', (packet) => receiver.push(packet, Date.now()));
  const { port } = socket.address();
  const filter = codec === 'mjpeg' ? [] : ['-bsf:v', `${codec === 'h265' ? 'hevc' : codec}_mp4toannexb`];
  await run(['-i', file, '-c', 'copy', ...filter, '-f', 'rtp', `rtp://127.0.0.1:${port}`]);
  await until('all pictures', () => units.length >= count, 5_000).catch(() => undefined);
  return units;
}

/** Pictures out of order as encoders make them by default: B frames that others are made of, and open GOPs. */
const ENCODERS = {
  h264: ['libx264', '-x264-params', 'keyint=10:bframes=3:b-pyramid=normal:open-gop=1'],
  h265: ['libx265', '-x265-params', 'keyint=10:min-keyint=10:bframes=3:open-gop=1:log-level=none'],
  mjpeg: ['mjpeg', '-huffman', 'default'],
} as const;

for (const codec of ['h264', 'h265', 'mjpeg'] as const)
  test(`${codec}: reads the RTP that ffmpeg itself sends, with pictures out of order`, async (t) => {
    const file = join(temporaryFolder(), 'film.mkv');
    const pixels = codec === 'mjpeg' ? 'yuvj420p' : 'yuv420p';
    const source = ['-f', 'lavfi', '-i', 'testsrc2=s=320x176:r=10:d=3', '-pix_fmt', pixels];
    await run([...source, '-c:v', ...ENCODERS[codec], file]);
    const direct = pictures(await decodeFile(file));
    assert.equal(direct.length, 30);
    const units = await sentByFfmpeg(t, codec, file, 30);
    const raw = Buffer.concat(units.map(({ data }) => data));
    assert.deepEqual(pictures(await decode(rawFormat(codec), raw)), direct);
    if (codec === 'mjpeg') return;
    const live = await decode(['-f', 'mpegts'], transportStream(codec, units));
    assert.deepEqual(pictures(live), direct);
    assert.ok(steps(live).every((step) => step === 1));
    const { mp4, durationSeconds } = await muxMp4(units);
    assert.deepEqual(pictures(await decodeMp4(mp4)), direct);
    assert.equal(durationSeconds.toFixed(2), '3.00');
    // A reader that begins at a later keyframe gets the pictures from there on.
    const later = units.findIndex(({ isKey }, index) => isKey && index > 5);
    const begun = units.slice(later).filter(({ pts }) => pts >= units[later]!.pts);
    assert.ok(begun.length < units.length - later, 'some that are shown before it follow it');
    const tail = pictures(await decodeMp4((await muxMp4(units.slice(later))).mp4));
    assert.deepEqual(tail, direct.slice(-begun.length));
  });

test('a camera that changes its size: live video and clip go on with the new one', async () => {
  const [small, large] = await Promise.all([film(), film({ width: 480, height: 360 })]);
  const units = [...received(small), ...received(large)].map((unit, index) => ({ ...unit, at: index * 100 }));
  const raw = Buffer.concat(units.map(({ data }) => data));
  const direct = pictures(await decode(rawFormat('h264'), raw));
  assert.equal(direct.length, 40);
  assert.deepEqual(pictures(await decode(['-f', 'mpegts'], transportStream('h264', units))), direct);
  assert.deepEqual(pictures(await decodeMp4((await muxMp4(units)).mp4)), direct);
});
