import assert from 'node:assert/strict';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect } from 'nats';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { startRedisStandIn } from '../../src/embedded/redis-stand-in.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { connectRedis } from '../../src/servers/redis-url.ts';
import { memoryLog } from './support.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const passwordsOf = ({ url, ownUrl }: EmbeddedService): string[] =>
  [url, ownUrl].map((each) => decodeURIComponent(new URL(each).password));

/** In no argument, variable, file for others, or line of the log. */
async function isKept(server: EmbeddedService, dataDir: string, lines: readonly string[]): Promise<void> {
  const passwords = passwordsOf(server);
  assert.ok(
    passwords.every((each) => each.length >= 32 && /^[a-z]/u.test(each)),
    'long, and no port for who takes digits for one',
  );
  for (const what of ['cmdline', 'environ']) {
    const text = await readFile(`/proc/${server.pid()}/${what}`, 'latin1');
    for (const password of passwords) assert.ok(!text.includes(password), what);
  }
  for (const password of passwords) assert.ok(!lines.some((line) => line.includes(password)));
  let secretFiles = 0;
  for (const name of await readdir(dataDir)) {
    const file = join(dataDir, name);
    if ((await stat(file)).isDirectory()) continue;
    const text = await readFile(file, 'latin1');
    if (!passwords.some((each) => text.includes(each)) && !name.endsWith('.conf')) continue;
    assert.equal((await stat(file)).mode & 0o777, 0o600, file);
    secretFiles += 1;
  }
  assert.ok(secretFiles > 0, 'the server has its passwords from a file');
}

test('nats-server serves who has the password made for this start, and nobody else', async (t) => {
  const dataDir = temporaryFolder();
  const log = memoryLog();
  const server = await startNatsServer({ dataDir, log });
  t.after(() => server.stop());
  await isKept(server, dataDir, log.lines);
  const { port } = new URL(server.url);
  await assert.rejects(connect({ servers: `127.0.0.1:${port}` }), /authorization/iu);
  await assert.rejects(connect({ servers: `127.0.0.1:${port}`, user: 'gantry', pass: 'guess' }), /authorization/iu);
  await (await connect(natsOptions(server.url))).close();
  await server.stop();
  const again = await startNatsServer({ dataDir, log });
  t.after(() => again.stop());
  assert.notDeepEqual(passwordsOf(again), passwordsOf(server));
});

test('redis-server serves who has a password; what Gantry itself uses cannot change or end the server', async (t) => {
  const dataDir = temporaryFolder();
  const log = memoryLog();
  const server = await startRedisServer({ dataDir, log });
  t.after(() => server.stop());
  if (server.kind !== 'redis-server') return t.skip(`no real Redis: ${server.notice}`);
  await isKept(server, dataDir, log.lines);
  const conf = await readFile(join(dataDir, 'redis-server.conf'), 'utf8');
  assert.ok(
    passwordsOf(server).every((each) => !conf.includes(each)),
    'Redis keeps hashes',
  );
  const client = (url: string) => {
    const redis = connectRedis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
    t.after(() => redis.disconnect());
    return redis;
  };
  const nobody = client(`redis://127.0.0.1:${new URL(server.url).port}`);
  await assert.rejects(nobody.get('x'));
  const own = client(server.ownUrl);
  assert.equal(await own.set('x', '1', 'EX', 9), 'OK');
  assert.equal(await own.eval("return redis.call('GET', KEYS[1])", 1, 'x'), '1');
  for (const command of [
    ['CONFIG', 'GET', 'dir'],
    ['CONFIG', 'SET', 'dir', '/'],
    ['DEBUG', 'SLEEP', '0'],
    ['MODULE', 'LIST'],
    ['SHUTDOWN', 'NOSAVE'],
    ['ACL', 'LIST'],
    ['FLUSHALL'],
    ['REPLICAOF', 'NO', 'ONE'],
    ['SAVE'],
    ['KEYS', '*'],
    ['MONITOR'],
  ]) {
    const [name = '', ...rest] = command;
    await assert.rejects(own.call(name, ...rest), /NOPERM|not allowed/u, command.join(' '));
  }
  await assert.rejects(own.eval("return redis.call('FLUSHALL')", 0), /NOPERM|can't run/u, 'not by a script either');
  const operator = client(server.url);
  assert.deepEqual(await operator.config('GET', 'appendonly'), ['appendonly', 'yes']);
});

test('the stand-in asks for a password, too', async (t) => {
  const server = await startRedisStandIn({ port: 0, reason: 'a test', log: memoryLog() });
  t.after(() => server.stop());
  const open = (url: string) => {
    const redis = connectRedis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
    redis.on('error', () => undefined);
    t.after(() => redis.disconnect());
    return redis;
  };
  await assert.rejects(open(`redis://127.0.0.1:${new URL(server.url).port}`).set('x', '1'));
  assert.equal(await open(server.url).set('x', '1'), 'OK');
});

test('a second start in a folder that is in use leaves the first one as it is', async (t) => {
  const dataDir = temporaryFolder();
  const server = await startNatsServer({ dataDir, log: memoryLog() });
  t.after(() => server.stop());
  const before = await readFile(join(dataDir, 'nats-server.conf'), 'utf8');
  await assert.rejects(startNatsServer({ dataDir, log: memoryLog() }), { code: 'FOLDER_IN_USE' });
  assert.equal(
    await readFile(join(dataDir, 'nats-server.conf'), 'utf8'),
    before,
    'else its restart would not fit its clients',
  );
});
