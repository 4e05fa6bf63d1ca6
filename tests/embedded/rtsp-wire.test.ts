import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playableSdp } from '../../src/embedded/rtsp-feeder.ts';
import {
  interleavedChannels,
  interleavedHeader,
  RtspParser,
  RtspSyntaxError,
  startsKeyframe,
  streamName,
} from '../../src/embedded/rtsp-wire.ts';

const stream = Buffer.concat([
  Buffer.from('ANNOUNCE rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 5\r\n\r\nhello'),
  interleavedHeader(1, 4),
  Buffer.from('$$\r\n'),
  Buffer.from('OPTIONS * RTSP/1.0\r\ncseq:2\r\n\r\n'),
]);

test('requests and packets are found however the bytes are cut', () => {
  for (let size = 1; size <= stream.length; size++) {
    const parser = new RtspParser();
    const found: string[] = [];
    for (let at = 0; at < stream.length; at += size) {
      for (const message of parser.push(stream.subarray(at, at + size))) {
        found.push(
          message.kind === 'request'
            ? `${message.method} ${message.headers.get('cseq')} ${message.body}`
            : `packet ${message.channel} ${message.payload.toString()}`,
        );
      }
    }
    assert.deepEqual(found, ['ANNOUNCE 1 hello', 'packet 1 $$\r\n', 'OPTIONS 2 '], `chunks of ${size}`);
  }
});

test('what is no RTSP, an endless head and a huge body are refused', () => {
  for (const text of [
    'GET / HTTP/1.1\r\n\r\n',
    'x'.repeat(20_000),
    'ANNOUNCE a RTSP/1.0\r\nContent-Length: 9999999\r\n\r\n',
    'ANNOUNCE a RTSP/1.0\r\nContent-Length: -1\r\n\r\n',
  ]) {
    assert.throws(() => new RtspParser().push(Buffer.from(text)), RtspSyntaxError);
  }
});

const rtp = (...payload: number[]): Buffer =>
  Buffer.concat([Buffer.from([0x80]), Buffer.alloc(11), Buffer.from([...payload, 0, 0, 0, 0])]);

test('a keyframe is known as a single unit, an aggregate and the first fragment', () => {
  assert.equal(startsKeyframe(rtp(0x65)), true); // IDR
  assert.equal(startsKeyframe(rtp(0x67)), true); // SPS
  assert.equal(startsKeyframe(rtp(0x41)), false); // other slice
  assert.equal(startsKeyframe(rtp(0x78, 0, 9, 0x67)), true); // STAP-A with SPS first
  assert.equal(startsKeyframe(rtp(0x78, 0, 9, 0x06)), false); // STAP-A with SEI first
  assert.equal(startsKeyframe(rtp(0x7c, 0x85)), true); // FU-A, IDR, start
  assert.equal(startsKeyframe(rtp(0x7c, 0x45)), false); // FU-A, IDR, end
  assert.equal(startsKeyframe(Buffer.alloc(3)), false);
  const extended = Buffer.concat([
    Buffer.from([0x90]),
    Buffer.alloc(11),
    Buffer.from([0, 0, 0, 1, 1, 2, 3, 4, 0x65, 0, 0, 0]),
  ]);
  assert.equal(startsKeyframe(extended), true); // behind a header extension
});

test('names and channels are read from what real clients send', () => {
  assert.equal(streamName('rtsp://127.0.0.1:8554/demo/streamid=0'), 'demo');
  assert.equal(streamName('rtsp://host/demo?x=1'), 'demo');
  assert.equal(streamName('rtsp://host'), '');
  assert.equal(streamName('/etc/passwd'), '');
  assert.deepEqual(interleavedChannels('RTP/AVP/TCP;unicast;interleaved=4-5'), [4, 5]);
  assert.deepEqual(interleavedChannels('RTP/AVP;unicast;client_port=1-2, RTP/AVP/TCP;unicast'), [0, 1]);
  assert.equal(interleavedChannels('RTP/AVP;unicast;client_port=1-2'), null);
  assert.equal(interleavedChannels('RTP/AVP/TCP;interleaved=300-301'), null);
});

test('the description for players keeps the parameter sets and names one control URL', () => {
  const published = [
    'v=0',
    'o=- 0 0 IN IP4 127.0.0.1',
    's=No Name',
    'c=IN IP4 127.0.0.1',
    't=0 0',
    'a=tool:libavformat',
    'm=video 0 RTP/AVP 96',
    'a=rtpmap:96 H264/90000',
    'a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LA,aM4=',
    'a=control:streamid=0',
    '',
  ].join('\r\n');
  const lines = playableSdp(published).split('\r\n');
  assert.ok(lines.includes('a=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LA,aM4='));
  assert.deepEqual(
    lines.filter((line) => line.startsWith('a=control')),
    ['a=control:*', 'a=control:streamid=0'],
  );
  assert.ok(lines.indexOf('a=control:*') < lines.indexOf('m=video 0 RTP/AVP 96'));
});
