import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import type { RtspStreamOptions } from '../../src/embedded/rtsp-server.types.ts';
import { startRtspServer } from '../../src/embedded/rtsp-server.ts';
import { findFfmpeg } from '../../src/provision/binaries.ts';
import { runProgram } from '../../src/provision/command.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { CameraSource, type SourceOptions } from '../../src/source/camera-source.ts';
import { RtspReader } from '../../src/source/rtsp-reader.ts';
import { memoryLog } from './support.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PASSWORD = 'p@ss:w/rd?#%';
const GATE = `rtsp://viewer:${encodeURIComponent(PASSWORD)}@`;
let ffmpeg = '';
let folder = '';
let clip = '';

before(async () => {
  ffmpeg = (await findFfmpeg()).path;
  folder = temporaryFolder();
  clip = join(folder, 'clip.mp4');
  const made = await runProgram(
    ffmpeg,
    [
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      'testsrc=size=320x240:rate=10:duration=2',
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-pix_fmt',
      'yuv420p',
      '-g',
      '5',
      '-bf',
      '0',
      clip,
    ],
    { timeoutMs: 30_000 },
  );
  assert.equal(made.code, 0, made.stderr);
});

/** A camera of the project's own RTSP server. */
async function camera(
  t: TestContext,
  options: Partial<RtspStreamOptions> = {},
): Promise<{
  readonly url: string;
  readonly port: number;
  readonly server: Awaited<ReturnType<typeof startRtspServer>>;
}> {
  const server = await startRtspServer({
    ffmpeg,
    log: memoryLog(),
    streams: [{ name: 'cam', file: clip, ...options }],
  });
  t.after(() => server.stop());
  return { url: server.url('cam'), port: server.port, server };
}

/** What Gantry makes of a URL: pictures, words, and the ffmpeg it runs. */
function watch(
  t: TestContext,
  url: string,
  over: Partial<SourceOptions> = {},
): { frames: number; readonly says: string[]; readonly pids: number[]; readonly source: CameraSource } {
  const seen = {
    frames: 0,
    says: [] as string[],
    pids: [] as number[],
    source: new CameraSource({
      ffmpeg,
      url,
      intervalMs: 300,
      maxWidth: 1280,
      allow: null,
      previewSocket: null,
      clock: systemClock,
      onFrame: () => (seen.frames += 1),
      onState: (state, message) => seen.says.push(`${state}: ${message}`),
      onProcess: (event, pid) => event === 'began' && seen.pids.push(pid),
      ...over,
    }),
  };
  seen.source.start();
  t.after(() => seen.source.stop());
  return seen;
}

const seesPictures = (what: string, seen: ReturnType<typeof watch>): Promise<boolean> =>
  until(`${what}: pictures`, () => seen.frames >= 2, 20_000).catch((thrown: unknown) =>
    assert.fail(`${String(thrown)} ${seen.says.join(' | ')}`),
  );
const saysOffline = (seen: ReturnType<typeof watch>): string =>
  seen.says.find((line) => line.startsWith('offline')) ?? '';

test('a camera that asks for a password is read, and no process list or environment shows it', async (t) => {
  process.env['GANTRY_TOKEN'] = 'tok-of-this-test';
  t.after(() => delete process.env['GANTRY_TOKEN']);
  const ways = [
    { scheme: 'basic' },
    { scheme: 'md5' },
    { scheme: 'sha-256' },
    { scheme: 'md5', requestsPerNonce: 1 },
  ] as const;
  for (const way of ways) {
    const { url } = await camera(t, {
      auth: { username: 'viewer', password: PASSWORD, ...way },
      absoluteControl: way.scheme === 'md5',
    });
    const seen = watch(t, url.replace('rtsp://', GATE));
    t.after(() => seen.source.stop());
    await seesPictures(JSON.stringify(way), seen);
    const [pid] = seen.pids;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    assert.match(command, /rtsp:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}/u);
    assert.doesNotMatch(command, /viewer|p@ss|p%40ss|udp:/u);
    assert.ok(!command.includes(url), 'not the camera either');
    assert.doesNotMatch(readFileSync(`/proc/${pid}/environ`, 'utf8'), /tok-of-this-test|GANTRY/u);
  }
});

test('a wrong password and a missing one are told apart, without showing any', async (t) => {
  const { url } = await camera(t, { auth: { username: 'viewer', password: PASSWORD, scheme: 'md5' } });
  const wrong = watch(t, url.replace('rtsp://', 'rtsp://viewer:not-the-one@'));
  const none = watch(t, url);
  await until('both are refused', () => saysOffline(wrong) !== '' && saysOffline(none) !== '', 20_000);
  assert.match(saysOffline(wrong), /refuses the user and password of its URL \(401 Unauthorized\)/u);
  assert.match(saysOffline(none), /asks for a user and a password, and its URL has none/u);
  assert.doesNotMatch([...wrong.says, ...none.says].join(), /not-the-one|127\.0\.0\.1:\d+\/[0-9a-f]{32}/u);
});

