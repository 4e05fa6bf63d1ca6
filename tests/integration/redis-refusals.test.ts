import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Redis } from 'ioredis';
import { withOffset } from '../../src/messages/aggregate.ts';
import { RedisStore } from '../../src/infra/redis/store.ts';
import { connectRedis, withRedisLogin } from '../../src/servers/redis-url.ts';
import { makeCertificates } from '../support/certificates.ts';
import { memoryLog } from '../support/log.ts';
import { ownRedis } from '../support/own-servers.ts';
import { aggregate } from '../support/http-samples.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

async function open(t: TestContext, url: string, log = memoryLog()): Promise<RedisStore> {
  const store = await RedisStore.open({ url, durable: true, notice: null, log });
  t.after(() => store.close());
  return store;
}

/** Connected, and a write goes through. */
async function works(t: TestContext, url: string): Promise<void> {
  const store = await open(t, url);
  assert.deepEqual(store.health(), { state: 'connected', durable: true, notice: null, failedWrites: 0 }, url);
  await store.pushAggregate('a', withOffset(JSON.stringify(aggregate('a')), 1), 60);
  assert.notEqual(await store.latest('a'), null);
}

/** Degraded right after the start, or soon, with the word in the notice and no secret anywhere. */
async function isDegraded(store: RedisStore, word: string): Promise<void> {
  await until(word, () => store.health().state === 'degraded');
  const { notice } = store.health();
  assert.match(notice ?? '', new RegExp(`^Redis at .*${word}, `, 'u'));
  assert.ok(!/geheim/u.test(notice ?? ''));
}

const recovers = (store: RedisStore): Promise<unknown> =>
  until('it recovers', () => store.health().state === 'connected' && store.health().notice === null);

function admin(t: TestContext, url: string): Redis {
  const redis = connectRedis(url);
  redis.on('error', () => undefined);
  t.after(() => redis.disconnect());
  return redis;
}

// Side by side: each has a server of its own, and mostly waits for it.
describe('logging in at a Redis of the operator', { concurrency: true }, () => {
  it('with a password, as an ACL user, in a database of its own, by a Unix socket', async (t) => {
    const password = 'ge/heim:1@x';
    const folder = temporaryFolder();
    const socket = join(folder, 'r.sock');
    const server = await ownRedis(
      t,
      `requirepass "${password}"\nuser gan on >${password} ~* &* +@all -@dangerous +info\nunixsocket ${socket}`,
    );
    if (server === null) return;
    const at = `127.0.0.1:${server.port}`;
    await works(t, `redis://:${encodeURIComponent(password)}@${at}`);
    await works(t, `redis://gan:${encodeURIComponent(password)}@${at}/3`);
    await works(t, `redis://gan:${password}@${at}/4`);
    await works(t, withRedisLogin(socket, { user: 'gan', password, files: {} }));
    const redis = admin(t, `redis://:${password}@${at}`);
    assert.match(await redis.info('keyspace'), /db0:.*db3:.*db4:/su);
    await isDegraded(await open(t, `redis://gan:wrong@${at}`), 'user "gan": WRONGPASS');
    await isDegraded(await open(t, `redis://${at}`), 'NOAUTH');
  });

  it('whose password changes while it runs: says so, and comes back with the old one', async (t) => {
    const server = await ownRedis(t, 'user gan on >geheim ~* &* +@all');
    if (server === null) return;
    const store = await open(t, `redis://gan:geheim@127.0.0.1:${server.port}`);
    assert.equal(store.health().state, 'connected');
    const redis = admin(t, `redis://127.0.0.1:${server.port}`);
    await redis.call('ACL', 'SETUSER', 'gan', 'resetpass', '>another');
    await redis.call('CLIENT', 'KILL', 'USER', 'gan');
    await isDegraded(store, 'user "gan": WRONGPASS');
    await redis.call('ACL', 'SETUSER', 'gan', '>geheim');
    await recovers(store);
  });

  it('over TLS, with a certificate of the client', async (t) => {
    const { caFile, server: own, client } = await makeCertificates(temporaryFolder());
    const tls =
      `tls-cert-file ${own.certFile}\ntls-key-file ${own.keyFile}\n` +
      `tls-ca-cert-file ${caFile}\ntls-auth-clients yes`;
    const server = await ownRedis(t, 'requirepass geheim', tls);
    if (server === null) return;
    const url = `rediss://:geheim@127.0.0.1:${server.port}`;
    await works(t, withRedisLogin(url, { files: { ca: caFile, cert: client.certFile, key: client.keyFile } }));
    await isDegraded(await open(t, url), 'TLS');
  });
});

