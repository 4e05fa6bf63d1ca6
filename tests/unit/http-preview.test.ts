import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Previews } from '../../src/http/preview.ts';
import type { StartVideo, VideoEvents } from '../../src/http/preview/preview-encoder.ts';
import { TS_PACKET, TsAligner, jsmpegHeader, videoSize } from '../../src/http/preview/mpegts.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from '../support/log.ts';
import { LiveViewer } from '../support/live-viewer.ts';

describe('MPEG-TS for JSMpeg', () => {
  it('is cut at packet borders', () => {
    const aligner = new TsAligner();
    const stream = Buffer.from(Array.from({ length: TS_PACKET * 3 }, (_, index) => index % 251));
    assert.equal(aligner.push(stream.subarray(0, 100)), null);
    assert.deepEqual(aligner.push(stream.subarray(100, 400)), stream.subarray(0, 376));
    assert.deepEqual(aligner.push(stream.subarray(400)), stream.subarray(376));
  });

  it('begins with the header of eight bytes', () => {
    assert.equal(
      jsmpegHeader({ width: 640, height: 352 }).toString('hex'),
      `${Buffer.from('jsmp').toString('hex')}02800160`,
    );
  });

  it('takes its size from what ffmpeg prints about the output', () => {
    const stderr =
      'Stream #0:0[0x100]: Video: h264 (High), yuv420p, 1280x720, 25 fps\n' +
      '  Stream #0:0: Video: mpeg1video, yuv420p(tv, progressive), 640x352 [SAR 1:1 DAR 20:11], q=2-31, 1500 kb/s';
    assert.deepEqual(videoSize(stderr), { width: 640, height: 352 });
    assert.equal(videoSize('Stream #0:0: Video: h264, 1280x720'), null);
  });
});

function setUp(source: () => Promise<string | null> = async () => 'udp://127.0.0.1:5000') {
  const clock = new ManualClock();
  const encoders: { events: VideoEvents; stopped: boolean; source: string }[] = [];
  const start: StartVideo = (from, events) => {
    const encoder = { events, stopped: false, source: from };
    encoders.push(encoder);
    return { size: () => ({ width: 640, height: 352 }), stop: () => (encoder.stopped = true) };
  };
  const previews = new Previews({
    previewSource: source,
    encode: start,
    read: start,
    clock,
    log: memoryLog(),
    most: { h264: 3, mpeg1: 2 },
    graceMs: 3_000,
  });
  return { clock, encoders, previews };
}

const packet = Buffer.alloc(TS_PACKET, 0x47);

