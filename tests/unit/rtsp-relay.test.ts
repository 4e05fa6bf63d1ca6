import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { Resolver } from '../../src/infra/names.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { ownerIn } from '../../src/source/local-peer.ts';
import { RtspRelay, requestUrl } from '../../src/source/rtsp-relay.ts';
import { until } from '../support/until.ts';

const packet = (size: number): Buffer =>
  Buffer.concat([Buffer.from([0x24, 0, size >> 8, size & 255]), Buffer.alloc(size, 1)]);

interface FakeCamera {
  readonly port: number;
  readonly sockets: Socket[];
  heard: string;
}

/** A camera that answers each request with what `answer` gives for its start line. */
async function fakeCamera(t: TestContext, answer: (start: string, cseq: string) => string | null): Promise<FakeCamera> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      camera.heard += chunk.toString('latin1');
      for (const request of chunk
        .toString('latin1')
        .split('\r\n\r\n')
        .filter((each) => each !== '')) {
        const reply = answer(request.split('\r\n')[0] ?? '', /CSeq: (\d+)/u.exec(request)?.[1] ?? '');
        if (reply !== null) socket.write(reply, 'latin1');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const camera = { port: (server.address() as AddressInfo).port, sockets, heard: '' };
  return camera;
}

async function relayFor(
  t: TestContext,
  url: string,
  names?: Resolver,
): Promise<{ readonly relay: RtspRelay; readonly faults: string[] }> {
  const faults: string[] = [];
  const relay = await RtspRelay.open({
    url,
    allow: null,
    timeoutMs: 2_000,
    clock: systemClock,
    onFault: (reason) => faults.push(reason),
    ...(names === undefined ? {} : { names }),
  });
  t.after(() => relay.close());
  return { relay, faults };
}

function dial(
  t: TestContext,
  relay: RtspRelay,
): { readonly socket: Socket; text: string; ask(method: string, cseq: number, path?: string): void } {
  const socket = connect(Number(new URL(relay.url).port), '127.0.0.1');
  const client = {
    socket,
    text: '',
    ask: (method: string, cseq: number, path = '') =>
      void socket.write(`${method} ${relay.url}${path} RTSP/1.0\r\nCSeq: ${cseq}\r\n\r\n`),
  };
  socket.on('data', (chunk) => (client.text += chunk.toString('latin1')));
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  return client;
}

const SDP = 'v=0\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=1\r\n\r\n\r\n';
const ok = (cseq: string, more = ''): string => `RTSP/1.0 200 OK\r\nCSeq: ${cseq}\r\n${more}\r\n`;

test('only who knows the path gets in, once, and guests keep nobody out', async (t) => {
  const camera = await fakeCamera(t, (_start, cseq) => ok(cseq));
  const { relay, faults } = await relayFor(t, `rtsp://127.0.0.1:${camera.port}/x`);
  const guests = Array.from({ length: 4 }, () => dial(t, relay));
  for (const [at, { socket }] of guests.entries())
    socket.write(
      [
        'GET / HTTP/1.1\r\n\r\n',
        `OPTIONS ${relay.url.slice(0, -1)}x RTSP/1.0\r\nCSeq: 1\r\n\r\n`,
        'OPTIONS * RTSP/1.0\r\n\r\n',
        packet(10),
      ][at] ?? '',
    );
  await until('wrong ones are cut off', () => guests.slice(1).every(({ socket }) => socket.destroyed));
  assert.equal(camera.sockets.length, 0, 'nothing was dialled for them');
  const ffmpeg = dial(t, relay);
  ffmpeg.ask('OPTIONS', 7);
  await until('ffmpeg is answered', () => ffmpeg.text.includes('CSeq: 7'));
  await until('the listener is closed, and the last guest sent away', () => guests[0]!.socket.destroyed);
  const late = dial(t, relay);
  await until('nobody is let in any more', () => late.socket.destroyed);
  assert.deepEqual(faults, []);
});