describe('a Redis that is there and takes no writes', { concurrency: true }, () => {
  it('because it was demoted to a replica: says READONLY, and recovers', async (t) => {
    const server = await ownRedis(t, '');
    if (server === null) return;
    const url = `redis://127.0.0.1:${server.port}`;
    const log = memoryLog();
    const store = await open(t, url, log);
    const redis = admin(t, url);
    await redis.replicaof('127.0.0.1', 9);
    await isDegraded(store, 'READONLY');
    await assert.rejects(store.pushAggregate('a', withOffset(JSON.stringify(aggregate('a')), 1), 60), {
      code: 'REDIS_DOWN',
    });
    assert.equal(store.health().state, 'degraded', 'and it stays so while it reconnects');
    assert.ok(log.lines.some(({ level, message }) => level === 'warn' && /READONLY/u.test(message)));
    await redis.replicaof('NO', 'ONE');
    await recovers(store);
  });

  it('because its memory is full: says OOM, and recovers', async (t) => {
    const server = await ownRedis(t, 'maxmemory-policy noeviction');
    if (server === null) return;
    const url = `redis://127.0.0.1:${server.port}`;
    const store = await open(t, url);
    const redis = admin(t, url);
    await redis.config('SET', 'maxmemory', '1');
    await isDegraded(store, 'OOM');
    await redis.config('SET', 'maxmemory', '0');
    await recovers(store);
  });

  it('because it cannot save: says MISCONF', async (t) => {
    const server = await ownRedis(t, 'save 3600 1\nstop-writes-on-bgsave-error yes');
    if (server === null) return;
    const url = `redis://127.0.0.1:${server.port}`;
    const store = await open(t, url);
    const redis = admin(t, url);
    await rm(join(server.folder, 'data'), { recursive: true });
    await redis.bgsave();
    await isDegraded(store, 'MISCONF');
    await redis.config('SET', 'stop-writes-on-bgsave-error', 'no');
    await recovers(store);
  });

  it('because the user may not: says NOPERM and what to grant, and recovers', async (t) => {
    const server = await ownRedis(t, 'user gan on >geheim ~other &* +@all');
    if (server === null) return;
    const store = await open(t, `redis://gan:geheim@127.0.0.1:${server.port}`);
    await isDegraded(store, 'user "gan": NOPERM');
    const granted = /~camera:.*\+info/u.exec(store.health().notice ?? '')?.[0].split(' ') ?? [];
    assert.ok(granted.length > 5);
    await admin(t, `redis://127.0.0.1:${server.port}`).call(
      'ACL',
      'SETUSER',
      'gan',
      'reset',
      'on',
      '>geheim',
      ...granted,
    );
    await until('it recovers', () => store.health().state === 'connected');
    await store.pushAggregate('a', withOffset(JSON.stringify(aggregate('a')), 1), 60);
    await store.keepAlert(aggregate('a'));
  });

  it('because its cluster is down: says CLUSTERDOWN', async (t) => {
    const server = await ownRedis(t, 'cluster-enabled yes');
    if (server === null) return;
    await isDegraded(await open(t, `redis://127.0.0.1:${server.port}`), 'CLUSTERDOWN');
  });

  it('because it still reads its data: says LOADING', async (t) => {
    const info = '# Persistence\r\nloading:1\r\nloading_eta_seconds:60\r\n';
    const slow = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        // One answer for each command of the batch.
        for (const [, name = ''] of data.toString('latin1').matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/gu)) {
          const isInfo = name.toLowerCase() === 'info';
          socket.write(
            isInfo ? `$${info.length}\r\n${info}\r\n` : '-LOADING Redis is loading the dataset in memory\r\n',
          );
        }
      });
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    t.after(() => new Promise((resolve) => slow.close(resolve)));
    const address = slow.address();
    assert.ok(typeof address === 'object' && address !== null);
    await isDegraded(await open(t, `redis://127.0.0.1:${address.port}`), 'LOADING');
  });
});
