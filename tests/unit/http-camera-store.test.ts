import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, it } from 'node:test';
import { FileCameraStore } from '../../src/infra/camera-store.ts';
import type { SceneConfig } from '../../src/messages/scene.ts';
import { DataNotices } from '../../src/storage/set-aside.ts';
import { config } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const corners = (count: number): [number, number][] =>
  Array.from({ length: count }, (_, i) => [i + 0.5, i % 2 === 0 ? 10 : 20]);

describe('camera store', () => {
  let folder = '';
  let path = '';
  let log = memoryLog();
  const open = (): FileCameraStore => new FileCameraStore({ path, log });

  beforeEach(async () => {
    folder = temporaryFolder();
    path = join(folder, 'data', 'cameras.json');
    log = memoryLog();
  });

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

  it('sets a file of another version aside as it is, and says which program reads it', async () => {
    await open().save([]);
    const newer = JSON.stringify({ version: 2, cameras: [config('a')], more: true });
    await writeFile(path, newer);
    const { cameras, movedAside, problems } = await open().load();
    assert.deepEqual(cameras, []);
    assert.match(problems.join(), /version 2/u);
    assert.equal(await readFile(movedAside!, 'utf8'), newer);
  });

  for (const [what, make] of Object.entries({
    'an empty file': () => writeFile(path, ''),
    'a file of zeros': () => writeFile(path, Buffer.alloc(4_096)),
    garbage: () => writeFile(path, Buffer.from('ff00c1fe80', 'hex')),
    'a folder': () => mkdir(path),
    'a file of 33 MB': () => writeFile(path, Buffer.alloc(33 * 1024 * 1024, 0x20)),
    'a million brackets': () => writeFile(path, '['.repeat(1_000_000)),
    'the null of JSON': () => writeFile(path, 'null'),
  })) {
    it(`sets ${what} aside, says so for health, and goes on`, async () => {
      await mkdir(join(folder, 'data'));
      await make();
      const notices = new DataNotices(log);
      const { cameras, movedAside } = await new FileCameraStore({ path, log, notices }).load();
      assert.deepEqual(cameras, []);
      assert.ok(notices.list()[0]!.includes(movedAside!) && notices.list()[0]!.includes(path));
      assert.deepEqual((await readdir(join(folder, 'data'))).length, 1, 'what was there is still there');
      await open().save([config('a')]);
      assert.deepEqual((await open().load()).cameras, [config('a')]);
    });
  }

  it('one broken entry of many takes no other with it, and a thousand broken ones make no endless notice', async () => {
    await mkdir(join(folder, 'data'));
    const broken = Array.from({ length: 1_000 }, (_, index) => ({ ...config(`bad-${index}`), url: 42 }));
    await writeFile(path, JSON.stringify({ version: 1, cameras: [config('a'), ...broken, config('z')] }));
    const notices = new DataNotices(log);
    const { cameras } = await new FileCameraStore({ path, log, notices }).load();
    assert.deepEqual(cameras, [config('a'), config('z')]);
    assert.match(notices.list()[0]!, /and 990 more/u);
    assert.ok(notices.list()[0]!.length < 6_000);
  });

  it('says so when the file cannot be written, leaves the old one, and works again later', async () => {
    const store = open();
    await store.save([config('a')]);
    await rm(path);
    await mkdir(path); // a folder cannot be replaced by a file
    await assert.rejects(store.save([config('b')]), { name: 'StorageError', code: 'NOT_WRITABLE' });
    assert.deepEqual(await readdir(join(folder, 'data')), ['cameras.json'], 'no temporary file is left');
    await rm(path, { recursive: true });
    await store.save([config('c')]);
    assert.deepEqual((await store.load()).cameras, [config('c')]);
  });

  it('closes a file that others could read', async () => {
    await open().save([config('a')]);
    await chmod(path, 0o644);
    await open().load();
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.match(log.lines[0]!.message, /0600/u);
  });

  it("keeps a camera's own settings", async () => {
    const stream = { transport: 'udp', certificateSha256: 'AB:'.repeat(31) + 'AB' } as const;
    const cameras = [config('a', { freshnessSeconds: 1.5, prompt: 'a school crossing\nwith lights', ...stream })];
    await open().save(cameras);
    assert.deepEqual((await open().load()).cameras, cameras);
  });

  it('refuses a list that it could not read again, and leaves the old one', async () => {
    await open().save([config('a')]);
    const long = Array.from({ length: 9_000 }, (_, index) => config(`c${index}`, { prompt: '路'.repeat(2_000) }));
    await assert.rejects(open().save(long), { name: 'StorageError', code: 'NOT_WRITABLE', message: /prompts/u });
    assert.deepEqual((await open().load()).cameras, [config('a')]);
  });

  it('refuses more corners of zones than it could read again', async () => {
    const zone = (id: number) => ({ id: `z${id}`, kind: 'lane' as const, polygon: corners(64) });
    const scene = { width: 1280, height: 720, zones: Array.from({ length: 64 }, (_, id) => zone(id)), lines: [] };
    await open().save([config('largest', { scene })]);
    assert.deepEqual((await open().load()).cameras[0]?.scene, scene);
    const many = Array.from({ length: 330 }, (_, index) => config(`c${index}`, { scene }));
    await assert.rejects(open().save(many), { code: 'NOT_WRITABLE', message: /values and names.*scenes/u });
    assert.equal((await open().load()).cameras.length, 1);
  });

  it('keeps a camera whose scene is invalid, without the scene, and says why', async () => {
    const scene = { width: 1280, height: 720, zones: [{ id: 'a', kind: 'lane', polygon: corners(3) }], lines: [] };
    const odd = { ...scene, zones: [{ id: 'a', kind: 'pavement', polygon: corners(3) }] };
    await open().save([]);
    const entries = [
      { ...config('good'), scene },
      { ...config('odd'), scene: odd },
      { ...config('crossed'), scene: { ...scene, width: 640 } },
    ];
    await writeFile(path, JSON.stringify({ version: 1, cameras: entries }));
    const sceneProblem = ({ width }: SceneConfig): string | null => (width === 640 ? 'zones[0].polygon: no' : null);
    const { cameras, problems, movedAside } = await new FileCameraStore({ path, log, sceneProblem }).load();
    assert.deepEqual(cameras, [{ ...config('good'), scene }, config('odd'), config('crossed')]);
    assert.match(problems[0] ?? '', /^cameras\[1\]: scene of odd, which is kept without one: scene\.zones\.0\.kind/u);
    assert.match(problems[1] ?? '', /^cameras\[2\]: scene of crossed, .*: zones\[0\]\.polygon: no$/u);
    assert.match(await readFile(movedAside!, 'utf8'), /pavement/u);
  });

  it('does not save what is no camera', () => {
    assert.throws(() => open().save([{ ...config('a'), cameraId: '../x' }]));
  });
});