test('a camera with manners of its own is read: LF alone, names in lower case, no CSeq, padding', async (t) => {
  const { port } = await camera(t, { auth: { username: 'viewer', password: PASSWORD, scheme: 'md5' } });
  const odd = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    const reader = new RtspReader();
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      for (const item of reader.push(chunk)) {
        if (item.kind === 'data') client.write(item.bytes);
        else {
          const headers = item.headers
            .filter(([name]) => name !== 'CSeq')
            .map(([name, value]) => `${name.toLowerCase()}:${value}\n`);
          client.write(
            Buffer.concat([Buffer.from(`${item.start}\n${headers.join('')}\n`), item.body, Buffer.from('\r\n')]),
          );
        }
      }
    });
    for (const socket of [client, upstream]) {
      socket.on('error', () => undefined);
      socket.on('close', () => [client, upstream].forEach((each) => each.destroy()));
    }
  });
  t.after(() => odd.close());
  odd.listen(0, '127.0.0.1');
  await once(odd, 'listening');
  await seesPictures('odd camera', watch(t, `${GATE}127.0.0.1:${(odd.address() as AddressInfo).port}/cam`));
});

test('a redirect is followed within the policy, with the password for the same host only', async (t) => {
  const { url, server } = await camera(t, { auth: { username: 'viewer', password: PASSWORD, scheme: 'sha-256' } });
  for (const status of [301, 302, 303, 305]) {
    const { url: first } = await camera(t, { redirect: { status, location: url } });
    const seen = watch(t, first.replace('rtsp://', GATE), { allow: ['127.0.0.1'] });
    await seesPictures(`${status}`, seen);
    await seen.source.stop();
  }
  const { url: away } = await camera(t, { redirect: { status: 302, location: url.replace('127.0.0.1', 'localhost') } });
  const other = watch(t, away.replace('rtsp://', GATE), { allow: ['127.0.0.1', 'localhost'] });
  await until('it has no password there', () => saysOffline(other) !== '', 20_000);
  assert.match(saysOffline(other), /its URL has none/u);
  const playing = server.clients('cam');
  for (const [location, why] of [
    [url.replace('127.0.0.1', '127.0.0.2'), /127\.0\.0\.2 is not among the hosts/u],
    ['rtsp://169.254.169.254:554/latest', /link-local/u],
    ['rtsp://[::ffff:169.254.169.254]/x', /link-local/u],
    ['http://127.0.0.1/x', /scheme must stay rtsp/u],
    ['file:///etc/passwd', /scheme must stay rtsp/u],
  ] as const) {
    const { url: first } = await camera(t, { redirect: { status: 302, location } });
    const seen = watch(t, first, { allow: ['127.0.0.1'] });
    await until(`${location} is refused`, () => saysOffline(seen) !== '', 20_000);
    assert.match(saysOffline(seen), why);
    await seen.source.stop();
  }
  const loop = await camera(t, { redirect: { status: 302, location: '/cam' } });
  const round = watch(t, loop.url);
  await until('the circle is left', () => saysOffline(round) !== '', 20_000);
  assert.match(saysOffline(round), /6th redirect/u);
  assert.equal(server.clients('cam'), playing);
});

test('the preview comes over a socket file of our own user, and goes on when the camera comes back', async (t) => {
  const { url, server } = await camera(t);
  const previewSocket = join(folder, 'live');
  const seen = watch(t, url, { previewSocket });
  await seesPictures('camera', seen);
  const bytes = { read: 0, aligned: true };
  const reader = connect(previewSocket);
  t.after(() => reader.destroy());
  reader.on('error', () => undefined);
  reader.on('data', (chunk) => {
    if (bytes.read === 0) bytes.aligned = chunk[0] === 0x47 && chunk[188] === 0x47;
    bytes.read += chunk.length;
  });
  await until('the stream', () => bytes.read > 20_000, 20_000);
  assert.ok(bytes.aligned, 'a reader begins with a whole packet');
  const [readBefore, started] = [bytes.read, seen.pids.length];
  server.dropClients();
  await until(
    'it goes on for the same reader',
    () => seen.pids.length > started && bytes.read > readBefore + 5_000,
    20_000,
  );
  await seen.source.stop();
  await until('its end', () => reader.destroyed || reader.readableEnded);
});
