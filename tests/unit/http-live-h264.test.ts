import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { H264FanOut, NOT_H264 } from '../../src/http/preview/h264-fan-out.ts';
import { TS_PACKET } from '../../src/http/preview/mpegts.ts';
import { TsIndex } from '../../src/http/preview/ts-index.ts';
import { H264, H265, keyPacket, otherPacket, tables } from '../support/ts-stream.ts';
import { LiveViewer } from '../support/live-viewer.ts';

describe('the index of an MPEG-TS stream', () => {
  it('finds the tables, the kind of video and where keyframes begin', () => {
    const index = new TsIndex();
    assert.deepEqual(index.push(keyPacket(1)), [], 'the video is not known before the tables');
    const keys = index.push(Buffer.concat([tables(H264), otherPacket(1), keyPacket(2), otherPacket(3), keyPacket(4)]));
    assert.deepEqual(keys, [3 * TS_PACKET, 5 * TS_PACKET]);
    assert.equal(index.codec, 'H.264');
    assert.deepEqual(index.tables, tables(H264));
  });

  it('takes any bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: TS_PACKET, maxLength: TS_PACKET }), { maxLength: 8 }), (all) => {
        const index = new TsIndex();
        // As tables, where every length is read.
        for (const bytes of all) {
          bytes.set([0x47, 0x40, 0x00]);
          index.push(Buffer.from(bytes));
        }
        index.push(tables(H264));
        for (const bytes of all) {
          bytes.set([0x47, 0x50, 0x00]);
          index.push(Buffer.from(bytes));
        }
      }),
    );
  });
});

describe('H.264 for viewers', () => {
  it('begins for each viewer at the newest keyframe, tables first', () => {
    const fanOut = new H264FanOut();
    const early = new LiveViewer();
    fanOut.join(early);
    fanOut.begin();
    fanOut.push(Buffer.concat([tables(H264), otherPacket(1)]));
    assert.equal(early.take().byteLength, 0, 'no keyframe yet');
    fanOut.push(Buffer.concat([keyPacket(2), otherPacket(3)]));
    const late = new LiveViewer();
    fanOut.join(late);
    const opening = Buffer.concat([tables(H264), keyPacket(2), otherPacket(3)]);
    assert.deepEqual(early.take(), opening);
    assert.deepEqual(late.take(), opening);
    fanOut.push(otherPacket(4));
    assert.deepEqual(early.take(), otherPacket(4));
    assert.deepEqual(late.take(), otherPacket(4));
    assert.equal(fanOut.viewers, 2);
  });

  it('does not depend on how the bytes are cut', () => {
    const stream = Buffer.concat([
      tables(H264),
      keyPacket(1),
      otherPacket(2),
      keyPacket(3),
      tables(H264),
      keyPacket(4),
    ]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }), (sizes) => {
        const fanOut = new H264FanOut();
        const viewer = new LiveViewer();
        fanOut.join(viewer);
        for (let at = 0, turn = 0; at < stream.byteLength; turn += 1) {
          const size = sizes[turn % sizes.length]!;
          fanOut.push(stream.subarray(at, at + size));
          at += size;
        }
        assert.deepEqual(viewer.take(), stream);
      }),
    );
  });

  it('skips to the next keyframe for a slow viewer only, and counts that once', () => {
    const fanOut = new H264FanOut();
    const [slow, quick] = [new LiveViewer(), new LiveViewer()];
    fanOut.join(slow);
    fanOut.join(quick);
    fanOut.push(Buffer.concat([tables(H264), keyPacket(1)]));
    slow.take();
    slow.bufferedAmount = 1_100_000;
    for (const mark of [2, 3]) fanOut.push(otherPacket(mark));
    fanOut.push(keyPacket(4));
    assert.equal(slow.take().byteLength, 0, 'still too much unsent');
    slow.bufferedAmount = 0;
    fanOut.push(otherPacket(5));
    assert.equal(slow.take().byteLength, 0, 'no picture could be decoded');
    fanOut.push(keyPacket(6));
    assert.deepEqual(slow.take(), Buffer.concat([tables(H264), keyPacket(6)]));
    assert.equal(quick.take().byteLength, 8 * TS_PACKET);
    assert.equal(fanOut.skipped, 1);
  });

  it('does not take a large first message for slowness', () => {
    const fanOut = new H264FanOut();
    const many = Buffer.concat(Array.from({ length: 10_000 }, () => otherPacket(0)));
    fanOut.push(Buffer.concat([tables(H264), keyPacket(1), many]));
    const viewer = new LiveViewer();
    fanOut.join(viewer);
    viewer.bufferedAmount = viewer.take().byteLength;
    assert.ok(viewer.bufferedAmount > 1_800_000);
    fanOut.push(otherPacket(2));
    assert.deepEqual(viewer.take(), otherPacket(2));
    viewer.bufferedAmount = 1_000;
    fanOut.push(otherPacket(3));
    viewer.bufferedAmount = 1_800_000;
    fanOut.push(otherPacket(4));
    assert.deepEqual(viewer.take(), otherPacket(3), 'once it has caught up, the usual bound counts');
  });

  it('keeps at most 4 MB since a keyframe; who joins then waits for the next', () => {
    const fanOut = new H264FanOut();
    const many = Buffer.concat(Array.from({ length: 23_000 }, () => otherPacket(0)));
    fanOut.push(Buffer.concat([tables(H264), keyPacket(1)]));
    fanOut.push(many);
    const viewer = new LiveViewer();
    fanOut.join(viewer);
    fanOut.push(otherPacket(2));
    assert.equal(viewer.take().byteLength, 0);
    fanOut.push(keyPacket(3));
    assert.deepEqual(viewer.take(), Buffer.concat([tables(H264), keyPacket(3)]));
  });

  it('begins anew when the stream does', () => {
    const fanOut = new H264FanOut();
    const viewer = new LiveViewer();
    fanOut.join(viewer);
    fanOut.push(Buffer.concat([tables(H264), keyPacket(1), otherPacket(2).subarray(0, 50)]));
    viewer.take();
    fanOut.begin();
    fanOut.push(Buffer.concat([tables(H264), otherPacket(3)]));
    assert.equal(viewer.take().byteLength, 0);
    fanOut.push(keyPacket(4));
    assert.deepEqual(viewer.take(), Buffer.concat([tables(H264), keyPacket(4)]));
  });

  it('refuses other kinds of video by name', () => {
    const mpeg1 = { code: NOT_H264, reason: 'NOT_H264: this camera sends MJPEG; ask for video=mpeg1' };
    assert.deepEqual(new H264FanOut().push(Buffer.from([0xff, 0xd8, 0xff, 0xe0])), mpeg1);
    assert.match(new H264FanOut().push(tables(H265))!.reason, /^NOT_H264: this camera sends H\.265;/u);
  });
});
