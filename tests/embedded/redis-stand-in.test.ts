import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { startRedisStandIn } from '../../src/embedded/redis-stand-in.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { memoryLog } from './support.ts';
import { until } from '../support/until.ts';

async function standIn(t: TestContext): Promise<{ server: EmbeddedService; redis: Redis }> {
  const server = await startRedisStandIn({ port: 0, reason: 'no Redis for this test', log: memoryLog() });
  t.after(() => server.stop());
  const redis = new Redis(server.url);
  redis.on('error', () => undefined); // the server ends first in some tests
  t.after(() => redis.disconnect());
  return { server, redis };
}

test('the stand-in says that it keeps nothing, and why it is used', async (t) => {
  const { server } = await standIn(t);
  assert.equal(server.kind, 'stand-in');
  assert.equal(server.durable, false);
  assert.match(server.notice ?? '', /keeps nothing.*no Redis for this test/);
});

test('the stand-in does what Gantry needs of Redis, through ioredis', async (t) => {
  const { server, redis } = await standIn(t);
  await redis.set('camera:a:latest', 'x', 'EX', 300);
  assert.equal(await redis.get('camera:a:latest'), 'x');
  const ttl = await redis.ttl('camera:a:latest');
  assert.ok(ttl > 290 && ttl <= 300, `TTL is ${ttl}`);
  await redis.setex('detection:1', 1, 'short');
  await until('the key expires', async () => (await redis.get('detection:1')) === null);

  for (let i = 0; i < 105; i++) await redis.multi().lpush('alerts:a', String(i)).ltrim('alerts:a', 0, 99).exec();
  assert.equal(await redis.llen('alerts:a'), 100);
  assert.deepEqual(await redis.lrange('alerts:a', 0, 1), ['104', '103']);

  assert.equal(await redis.set('lock', 'me', 'PX', 60_000, 'NX'), 'OK');
  assert.equal(await redis.set('lock', 'you', 'PX', 60_000, 'NX'), null);
  const release = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
  assert.equal(await redis.eval(release, 1, 'lock', 'you'), 0);
  assert.equal(await redis.eval(release, 1, 'lock', 'me'), 1);
  const window =
    "redis.call('zremrangebyscore', KEYS[1], '-inf', ARGV[1]) " +
    "redis.call('zadd', KEYS[1], ARGV[2], ARGV[3]) redis.call('pexpire', KEYS[1], 60000) " +
    "return redis.call('zcard', KEYS[1])";
  assert.equal(await redis.eval(window, 1, 'limit', 0, 1, 'call-1'), 1);

  const subscriber = new Redis(server.url);
  t.after(() => subscriber.disconnect());
  const received = Promise.withResolvers<string[]>();
  subscriber.on('pmessage', (...parts: string[]) => received.resolve(parts));
  await subscriber.psubscribe('camera:*');
  assert.equal(await redis.publish('camera:a', 'aggregate'), 1);
  assert.deepEqual(await received.promise, ['camera:*', 'camera:a', 'aggregate']);

  const bytes = Buffer.from([0, 255, 13, 10, 128]);
  await redis.set('image', bytes);
  assert.deepEqual(await redis.getBuffer('image'), bytes);
});

test('the stand-in listens on the loopback only', async (t) => {
  const other = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === 'IPv4' && !address.internal);
  if (other === undefined) {
    t.skip('this machine has the loopback interface only');
    return;
  }
  const { server } = await standIn(t);
  const outcome = await new Promise<string>((resolve) => {
    const socket = connect({ host: other.address, port: Number(new URL(server.url).port) });
    socket.on('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.on('error', () => resolve('refused'));
  });
  assert.equal(outcome, 'refused');
});

test('stopping the stand-in ends its connections, and a second stop is harmless', async (t) => {
  const { server, redis } = await standIn(t);
  await redis.ping();
  const closed = new Promise<void>((resolve) => redis.once('close', () => resolve()));
  await server.stop();
  await closed;
  await server.stop();
  assert.equal(server.state(), 'stopped');
});