test('the owner of a local connection is read from the system, and found for both ends only', () => {
  const table = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0',
    '   1: 0100007F:9C40 0100007F:0050 01 00000000:00000000 00:00000000 00000000    33        0 2 1 0 20 4 30 10 -1',
    '   2: 0100007F:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000 65534        0 3 1 0 20 4 30 10 -1',
    '   3: 0A00007F:9C41 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 4 1 0 20 4 30 10 -1',
    '',
  ].join('\n');
  assert.equal(ownerIn(table, 40_000, 8_080), 65_534);
  assert.equal(ownerIn(table, 40_000, 80), 33);
  assert.equal(ownerIn(table, 40_001, 8_080), null);
  assert.equal(ownerIn('', 1, 2), null);
});

test('the address that was checked is the one dialled: the name is asked for once', async (t) => {
  const camera = await fakeCamera(t, (_start, cseq) => ok(cseq));
  let asked = 0;
  const names: Resolver = () => {
    asked += 1;
    return Promise.resolve([{ address: asked === 1 ? '127.0.0.1' : '169.254.169.254', family: 4 }]);
  };
  const { relay } = await relayFor(t, `rtsp://cam.example:${camera.port}/x`, names);
  const ffmpeg = dial(t, relay);
  ffmpeg.ask('OPTIONS', 1);
  await until('an answer', () => ffmpeg.text.includes('200 OK'));
  assert.equal(asked, 1);
  assert.match(camera.heard, new RegExp(`^OPTIONS rtsp://cam\\.example:${camera.port}/x RTSP/1\\.0`, 'u'));
  const bad = await relayFor(t, `rtsp://cam.example:${camera.port}/x`, () =>
    Promise.resolve([{ address: '::ffff:a9fe:a9fe', family: 6 }]),
  );
  dial(t, bad.relay).ask('OPTIONS', 1);
  await until('a refusal', () => bad.faults.length === 1);
  assert.match(bad.faults[0]!, /cam\.example leads to .*never read/u);
});

test('packets between replies pass unchanged, the camera may ask, and gets its goodbye', async (t) => {
  const camera = await fakeCamera(t, (start, cseq) => {
    if (start.startsWith('DESCRIBE'))
      return ok(cseq, 'Content-Length: 51\r\nContent-Base: rtsp://10.9.9.9/base/\r\n') + SDP;
    if (start.startsWith('SETUP')) return ok(cseq, 'Session: abc;timeout=60\r\n');
    return start.startsWith('PLAY')
      ? [
          packet(5).toString('latin1'),
          'OPTIONS * RTSP/1.0\r\nCSeq: 99\r\n\r\n',
          ok(cseq, 'RTP-Info: url=rtsp://10.9.9.9/base/trackID=1;seq=1\r\n'),
          packet(7).toString('latin1'),
        ].join('')
      : null;
  });
  const { relay } = await relayFor(t, `rtsp://127.0.0.1:${camera.port}/x`);
  const ffmpeg = dial(t, relay);
  for (const [at, [method, path]] of (
    [
      ['DESCRIBE', ''],
      ['SETUP', '/stream/0'],
      ['PLAY', '/stream'],
    ] as const
  ).entries()) {
    ffmpeg.ask(method, at + 1, path);
    await until(`${method} is answered`, () => ffmpeg.text.includes(`CSeq: ${at + 1}\r\n`));
  }
  await until('the packets', () => ffmpeg.text.endsWith(packet(7).toString('latin1')));
  assert.ok(ffmpeg.text.includes(packet(5).toString('latin1')));
  assert.ok(ffmpeg.text.includes(`RTP-Info: url=${relay.url}/stream/0;seq=1`));
  assert.doesNotMatch(ffmpeg.text, /10\.9\.9\.9/u, 'nothing leads past the relay');
  assert.match(camera.heard, /SETUP rtsp:\/\/10\.9\.9\.9\/base\/trackID=1 RTSP/u);
  assert.match(camera.heard, /RTSP\/1\.0 200 OK\r\nCSeq: 99/u);
  ffmpeg.ask('PLAY', 4, '/stream/1');
  await until('an unknown track is 404', () => ffmpeg.text.includes('404 Not Found\r\nCSeq: 4'));
  relay.close();
  await until('the goodbye', () =>
    /TEARDOWN rtsp:\/\/10\.9\.9\.9\/base\/ RTSP\/1\.0\r\n.*\r\nSession: abc\r\n/u.test(camera.heard),
  );
});

