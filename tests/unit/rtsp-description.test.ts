import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSession, readTransport } from '../../src/rtsp/transport-header.ts';
import { readDescription, type VideoDescription } from '../../src/rtsp/video-description.ts';
import { RtspSyntaxError } from '../../src/rtsp/wire-reader.ts';

const BASE = 'rtsp://cam:554/live/';

function described(lines: readonly string[], base = BASE): VideoDescription {
  const found = readDescription(lines.join('\r\n'), base);
  assert.ok('track' in found, JSON.stringify(found));
  return found;
}

test('the video among other media, with its parameters', () => {
  const { track, control, aggregate } = described([
    'v=0',
    'a=control:*',
    'm=audio 0 RTP/AVP 0',
    'a=control:track0',
    'm=application 0 RTP/AVP 107',
    'a=rtpmap:107 vnd.onvif.metadata/90000',
    'm=video 0 RTP/AVP 96',
    'a=RTPMAP:96 h264/90000',
    'a=fmtp:96 packetization-mode=1; Sprop-Parameter-Sets=Z00AKpWoHgCJ+WEAAAMAAQ==,aO48gA==;profile-level-id=4d002a',
    'a=control:trackID=1',
  ]);
  assert.deepEqual([track.codec, track.payloadType, track.clockRate], ['h264', 96, 90_000]);
  assert.equal(track.fmtp.get('sprop-parameter-sets'), 'Z00AKpWoHgCJ+WEAAAMAAQ==,aO48gA==');
  assert.equal(track.fmtp.get('profile-level-id'), '4d002a');
  assert.deepEqual([control, aggregate], ['rtsp://cam:554/live/trackID=1', BASE]);
});

test('each codec, by name or by its static payload type', () => {
  const codec = (types: string, ...lines: readonly string[]): string =>
    described([`m=video 0 RTP/AVP ${types}`, ...lines]).track.codec;
  assert.equal(codec('26'), 'mjpeg');
  assert.equal(codec('97', 'a=rtpmap:97 JPEG/90000'), 'mjpeg');
  assert.equal(codec('98', 'a=rtpmap:98 H265/90000'), 'h265');
  assert.equal(codec('98', 'a=rtpmap:98 HEVC'), 'h265');
  assert.equal(codec('99 98', 'a=rtpmap:99 VP8/90000', 'a=rtpmap:98 H264/90000'), 'h264');
  const { track } = described(['m=video 0 RTP/AVP 26', 'a=x-dimensions:2592,1944', 'a=framesize:26 2592-1944']);
  assert.deepEqual(
    [...track.fmtp],
    [
      ['framesize', '26 2592-1944'],
      ['x-dimensions', '2592,1944'],
    ],
  );
  assert.deepEqual(readDescription('v=0\nm=video 0 RTP/AVP 96 31\na=rtpmap:96 VP9/90000\n', BASE), [
    'VP9',
    'payload type 31',
  ]);
  assert.deepEqual(readDescription('', BASE), []);
});

test('control URLs: relative to the base, absolute, or that of all', () => {
  const control = (value: string, base = BASE, session = '*'): string =>
    described([`a=control:${session}`, 'm=video 0 RTP/AVP 26', `a=control:${value}`], base).control;
  assert.equal(control('track1'), 'rtsp://cam:554/live/track1');
  assert.equal(control('track1', 'rtsp://cam:554/live'), 'rtsp://cam:554/live/track1');
  assert.equal(control('/track1', 'rtsp://cam:554/live'), 'rtsp://cam:554/live/track1');
  // As Dahua's cameras expect it.
  assert.equal(
    control('trackID=0', 'rtsp://cam:554/cam?channel=1&subtype=0'),
    'rtsp://cam:554/cam?channel=1&subtype=0/trackID=0',
  );
  assert.equal(control('rtsp://10.0.0.2/x/track1'), 'rtsp://10.0.0.2/x/track1');
  assert.equal(control('*'), BASE);
  assert.equal(control('a b'), BASE);
  assert.equal(control('track1', BASE, 'rtsp://cam/all'), 'rtsp://cam/all/track1');
  assert.equal(control('x'.repeat(5_000)), BASE);
});

test('at most 16 media', () => {
  assert.throws(() => readDescription('m=audio 0 RTP/AVP 0\n'.repeat(17), BASE), RtspSyntaxError);
});

test("a camera's answer to SETUP: its own channels and ports, or ours where it leaves them out", () => {
  assert.deepEqual(readTransport('RTP/AVP/TCP;unicast;interleaved=6-7', 'tcp'), { kind: 'tcp', rtp: 6, rtcp: 7 });
  assert.deepEqual(readTransport('RTP/AVP/TCP;interleaved=4;ssrc=1', 'tcp'), { kind: 'tcp', rtp: 4, rtcp: 5 });
  assert.deepEqual(readTransport('rtp/avp/tcp;unicast', 'tcp'), { kind: 'tcp', rtp: 0, rtcp: 1 });
  assert.deepEqual(readTransport(undefined, 'tcp'), { kind: 'tcp', rtp: 0, rtcp: 1 });
  assert.deepEqual(readTransport('RTP/AVP/TCP;interleaved=300-301', 'tcp'), { kind: 'tcp', rtp: 0, rtcp: 1 });
  const udp = 'RTP/AVP/UDP;unicast;client_port=5000-5001;server_port=6970-6971';
  assert.deepEqual(readTransport(udp, 'udp'), { kind: 'udp', serverPorts: [6970, 6971] });
  assert.deepEqual(readTransport('RTP/AVP;unicast;client_port=1-2', 'tcp'), { kind: 'udp', serverPorts: null });
  assert.deepEqual(readTransport(undefined, 'udp'), { kind: 'udp', serverPorts: null });
});

test('the session, with its time-out between 1 s and 10 min', () => {
  assert.deepEqual(readSession('1234;timeout=90'), { id: '1234', timeoutMs: 90_000 });
  assert.deepEqual(readSession(' 12 ; Timeout = 0'), { id: '12', timeoutMs: 1_000 });
  assert.deepEqual(readSession('12;timeout=99999'), { id: '12', timeoutMs: 600_000 });
  assert.deepEqual(readSession('12'), { id: '12', timeoutMs: 60_000 });
  assert.deepEqual(readSession(undefined), { id: null, timeoutMs: 60_000 });
  assert.equal(readSession('x'.repeat(300)).id, null);
});
