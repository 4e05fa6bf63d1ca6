import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { findFfmpeg } from '../../src/provision/binaries.ts';
import { runProgram } from '../../src/provision/command.ts';
import { startRtspServer } from '../../src/embedded/rtsp-server.ts';
import type { RtspServer, RtspServerOptions } from '../../src/embedded/rtsp-server.ts';
import { EmbeddedError } from '../../src/embedded/service.ts';
import { isAlive, memoryLog } from './support.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

let ffmpeg = '';
let folder = '';
/** Two seconds at 10 frames/s, so that the tests also run over the loop's seam. */
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
      '10',
      '-bf',
      '0',
      clip,
    ],
    { timeoutMs: 30_000 },
  );
  assert.equal(made.code, 0, made.stderr);
});

async function serve(t: TestContext, options: Partial<RtspServerOptions> = {}): Promise<RtspServer> {
  const server = await startRtspServer({
    ffmpeg,
    log: memoryLog(),
    streams: [{ name: 'demo', file: clip }],
    ...options,
  });
  t.after(() => server.stop());
  return server;
}

/** A real ffmpeg that decodes the stream and prints a line for each frame. */
class Reader {
  readonly process: ChildProcess;
  frames = 0;
  stderr = '';
  readonly ended: Promise<number | null>;

