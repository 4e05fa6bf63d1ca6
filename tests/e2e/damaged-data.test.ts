import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { appendFile, cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test, type TestContext } from 'node:test';
import { connect } from 'nats';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { startTestGantry, type TestGantry } from '../support/gantry.ts';
import { aggregate } from '../support/http-samples.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const ALERTS = 40;
const STREAM = join('nats', 'jetstream', 'jetstream', '$G', 'streams', 'ALERTS');
const APPEND_ONLY = join('redis', 'appendonlydir');
const noRedis = (await ensureRedisServer({})).binary === null;

/**
 * What a Gantry with two cameras, one changed key and forty alerts left when it was stopped in order; tests damage
 * copies.
 */
const whole = temporaryFolder();

before(async () => {
  await writeFile(
    join(whole, 'api_keys.yaml'),
    'api_keys: [ { name: one, key: sk-one-0123456789, enabled: false } ]\n',
  );
  const gantry = await startTestGantry(whole);
  try {
    for (const cameraId of ['a', 'b']) {
      const camera = { cameraId, url: `rtsp://10.255.255.1/${cameraId}`, enabled: false };
      assert.equal((await gantry.request('POST', '/api/cameras', camera)).status, 201);
    }
    assert.equal((await gantry.request('PATCH', '/api/keys/one', { qps_limit: 3 })).status, 200);
    const nc = await connect(natsOptions(gantry.natsUrl));
    const js = nc.jetstream();
    for (let index = 0; index < ALERTS; index++) {
      await js.publish('alerts.a', JSON.stringify(aggregate('a', { risk: 'high', requestId: randomUUID() })));
    }
    await until('Redis has the alerts', async () => noRedis || (await redisAlerts(gantry)) === ALERTS);
    await nc.close();
  } finally {
    await gantry.stop();
  }
});

interface DataFolder {
  readonly folder: string;
  readonly start: () => Promise<TestGantry>;
}

async function dataFolder(t: TestContext): Promise<DataFolder> {
  const folder = temporaryFolder();
  const started: TestGantry[] = [];
  t.after(async () => {
    for (const each of started) await each.stop();
  });
  await cp(whole, folder, { recursive: true });
  const start = async (): Promise<TestGantry> => {
    const gantry = await startTestGantry(folder);
    started.push(gantry);
    return gantry;
  };
  return { folder, start };
}

const redisAlerts = async (gantry: TestGantry): Promise<number> =>
  (await gantry.request('GET', '/api/cameras/a/alerts?limit=100')).json.length;
const noticesOf = async (gantry: TestGantry): Promise<string> =>
  (await gantry.request('GET', '/api/health')).json.notices.join('\n');
const names = async (gantry: TestGantry): Promise<string[]> =>
  (await gantry.request('GET', '/api/cameras')).json.map(({ cameraId }: { cameraId: string }) => cameraId);
const halve = async (file: string): Promise<void> => truncate(file, Math.floor((await stat(file)).size / 2));

test('damaged files of every kind are set aside or said, and the start goes on with what is whole', async (t) => {
  const { folder, start } = await dataFolder(t);
  const day = new Date().toISOString().slice(0, 10);
  const cameras = JSON.parse(await readFile(join(folder, 'cameras.json'), 'utf8')) as { cameras: unknown[] };
  await writeFile(
    join(folder, 'cameras.json'),
    JSON.stringify({ ...cameras, cameras: [...cameras.cameras, { cameraId: 'c', url: 7 }] }),
  );
  await writeFile(join(folder, 'api_keys.changes'), '{"version":2,"changes":{"one":{"ki');
  await writeFile(join(folder, 'usage', `${day}.json`), Buffer.alloc(512));
  await writeFile(join(folder, 'node-id'), 'no name at all!\n');
  await rm(join(folder, 'limit-members.json'), { force: true });
  await mkdir(join(folder, 'limit-members.json'));
  await writeFile(join(folder, 'gantry.json'), '{"pid":');
  await writeFile(join(folder, '.cameras.json.0123456789ab.tmp'), 'half a write');
  await halve(join(folder, STREAM, 'msgs', '1.blk'));

  const gantry = await start();
  const notices = await noticesOf(gantry);
  assert.deepEqual(await names(gantry), ['a', 'b']);
  for (const file of ['cameras.json', 'api_keys.changes', `${day}.json`, 'node-id', 'limit-members.json']) {
    assert.match(notices, new RegExp(`${file}.* is now \\S*${file}\\.broken-`), file);
  }
  assert.match(notices, /NATS no longer has stored messages: \d+ of 40 in ALERTS/);
  assert.ok(!(await readdir(folder)).includes('.cameras.json.0123456789ab.tmp'));
  assert.equal(
    (await gantry.request('POST', '/api/cameras', { cameraId: 'c', url: 'rtsp://10.255.255.1/c', enabled: false }))
      .status,
    201,
  );
  assert.equal((await gantry.request('PATCH', '/api/keys/one', { qps_limit: 4 })).json.persisted, true);
  for (const file of ['cameras.json', 'api_keys.changes', 'node-id', 'gantry.json', 'streams.json'])
    assert.equal((await stat(join(folder, file))).mode & 0o777, 0o600, file);
  await gantry.stop();

  const again = await start();
  assert.doesNotMatch(await noticesOf(again), /broken-|no longer has/);
  assert.deepEqual(await names(again), ['a', 'b', 'c']);
});

