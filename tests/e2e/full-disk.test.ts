import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import { startTestGantry } from '../support/gantry.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A disk of 1 MB needs root, and a system that lets it mount one. */
function cannotMount(): string | false {
  if (process.getuid?.() !== 0) return 'only root can mount a small disk';
  try {
    execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'no small disk can be mounted here';
  }
}

test(
  'on a full disk every change is answered 507 and none is made; with room again each works',
  { skip: cannotMount() },
  async (t) => {
    const folder = temporaryFolder();
    // In reverse order: a folder is unmounted once nothing runs in it.
    const ends: (() => unknown)[] = [];
    t.after(async () => {
      for (const end of ends.toReversed()) await end();
    });
    const nats = await startNatsServer({ dataDir: join(folder, 'nats'), log: memoryLog() });
    ends.push(() => nats.stop());
    const dataDir = join(folder, 'small');
    await mkdir(dataDir);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dataDir]);
    ends.push(() => execFileSync('umount', ['-l', dataDir]));
    await writeFile(
      join(dataDir, 'api_keys.yaml'),
      'api_keys: [ { name: one, key: sk-one-0123456789, enabled: false } ]\n',
    );
    const start = () => startTestGantry(dataDir, { natsUrl: nats.url, redisUrl: 'off' });
    const gantry = await start();
    ends.push(() => gantry.stop());
    const camera = { cameraId: 'a', url: 'rtsp://10.255.255.1/a', enabled: false };
    assert.equal((await gantry.request('POST', '/api/cameras', camera)).status, 201);
    const state = async () =>
      JSON.stringify([
        (await gantry.request('GET', '/api/cameras')).json,
        (await gantry.request('GET', '/api/keys')).json.keys,
      ]);
    const before = await state();

    const fillers: string[] = [];
    const fill = async (): Promise<void> => {
      const filler = join(dataDir, `fill-${fillers.length}`);
      fillers.push(filler);
      const handle = await open(filler, 'w');
      await assert.rejects(
        async () => {
          for (;;) await handle.write(Buffer.alloc(4_096));
        },
        { code: 'ENOSPC' },
      );
      await handle.close();
    };
    await fill();
    const changes: readonly [string, string, unknown][] = [
      ['POST', '/api/cameras', { ...camera, cameraId: 'b' }],
      ['PATCH', '/api/cameras/a', { name: 'after', enabled: true }],
      ['DELETE', '/api/cameras/a', undefined],
      ['POST', '/api/keys', { name: 'two', key: 'sk-two-0123456789' }],
      ['PATCH', '/api/keys/one', { qps_limit: 1 }],
      ['DELETE', '/api/keys/one', undefined],
    ];
    for (let round = 0; round < 15; round++) {
      for (const [method, path, body] of changes) {
        const { status, json } = await gantry.request(method, path, body);
        assert.deepEqual({ status, code: json.code }, { status: 507, code: 'NOT_SAVED' }, `${method} ${path}`);
        assert.ok(json.message.includes(dataDir) && 'field' in json && 'value' in json, json.message);
      }
    }
    assert.equal(await state(), before);
    assert.equal(gantry.actor('/camera-registry').restarts, 0);
    await gantry.stop();
    // A stop makes room: it removes the files that say where Gantry runs.
    await fill();
    await assert.rejects(start(), { name: 'StorageError', code: 'DISK_FULL', message: new RegExp(dataDir) });

    for (const filler of fillers) await rm(filler);
    const again = await start();
    ends.push(() => again.stop());
    assert.equal((await again.request('DELETE', '/api/cameras/a')).status, 204);
    assert.equal((await again.request('PATCH', '/api/keys/one', { qps_limit: 1 })).json.persisted, true);
    assert.deepEqual(JSON.parse(await readFile(join(dataDir, 'cameras.json'), 'utf8')).cameras, []);
  },
);