  constructor(t: TestContext, url: string) {
    this.process = spawn(
      ffmpeg,
      [
        '-v',
        'error',
        '-nostdin',
        '-rtsp_transport',
        'tcp',
        '-analyzeduration',
        '500000',
        '-i',
        url,
        '-f',
        'framecrc',
        '-',
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    this.process.stdout?.on('data', (chunk: Buffer) => {
      this.frames += chunk
        .toString()
        .split('\n')
        .filter((line) => line.startsWith('0,')).length;
    });
    this.process.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.ended = once(this.process, 'close').then(([code]) => code as number | null);
    t.after(() => this.process.kill('SIGKILL'));
  }

  shows(count: number): Promise<boolean> {
    return until(
      `${count} frames are decoded (got ${this.frames}; ${this.stderr})`,
      () => this.frames >= count,
      60_000,
    );
  }
}

test('two real ffmpeg clients decode one looping stream beyond the end of its file, from one feeder', async (t) => {
  const server = await serve(t);
  assert.equal(server.stats('demo').feeder, 'idle');
  const readers = [new Reader(t, server.url('demo')), new Reader(t, server.url('demo'))];
  await Promise.all(readers.map((reader) => reader.shows(35)));
  assert.equal(server.clients('demo'), 2);
  assert.equal(server.stats('demo').feederRestarts, 0);
  for (const reader of readers) assert.equal(reader.stderr, '');
});

test('dropped clients end, and the stream serves the next one', async (t) => {
  const server = await serve(t);
  const reader = new Reader(t, server.url('demo'));
  await reader.shows(3);
  assert.equal(server.dropClients('demo'), 1);
  await reader.ended;
  assert.equal(server.clients('demo'), 0);
  await new Reader(t, server.url('demo')).shows(3);
});

test('a paused stream stalls without closing and goes on when resumed', async (t) => {
  const server = await serve(t);
  const reader = new Reader(t, server.url('demo'));
  await reader.shows(3);
  server.pause('demo');
  // Frames that were under way still arrive. A stream that plays has ten in each of these seconds.
  let stalledAt = -1;
  const isStill = (): boolean => {
    const seen = stalledAt;
    stalledAt = reader.frames;
    return seen === stalledAt;
  };
  await until('a second without a frame', isStill, 30_000, 1_000);
  assert.equal(server.clients('demo'), 1);
  assert.equal(server.stats('demo').paused, true);
  server.resume('demo');
  await reader.shows(stalledAt + 5);
});

test('a feeder that is killed comes back; its clients are dropped and can return', async (t) => {
  const server = await serve(t);
  const reader = new Reader(t, server.url('demo'));
  await reader.shows(3);
  process.kill(server.stats('demo').feederPid!, 'SIGKILL');
  await reader.ended;
  await until(
    'the feeder runs again',
    () => server.stats('demo').feederRestarts >= 1 && server.stats('demo').feeder === 'running',
  );
  await new Reader(t, server.url('demo')).shows(3);
});

test('a protected stream refuses a wrong password and none, and the password is in no log line', async (t) => {
  const log = memoryLog();
  const server = await serve(t, {
    log,
    streams: [{ name: 'gate', file: clip, auth: { username: 'viewer', password: 'p@ss:w/rd' } }],
  });
  const url = server.url('gate');
  assert.doesNotMatch(url, /viewer|p@ss/);
  for (const wrong of [url, url.replace('rtsp://', 'rtsp://viewer:wrong@')]) {
    const reader = new Reader(t, wrong);
    assert.notEqual(await reader.ended, 0);
    assert.match(reader.stderr, /401 Unauthorized/);
  }
  await new Reader(t, url.replace('rtsp://', `rtsp://viewer:${encodeURIComponent('p@ss:w/rd')}@`)).shows(3);
  assert.doesNotMatch(log.lines.join('\n'), /p@ss/);
});

test('an unknown stream is 404 for clients and BAD_STREAM for callers', async (t) => {
  const server = await serve(t);
  const reader = new Reader(t, `rtsp://${server.host}:${server.port}/nothing`);
  assert.notEqual(await reader.ended, 0);
  assert.match(reader.stderr, /404 Not Found/);
  assert.throws(
    () => server.url('nothing'),
    (error) => error instanceof EmbeddedError && error.code === 'BAD_STREAM' && error.message.includes('demo'),
  );
});

test('a file that is no video answers 503 instead of hanging', async (t) => {
  const log = memoryLog();
  const server = await serve(t, { log, streams: [{ name: 'broken', file: import.meta.filename }] });
  const reader = new Reader(t, server.url('broken'));
  assert.notEqual(await reader.ended, 0);
  assert.match(reader.stderr, /503/);
  assert.match(log.lines.join('\n'), /ended with status/);
});

/** Sends `text` on a connection of its own and gives back what comes until it closes or `enough` holds. */
async function converse(server: RtspServer, text: string, enough: (received: string) => boolean): Promise<string> {
  const socket = connect({ host: server.host, port: server.port });
  let received = '';
  socket.setEncoding('latin1');
  socket.write(text);
  await new Promise<void>((resolve) => {
    socket.on('data', (chunk: string) => {
      received += chunk;
      if (enough(received)) resolve();
    });
    socket.on('close', () => resolve());
    socket.on('error', () => resolve());
  });
  socket.destroy();
  return received;
}

test('a client that speaks something else is cut off; others are not touched', async (t) => {
  const server = await serve(t);
  const reader = new Reader(t, server.url('demo'));
  await reader.shows(3);
  assert.equal(await converse(server, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n', () => false), '');
  assert.equal(await converse(server, 'x'.repeat(20_000), () => false), '');
  const seen = reader.frames;
  await reader.shows(seen + 5);
});

test('UDP is refused with 461 and PLAY without SETUP with 454', async (t) => {
  const server = await serve(t);
  const url = server.url('demo');
  const udp = await converse(
    server,
    `SETUP ${url}/streamid=0 RTSP/1.0\r\nCSeq: 7\r\nTransport: RTP/AVP;unicast;client_port=5000-5001\r\n\r\n`,
    (text) => text.includes('\r\n\r\n'),
  );
  assert.match(udp, /^RTSP\/1\.0 461 [^\r]+\r\nCSeq: 7\r\n/);
  const play = await converse(server, `PLAY ${url} RTSP/1.0\r\nCSeq: 8\r\n\r\n`, (text) => text.includes('\r\n\r\n'));
  assert.match(play, /^RTSP\/1\.0 454 /);
});

test('stopping ends clients, feeders and listener, twice in a row without a leftover', async (t) => {
  for (let round = 0; round < 2; round++) {
    const server = await serve(t);
    const reader = new Reader(t, server.url('demo'));
    await reader.shows(1);
    const feeder = server.stats('demo').feederPid!;
    await Promise.all([server.stop(), server.stop()]);
    await reader.ended;
    assert.equal(isAlive(feeder), false);
    assert.equal(server.stats('demo').feeder, 'stopped');
  }
});

test('stopping while a feeder is being started ends it too', async (t) => {
  const server = await serve(t);
  const reader = new Reader(t, server.url('demo'));
  await until('the feeder is being started', () => server.stats('demo').feeder === 'starting');
  await server.stop();
  await reader.ended;
  assert.equal(server.stats('demo').feeder, 'stopped');
});

test('stream names that would not fit a URL, and names given twice, are refused', async () => {
  for (const names of [['a b'], [''], ['a/b'], ['same', 'same']]) {
    await assert.rejects(
      startRtspServer({ ffmpeg, log: memoryLog(), streams: names.map((name) => ({ name, file: clip })) }),
      (error) => error instanceof EmbeddedError && error.code === 'BAD_STREAM',
    );
  }
});
