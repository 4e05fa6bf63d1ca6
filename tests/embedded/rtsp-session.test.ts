import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { RtspAccess } from '../../src/embedded/rtsp-access.ts';
import { RtspSession } from '../../src/embedded/rtsp-session.ts';

const KEYFRAME = Buffer.concat([Buffer.alloc(12, 0x80), Buffer.from([0x65]), Buffer.alloc(60_000)]);
const SLICE = Buffer.concat([Buffer.alloc(12, 0x80), Buffer.from([0x41]), Buffer.alloc(100)]);

/** A session on a real connection that has asked to play, and its client. */
async function playing(
  t: TestContext,
  maxBacklog: number,
): Promise<{ session: RtspSession; client: Socket; faults: string[] }> {
  const joined = Promise.withResolvers<RtspSession>();
  const faults: string[] = [];
  const stream = {
    name: 'demo',
    auth: null,
    redirect: null,
    absoluteControl: false,
    describe: () => Promise.resolve(''),
    join: (session: RtspSession) => joined.resolve(session),
  };
  const server = createServer((socket) => {
    const session = new RtspSession({
      socket,
      id: 'session',
      find: () => stream,
      maxBacklog,
      onFault: (_stream, why) => faults.push(why),
    });
    socket.on('close', () => session.drop());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  t.after(() => {
    client.destroy();
    server.close();
  });
  client.on('error', () => undefined); // it may be reset
  client.write(
    'SETUP rtsp://h/demo RTSP/1.0\r\nCSeq: 1\r\nTransport: RTP/AVP/TCP;unicast;interleaved=2-3\r\n\r\n' +
      'PLAY rtsp://h/demo RTSP/1.0\r\nCSeq: 2\r\n\r\n',
  );
  return { session: await joined.promise, client, faults };
}

test('a client that does not read is dropped once its backlog is full', async (t) => {
  const { session, client, faults } = await playing(t, 1024 * 1024);
  client.pause();
  let sent = 0;
  // The kernel takes some megabytes by itself before anything waits in this process.
  while (sent < 1000 && session.send(KEYFRAME, true)) {
    sent += 1;
    if (sent % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(sent < 1000, 'never dropped');
  assert.deepEqual(faults, ['client does not read']);
  // Not once(): it would reject at the reset that is expected here.
  const closed = new Promise<void>((resolve) => client.on('close', () => resolve()));
  client.resume();
  await closed;
});

test('nothing is sent before a keyframe, and packets carry the channels the client chose', async (t) => {
  const { session, client } = await playing(t, 1024 * 1024);
  let received = Buffer.alloc(0);
  const packets: number[] = [];
  const third = Promise.withResolvers<void>();
  client.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    const start = received.indexOf('$');
    let at = start;
    packets.length = 0;
    while (at !== -1 && received.length >= at + 4 && received.length >= at + 4 + received.readUInt16BE(at + 2)) {
      packets.push(received.readUInt8(at + 1), received.readUInt16BE(at + 2));
      at += 4 + received.readUInt16BE(at + 2);
    }
    if (packets.length === 6) third.resolve();
  });
  session.send(SLICE, true);
  session.send(SLICE, false);
  session.send(KEYFRAME, true);
  session.send(SLICE, true);
  session.send(SLICE, false);
  await third.promise;
  assert.deepEqual(packets, [2, KEYFRAME.length, 2, SLICE.length, 3, SLICE.length]);
});

const header = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test('Basic credentials must match whole; without any all may pass', () => {
  const auth = { username: 'viewer', password: 'a:b' };
  const access = new RtspAccess();
  const isRefused = (given: typeof auth | null, authorization?: string): boolean => {
    const headers = new Map(authorization === undefined ? [] : [['authorization', authorization]]);
    return (
      access.refusal(given, { kind: 'request', method: 'DESCRIBE', url: 'rtsp://h/x', headers, body: '' }) !== null
    );
  };
  assert.equal(isRefused(null), false);
  assert.equal(isRefused(auth, header('viewer:a:b')), false);
  for (const wrong of [undefined, '', 'Basic', header('viewer:a'), header('viewer:a:bc'), header(''), 'Bearer x'])
    assert.equal(isRefused(auth, wrong), true);
});