describe('live video', () => {
  it('runs one encoder for all viewers of a camera, the header first for each', async () => {
    const { clock, encoders, previews } = setUp();
    const [one, two] = [new LiveViewer(), new LiveViewer()];
    previews.watch('a', 'mpeg1', one);
    await clock.advance(0);
    encoders[0]!.events.onData(packet);
    previews.watch('a', 'mpeg1', two);
    encoders[0]!.events.onData(packet);
    assert.equal(encoders.length, 1);
    assert.deepEqual(one.got, [jsmpegHeader({ width: 640, height: 352 }), packet, packet]);
    assert.deepEqual(two.got, [jsmpegHeader({ width: 640, height: 352 }), packet]);
    assert.deepEqual(previews.figures(), {
      viewers: { h264: 0, mpeg1: 2 },
      channels: { h264: 0, mpeg1: 1 },
      skipped: { h264: 0, mpeg1: 0 },
    });
  });

  it('stops with the last viewer, after a grace in which one may come back', async () => {
    const { clock, encoders, previews } = setUp();
    const leave = previews.watch('a', 'mpeg1', new LiveViewer());
    await clock.advance(0);
    leave();
    await clock.advance(2_900);
    const leaveAgain = previews.watch('a', 'mpeg1', new LiveViewer());
    await clock.advance(10_000);
    assert.ok(!encoders[0]!.stopped);
    leaveAgain();
    await clock.advance(3_000);
    assert.ok(encoders[0]!.stopped);
    assert.equal(previews.figures().channels.mpeg1, 0);
    assert.equal(clock.pending, 0);
  });

  it('goes on for a viewer who came back while the encoder was being started', async () => {
    let give: (source: string) => void = () => undefined;
    const { clock, encoders, previews } = setUp(() => new Promise((resolve) => (give = resolve)));
    previews.watch('a', 'mpeg1', new LiveViewer())();
    const viewer = new LiveViewer();
    previews.watch('a', 'mpeg1', viewer);
    await clock.advance(5_000);
    give('udp://127.0.0.1:1');
    await clock.advance(0);
    encoders[0]!.events.onData(packet);
    assert.equal(viewer.got.length, 2);
  });

  it('leaves packets out for a slow viewer only', async () => {
    const { clock, encoders, previews } = setUp();
    const [slow, quick] = [new LiveViewer(), new LiveViewer()];
    previews.watch('a', 'mpeg1', slow);
    previews.watch('a', 'mpeg1', quick);
    await clock.advance(0);
    slow.bufferedAmount = 2_000_000;
    encoders[0]!.events.onData(packet);
    assert.equal(slow.got.length, 1, 'the header alone');
    assert.equal(quick.got.length, 2);
    assert.equal(previews.figures().skipped.mpeg1, 1);
  });

  it('starts an encoder that ended again, with back-off, and tells viewers when it is of no use', async () => {
    const { clock, encoders, previews } = setUp();
    const viewer = new LiveViewer();
    previews.watch('a', 'mpeg1', viewer);
    await clock.advance(0);
    encoders[0]!.events.onData(packet);
    for (let index = 0; index < 4; index += 1) {
      assert.equal(viewer.closed, null);
      encoders[index]!.events.onEnd('no input');
      await clock.advance(10_000);
    }
    assert.equal(encoders.length, 4);
    assert.deepEqual(viewer.closed, { code: 1013, reason: 'no live video: no input' });
    assert.equal(previews.figures().channels.mpeg1, 0);
    assert.equal(clock.pending, 0);
  });

  it('tells viewers when the camera has no video', async () => {
    const { clock, previews } = setUp(async () => null);
    const viewer = new LiveViewer();
    previews.watch('a', 'mpeg1', viewer);
    await clock.advance(60_000);
    assert.deepEqual(viewer.closed, { code: 1013, reason: 'no live video: the camera has no video now' });
  });

  it('keeps to the bound of encoders, and goes on when one ends', async () => {
    const { clock, previews } = setUp();
    const leave = previews.watch('a', 'mpeg1', new LiveViewer());
    previews.watch('b', 'mpeg1', new LiveViewer());
    assert.equal(previews.refusal('a', 'mpeg1'), null);
    assert.match(previews.refusal('c', 'mpeg1')!.message, /at most 2 cameras/u);
    assert.throws(() => previews.watch('c', 'mpeg1', new LiveViewer()), { code: 'NO_VIDEO' });
    await clock.advance(0);
    leave();
    await clock.advance(3_000);
    assert.equal(previews.refusal('c', 'mpeg1'), null);
  });

  it('has a bound of its own for each kind', async () => {
    const { clock, encoders, previews } = setUp();
    for (const id of ['a', 'b']) previews.watch(id, 'mpeg1', new LiveViewer());
    for (const id of ['a', 'b', 'c']) previews.watch(id, 'h264', new LiveViewer());
    await clock.advance(0);
    assert.equal(encoders.length, 5);
    assert.match(previews.refusal('d', 'h264')!.message, /at most 3 cameras .* H\.264/u);
    assert.deepEqual(previews.figures().viewers, { h264: 3, mpeg1: 2 });
  });

  it('closes the viewers of a stream that is not what they asked for, and forgets it', async () => {
    const { clock, encoders, previews } = setUp();
    const viewer = new LiveViewer();
    previews.watch('a', 'h264', viewer);
    await clock.advance(0);
    encoders[0]!.events.onData(Buffer.from([0xff, 0xd8]));
    assert.equal(viewer.closed!.code, 4415);
    assert.ok(encoders[0]!.stopped);
    assert.equal(previews.figures().channels.h264, 0);
  });

  it('ends when the camera is removed while its source is looked up', async () => {
    let give: (source: string) => void = () => undefined;
    const { clock, encoders, previews } = setUp(() => new Promise((resolve) => (give = resolve)));
    const viewer = new LiveViewer();
    previews.watch('a', 'mpeg1', viewer);
    previews.forget('a');
    give('udp://127.0.0.1:1');
    await clock.advance(0);
    assert.equal(encoders.length, 0);
    assert.equal(viewer.closed!.code, 1001);
  });
});