for (const [what, damage] of Object.entries({
  'a hole in the append-only file': async (folder: string) => {
    const [file] = (await readdir(join(folder, APPEND_ONLY))).filter((name) => name.endsWith('.incr.aof'));
    const path = join(folder, APPEND_ONLY, file ?? '');
    const body = await readFile(path);
    await writeFile(path, body.fill(0, Math.floor(body.length / 2), Math.floor(body.length / 2) + 2_000));
  },
  'garbage behind the append-only file': async (folder: string) => {
    const [file] = (await readdir(join(folder, APPEND_ONLY))).filter((name) => name.endsWith('.incr.aof'));
    await appendFile(join(folder, APPEND_ONLY, file ?? ''), 'garbage that is no command\r\n'.repeat(10));
  },
  'an append-only file without its manifest': (folder: string) =>
    rm(join(folder, APPEND_ONLY, 'appendonly.aof.manifest')),
  'a manifest of nothing': (folder: string) => truncate(join(folder, APPEND_ONLY, 'appendonly.aof.manifest'), 0),
})) {
  test(
    `${what}: Redis begins with what is whole, and the rest is said`,
    { skip: noRedis && 'there is no real redis-server on this machine' },
    async (t) => {
      const { folder, start } = await dataFolder(t);
      await damage(folder);
      const gantry = await start();
      assert.match(
        await noticesOf(gantry),
        /Redis could not use \S+appendonlydir as it was .*is now \S+appendonlydir\.broken-/,
      );
      assert.ok((await redisAlerts(gantry)) >= (what.includes('hole') ? 5 : ALERTS), 'what is whole is there');
    },
  );
}

test(
  'an append-only file cut between two commands, or gone: Redis does not notice, Gantry says so',
  { skip: noRedis && 'there is no real redis-server on this machine' },
  async (t) => {
    const { folder, start } = await dataFolder(t);
    const [file] = (await readdir(join(folder, APPEND_ONLY))).filter((name) => name.endsWith('.incr.aof'));
    await truncate(join(folder, APPEND_ONLY, file ?? ''), 0);
    const gantry = await start();
    assert.match(await noticesOf(gantry), new RegExp(`Redis lost what it had stored .*${file}`));
  },
);

test(
  'stores that are no store at all are set aside, and both servers begin anew',
  { skip: noRedis && 'there is no real redis-server on this machine' },
  async (t) => {
    const { folder, start } = await dataFolder(t);
    for (const store of [join('nats', 'jetstream'), APPEND_ONLY]) {
      await rm(join(folder, store), { recursive: true });
      await writeFile(join(folder, store), 'no folder');
    }
    const gantry = await start();
    const notices = await noticesOf(gantry);
    assert.match(notices, /NATS could not use \S+jetstream .*is now \S+jetstream\.broken-/);
    assert.match(notices, /Redis could not use \S+appendonlydir .*is now \S+appendonlydir\.broken-/);
    assert.match(notices, /NATS no longer has stored messages: 40 of 40 in ALERTS/);
    await gantry.stop();
    // Damage in place of one stream, and in place of the state of all.
    await writeFile(join(folder, 'streams.json'), '{"server":');
    await rm(join(folder, STREAM), { recursive: true });
    await writeFile(join(folder, STREAM), 'no folder either');
    const again = await start();
    const more = await noticesOf(again);
    assert.match(more, /ALERTS is not a folder/);
    assert.match(more, /streams\.json.* is now \S+streams\.json\.broken-.*whether NATS lost messages.*is not known/);
  },
);
