import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localDescription } from '../../src/source/rtsp-sdp.ts';

const LOCAL = 'rtsp://127.0.0.1:9/token/stream';
const describe = (
  session: string,
  media: readonly string[],
  base = 'rtsp://cam/live?x=1',
): ReturnType<typeof localDescription> =>
  localDescription(
    [
      'v=0',
      ...(session === '' ? [] : [session]),
      ...media.flatMap((control) => [
        'm=video 0 RTP/AVP 96',
        ...(control === '' ? [] : [`a=control:${control}`]),
        'a=rtpmap:96 H264/90000',
      ]),
    ].join('\r\n'),
    base,
    LOCAL,
  );

test('control URLs are found as ffmpeg finds them, and made local', () => {
  assert.deepEqual(describe('a=control:*', ['track1', 'track2']).tracks, [
    'rtsp://cam/live?x=1/track1',
    'rtsp://cam/live?x=1/track2',
  ]);
  assert.deepEqual(describe('', ['trackID=0'], 'rtsp://cam/live/').tracks, ['rtsp://cam/live/trackID=0']);
  assert.deepEqual(describe('', ['rtsp://10.0.0.9/abs/1', '', '*']).tracks, [
    'rtsp://10.0.0.9/abs/1',
    'rtsp://cam/live?x=1',
    'rtsp://cam/live?x=1',
  ]);
  const session = describe('a=control:rtsp://cam/all', ['track1']);
  assert.equal(session.aggregate, 'rtsp://cam/all');
  assert.deepEqual(session.tracks, ['rtsp://cam/all/track1']);
  const lines = session.sdp.split('\r\n');
  assert.deepEqual(
    lines.filter((line) => line.startsWith('a=control:')),
    [`a=control:${LOCAL}`, `a=control:${LOCAL}/0`],
  );
  assert.ok(lines.indexOf(`a=control:${LOCAL}`) < lines.indexOf('m=video 0 RTP/AVP 96'));
  assert.doesNotMatch(session.sdp, /cam/u, 'nothing leads past the relay');
});

test('a description beyond the bounds is refused or shortened', () => {
  assert.throws(
    () =>
      describe(
        '',
        Array.from({ length: 17 }, () => 'x'),
      ),
    { code: 'BAD_RTSP', message: /17 media/u },
  );
  assert.doesNotMatch(
    localDescription(`v=0\ns=${'a'.repeat(9_000)}\nm=video 0 RTP/AVP 96`, 'rtsp://c/x', LOCAL).sdp,
    /aaa/u,
  );
});