test('a camera that floods waits for an ffmpeg that does not read, and memory stays bounded', async (t) => {
  const camera = await fakeCamera(t, (_start, cseq) => ok(cseq));
  const { relay, faults } = await relayFor(t, `rtsp://127.0.0.1:${camera.port}/x`);
  const ffmpeg = dial(t, relay);
  ffmpeg.ask('OPTIONS', 1);
  await until('an answer', () => ffmpeg.text !== '');
  ffmpeg.socket.pause();
  const big = packet(60_000);
  const [socket] = camera.sockets;
  let sent = 0;
  // The kernel takes some megabytes at each of two connections.
  for (let idle = 0; idle < 20 && sent < 200e6;) {
    if (socket!.writableLength > 1e6) {
      idle += 1;
      await new Promise((resolve) => setTimeout(resolve, 10));
    } else {
      idle = 0;
      socket!.write(big);
      sent += big.length;
      if (sent % (20 * big.length) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  assert.ok(sent < 100e6, `${sent} bytes were taken`);
  assert.deepEqual(faults, []);
});

test('hostile words of a camera end the connection, or arrive without control characters', async (t) => {
  for (const [reply, why] of [
    [`RTSP/1.0 200 OK\r\nX: ${'y'.repeat(20_000)}`, /invalid RTSP: a head of more than/u],
    ['RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 1000000\r\n\r\n', /a body of more than/u],
    [`junk\n${'j'.repeat(300)}\n`.repeat(300), /invalid RTSP/u],
  ] as const) {
    const camera = await fakeCamera(t, () => reply);
    const { relay, faults } = await relayFor(t, `rtsp://127.0.0.1:${camera.port}/x`);
    dial(t, relay).ask('OPTIONS', 1);
    await until('the fault', () => faults.length === 1);
    assert.match(faults[0]!, why);
  }
  const camera = await fakeCamera(
    t,
    (_start, cseq) => `RTSP/1.0 404 \u001b[31mred\u0007\r\nCSeq: ${cseq}\r\nServer: a\u001b[2Jb\r\n\r\n`,
  );
  const { relay } = await relayFor(t, `rtsp://127.0.0.1:${camera.port}/x`);
  const ffmpeg = dial(t, relay);
  ffmpeg.ask('DESCRIBE', 1);
  await until('the answer', () => ffmpeg.text.includes('CSeq: 1'));
  assert.equal(relay.reason, 'the camera answers DESCRIBE with 404 \\x1b[31mred\\x07');
  // eslint-disable-next-line no-control-regex
  assert.doesNotMatch(ffmpeg.text, /[\u0000-\u0009\u000b\u000c\u000e-\u001f]/u);
});

test('a camera that says nothing, or is not there, is given up with a reason', async (t) => {
  const silent = await fakeCamera(t, () => null);
  const { relay, faults } = await relayFor(t, `rtsp://u:secret@127.0.0.1:${silent.port}/x`);
  dial(t, relay).ask('OPTIONS', 1);
  await until('it is given up', () => faults.length === 1, 10_000);
  assert.equal(faults[0], 'the camera sent nothing for 2 s');
  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  const away = await relayFor(t, `rtsp://u:secret@127.0.0.1:${port}/x`);
  dial(t, away.relay).ask('OPTIONS', 1);
  await until('it is not reached', () => away.faults.length === 1);
  assert.equal(away.faults[0], `the connection to the camera at 127.0.0.1:${port} failed: ECONNREFUSED`);
});

test('requests name the camera as ffmpeg did: with its port, without the password', () => {
  assert.equal(requestUrl('rtsp://u:p%40@cam.example/a?b=c'), 'rtsp://cam.example:554/a?b=c');
  assert.equal(requestUrl('RTSPS://u@[2001:db8::1]'), 'rtsps://[2001:db8::1]:322');
  assert.equal(requestUrl('rtsp://cam:8554/x@y'), 'rtsp://cam:8554/x@y');
});
