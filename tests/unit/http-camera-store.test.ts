import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { FileCameraStore } from '../../src/infra/camera-store.ts';
import { config } from '../support/http-fakes.ts';
import { memoryLog } from '../support/log.ts';

describe('camera store', () => {
  let folder = '';
  let path = '';
  let log = memoryLog();
  const open = (): FileCameraStore => new FileCameraStore({ path, log });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gantry-store-'));
    path = join(folder, 'data', 'cameras.json');
    log = memoryLog();
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('has no cameras before the first save, and makes no file by looking', async () => {
    assert.deepEqual(await open().load(), { cameras: [], movedAside: null, problems: [] });
    await assert.rejects(stat(path));
  });

  it('gives back what was saved, passwords included, to its owner alone', async () => {
    const cameras = [config('a'), config('b', { enabled: false })];
    await open().save(cameras);
    assert.deepEqual((await open().load()).cameras, cameras);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.equal((await stat(join(folder, 'data'))).mode & 0o777, 0o700);
    assert.deepEqual(await readdir(join(folder, 'data')), ['cameras.json'], 'no temporary file is left');
  });

  it('saves one after the other: the last one wins', async () => {
    const store = open();
    await Promise.all(Array.from({ length: 20 }, (_, index) => store.save([config(`c${index}`)])));
    assert.deepEqual((await store.load()).cameras, [config('c19')]);
  });

  it('moves a file that is no JSON aside, says so loudly, and starts empty', async () => {
    await open().save([config('a')]);
    await writeFile(path, '{"version":1,"cameras":[{"cameraId":"a","url":"rtsp://u:geheim@h');
    const { cameras, movedAside } = await open().load();
    assert.deepEqual(cameras, []);
    assert.match(await readFile(movedAside!, 'utf8'), /geheim/u, 'nothing is lost');
    assert.equal((await stat(movedAside!)).mode & 0o777, 0o600);
    const [line] = log.lines;
    assert.equal(line!.level, 'error');
    assert.ok(line!.message.includes(movedAside!));
    assert.ok(!JSON.stringify(log.lines).includes('geheim'));
    assert.deepEqual((await open().load()).problems, [], 'the next start is quiet');
  });

  it('keeps the good entries of a file with bad ones, and names the bad ones without their passwords', async () => {
    const bad = [
      { ...config('b'), url: 'file:///etc/passwd' },
      { ...config('c'), intervalSeconds: 'often' },
      config('a', { name: 'again' }),
      42,
    ];
    await open().save([config('a')]);
    await writeFile(path, JSON.stringify({ version: 1, cameras: [config('a'), ...bad] }));
    const { cameras, problems } = await open().load();
    assert.deepEqual(cameras, [config('a')]);
    assert.equal(problems.length, 4);
    assert.match(problems[0]!, /cameras\[1\]: url of b: scheme must be rtsp/u);
    assert.match(problems[1]!, /intervalSeconds/u);
    assert.match(problems[2]!, /there twice/u);
    assert.ok(!JSON.stringify([problems, log.lines]).includes('s3cret'));
  });

  it('refuses a file of a newer version instead of touching it', async () => {
    await open().save([]);
    const newer = JSON.stringify({ version: 2, cameras: [], more: true });
    await writeFile(path, newer);
    await assert.rejects(open().load(), { name: 'InfraError', code: 'CONFIG_INVALID', message: /version 2/u });
    assert.equal(await readFile(path, 'utf8'), newer);
  });

  it('says so when the file cannot be written, leaves the old one, and works again later', async () => {
    const store = open();
    await store.save([config('a')]);
    await rm(path);
    await mkdir(path); // a folder cannot be replaced by a file
    await assert.rejects(store.save([config('b')]), { code: 'CONFIG_INVALID' });
    assert.deepEqual(await readdir(join(folder, 'data')), ['cameras.json'], 'no temporary file is left');
    await rm(path, { recursive: true });
    await store.save([config('c')]);
    assert.deepEqual((await store.load()).cameras, [config('c')]);
  });

  it('closes a file that others could read, and removes what a crash left', async () => {
    await open().save([config('a')]);
    await chmod(path, 0o644);
    await writeFile(join(folder, 'data', '.cameras.json.0123.tmp'), 'half');
    await open().load();
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(join(folder, 'data')), ['cameras.json']);
    assert.match(log.lines[0]!.message, /0600/u);
  });

  it('does not save what is no camera', () => {
    assert.throws(() => open().save([{ ...config('a'), cameraId: '../x' }]));
  });
});
