import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { findFfmpeg, findNatsServer, onPath } from '../../src/provision/binaries.ts';
import { lastLines, runProgram } from '../../src/provision/command.ts';
import { ProvisionError } from '../../src/provision/provision-error.ts';
import type { ProvisionErrorCode } from '../../src/provision/provision-error.ts';
import { buildAtomically } from '../../src/provision/folders.ts';
import { ensureDemoFootage } from '../../src/provision/footage.ts';
import { withLock } from '../../src/provision/lock.ts';
import { probeKeyframes, probeVideo } from '../../src/provision/video-probe.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const hasCode = (code: ProvisionErrorCode, pattern: RegExp) => (error: unknown) =>
  error instanceof ProvisionError && error.code === code && pattern.test(error.message);

test('a build that fails leaves nothing, and one that was killed is cleared away by the next', async () => {
  const folder = temporaryFolder();
  const target = join(folder, 'thing.mp4');
  await mkdir(join(folder, '.partial-99999-thing.mp4'));
  await assert.rejects(
    buildAtomically(target, async (path) => {
      await writeFile(path, 'half');
      throw new Error('disk full');
    }),
    /disk full/,
  );
  assert.deepEqual(await readdir(folder), []);
  await buildAtomically(target, (path) => writeFile(path, 'whole'));
  assert.deepEqual(await readdir(folder), ['thing.mp4']);
  assert.equal(await readFile(target, 'utf8'), 'whole');
});

test('work under one lock runs one at a time; the second is told that it waits', async () => {
  const folder = temporaryFolder();
  const order: string[] = [];
  const [entered, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const first = withLock(folder, 'thing', async () => {
    order.push('first in');
    entered.resolve();
    await release.promise;
    order.push('first out');
  });
  await entered.promise;
  const second = withLock(folder, 'thing', async () => void order.push('second in'), {
    onWait: () => {
      order.push('second waits');
      release.resolve();
    },
  });
  await Promise.all([first, second]);
  assert.deepEqual(order, ['first in', 'second waits', 'first out', 'second in']);
});

test('a lock is free again after work that failed, and held too long it is given up', async () => {
  const folder = temporaryFolder();
  await assert.rejects(
    withLock(folder, 'thing', () => Promise.reject(new Error('no'))),
    /no/,
  );
  await withLock(folder, 'thing', async () => {
    await assert.rejects(
      withLock(folder, 'thing', () => Promise.resolve(), { timeoutMs: 1 }),
      hasCode('LOCK_TIMEOUT', /another process/),
    );
  });
});

test('a command that hangs is ended, one that does not exist is named', async () => {
  await assert.rejects(runProgram('sleep', ['60'], { timeoutMs: 50 }), hasCode('COMMAND_FAILED', /sleep took longer/));
  await assert.rejects(
    runProgram('/nowhere/tool', [], { timeoutMs: 60_000 }),
    hasCode('COMMAND_FAILED', /\/nowhere\/tool could not be started/),
  );
  const cancelled = AbortSignal.abort(new Error('stop'));
  await assert.rejects(
    runProgram('sleep', ['60'], { timeoutMs: 60_000, signal: cancelled }),
    hasCode('COMMAND_FAILED', /cancelled/),
  );
  assert.equal(lastLines('a\n\nb\r\nc\nd\n', 2), 'c | d');
});

test('ffmpeg and a nats-server of 2.11 or newer are found on this machine', async () => {
  assert.match((await findFfmpeg()).version, /\d/);
  assert.match((await findNatsServer()).version, /^2\.(1[1-9]|[2-9]\d)|^[3-9]/);
  assert.equal(onPath('sh', '/nowhere:/bin'), '/bin/sh');
  assert.equal(onPath('no-such-program'), null);
});

test('a file with sparse keyframes and B-frames is made fit for looping, once; a fit one stays as it is', async () => {
  const folder = temporaryFolder();
  const ffmpeg = (await findFfmpeg()).path;
  const source = join(folder, 'my street.mkv');
  const made = await runProgram(
    ffmpeg,
    [
      '-v',
      'error',
      '-f',
      'lavfi',
      '-i',
      'testsrc=size=161x121:rate=12.5:duration=4',
      '-c:v',
      'libx264',
      '-preset',
      'veryfast',
      '-pix_fmt',
      'yuv444p',
      '-g',
      '500',
      '-bf',
      '2',
      source,
    ],
    { timeoutMs: 30_000 },
  );
  assert.equal(made.code, 0, made.stderr);
  const said: string[] = [];
  const options = { source, ffmpeg, cacheDir: join(folder, 'cache'), onProgress: (line: string) => said.push(line) };
  const footage = await ensureDemoFootage(options);
  assert.match(footage, /cache\/footage\/my_street-[0-9a-f]{12}\.mp4$/);
  const video = await probeVideo(ffmpeg, footage);
  assert.deepEqual(
    { codec: video.codec, pixelFormat: video.pixelFormat, width: video.width, height: video.height },
    { codec: 'h264', pixelFormat: 'yuv420p', width: 160, height: 120 },
  );
  const keyframes = await probeKeyframes(ffmpeg, footage);
  assert.equal(keyframes.reordered, false);
  assert.ok(keyframes.longestGapS <= 1.05, `gap ${keyframes.longestGapS}`);
  assert.match(said.join('\n'), /converting my street\.mkv/);

  said.length = 0;
  assert.equal(await ensureDemoFootage(options), footage);
  assert.deepEqual(said, []);
  assert.equal(await ensureDemoFootage({ ...options, source: footage }), footage);
});

test('a source that is missing, a folder, or no video is refused by name', async () => {
  const folder = temporaryFolder();
  const ffmpeg = (await findFfmpeg()).path;
  for (const source of [join(folder, 'absent.mp4'), folder, import.meta.filename]) {
    await assert.rejects(
      ensureDemoFootage({ source, ffmpeg, cacheDir: folder }),
      (error) => hasCode('BAD_FOOTAGE', /./)(error) && error instanceof Error && error.message.includes(source),
    );
  }
});
