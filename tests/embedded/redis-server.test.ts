import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { REDIS_OPTIONS, startRedisServer } from '../../src/embedded/redis-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { isAlive, memoryLog } from './support.ts';
import { until } from '../support/until.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A real Redis in `dataDir`; null, and the test skipped, where none can be had. */
async function realRedis(t: TestContext, dataDir: string): Promise<EmbeddedService | null> {
  const server = await startRedisServer({ dataDir, log: memoryLog() });
  t.after(() => server.stop());
  if (server.kind === 'redis-server') return server;
  t.skip(`no real Redis: ${server.notice}`);
  return null;
}

function client(t: TestContext, server: EmbeddedService): Redis {
  const redis = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  redis.on('error', () => undefined); // it is killed on purpose
  t.after(() => redis.disconnect());
  return redis;
}

test('redis-server runs with the options of the contract and never evicts what has no expiry', async (t) => {
  const server = await realRedis(t, temporaryFolder());
  if (server === null) return;
  const redis = client(t, server);
  const expected = { ...REDIS_OPTIONS, maxmemory: String(2 * 1024 ** 3), bind: '127.0.0.1' };
  for (const [name, value] of Object.entries(expected)) {
    assert.deepEqual(await redis.config('GET', name), [name, value]);
  }
  await redis.set('camera:a:latest', '{}', 'EX', 300);
  const ttl = await redis.ttl('camera:a:latest');
  assert.ok(ttl > 290 && ttl <= 300, `TTL is ${ttl}`);
});

test('redis-server killed with SIGKILL is back on the same port with what was written', async (t) => {
  const server = await realRedis(t, temporaryFolder());
  if (server === null) return;
  const redis = client(t, server);
  await redis.lpush('alerts:a', 'one', 'two');
  // appendfsync everysec: SIGKILL loses nothing the system already took, only a crash of the machine would.
  process.kill(server.pid()!, 'SIGKILL');
  await until('redis-server runs again', () => server.restarts() === 1 && server.state() === 'running');
  assert.deepEqual(await redis.lrange('alerts:a', 0, -1), ['two', 'one']);
});

test('what Redis holds survives a stop and a start; no process is left', async (t) => {
  const dataDir = temporaryFolder();
  for (const expected of [null, 'kept']) {
    const server = await realRedis(t, dataDir);
    if (server === null) return;
    const redis = client(t, server);
    t.after(() => redis.disconnect());
    assert.equal(await redis.get('key'), expected);
    await redis.set('key', 'kept');
    const pid = server.pid()!;
    await server.stop();
    assert.equal(isAlive(pid), false);
  }
});
