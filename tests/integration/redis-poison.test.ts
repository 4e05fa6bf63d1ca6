import assert from 'node:assert/strict';
import { describe, test, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { startRedisStandIn } from '../../src/embedded/redis-stand-in.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { withOffset } from '../../src/messages/aggregate.ts';
import { RedisStore } from '../../src/infra/redis/store.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { hostileBodies } from '../support/hostile-bodies.ts';
import { aggregate } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { leastLoopDelay } from '../support/loop-delay.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

/** The bound is 50 ms; the machine that runs the tests does other things besides. */
const MOST_DELAY_MS = 250;
const BODIES = hostileBodies(980_000);
const SERVERS: readonly {
  readonly name: string;
  readonly start: (folder: string) => Promise<EmbeddedService>;
  readonly skip: string | false;
  readonly inThisThread: boolean;
}[] = [
  {
    name: 'Redis',
    start: (dataDir) => startRedisServer({ dataDir, log: memoryLog() }),
    skip: (await ensureRedisServer()).binary === null && 'there is no real redis-server on this machine',
    inThisThread: false,
  },
  {
    name: 'the stand-in',
    start: () => startRedisStandIn({ port: 0, reason: 'a test', log: memoryLog() }),
    skip: false,
    inThisThread: true,
  },
];

async function opened(t: TestContext, start: (folder: string) => Promise<EmbeddedService>) {
  const server = await start(temporaryFolder());
  const log = memoryLog();
  const store = await RedisStore.open({ url: server.ownUrl, log, durable: true, notice: null });
  const stranger = new Redis(server.ownUrl);
  t.after(async () => {
    stranger.disconnect();
    store.close();
    await server.stop();
  });
  return { store, stranger, log };
}

for (const { name, start, skip, inThisThread } of SERVERS) {
  describe(name, { skip }, () => {
    test('1 MB of anything on the channel of a camera costs little, and the next push comes through', async (t) => {
      const { store, stranger, log } = await opened(t, start);
      const seen: number[] = [];
      await store.follow(({ offset }) => seen.push(offset));
      let sent = 0;
      for (const [what, body] of Object.entries(BODIES)) {
        const delayMs = await leastLoopDelay(async () => {
          const offset = (sent += 1);
          await stranger.publish('camera:north', Buffer.from(body));
          await store.pushAggregate('north', withOffset(JSON.stringify(aggregate('north')), offset), 60);
          await until(`the push after ${what}`, () => seen.includes(offset));
        }, MOST_DELAY_MS);
        assert.ok(delayMs < MOST_DELAY_MS, `${what}: the event loop stood still for ${delayMs} ms`);
      }
      assert.equal(seen.length, sent, 'nothing else came through');
      assert.match(
        log.lines.map(({ message }) => message).join('\n'),
        /a message on the Redis channel camera:north could not be used: it has \d+ bytes/u,
      );
      assert.ok(log.lines.every(({ message, fields }) => message.length + JSON.stringify(fields).length < 3_000));
    });

    test('1 MB of anything in place of the newest result or of alerts is read as none, and written over', async (t) => {
      const { store, stranger } = await opened(t, start);
      for (const [what, body] of Object.entries(BODIES)) {
        await stranger.set('camera:north:latest', Buffer.from(body));
        await stranger.del('alerts:north');
        const alerts = Array.from({ length: inThisThread ? 2 : 10 }, () => Buffer.from(body));
        await stranger.rpush('alerts:north', ...alerts);
        // With the stand-in its own work is in it; only we can write there.
        const enough = inThisThread ? Infinity : MOST_DELAY_MS;
        const delayMs = await leastLoopDelay(async () => {
          assert.equal(await store.latest('north'), null, what);
          assert.deepEqual(await store.alerts('north', 100), [], what);
        }, enough);
        assert.ok(delayMs < enough, `${what}: the event loop stood still for ${delayMs} ms`);
      }
      const good = aggregate('north', { risk: 'high' });
      await store.pushAggregate(good.cameraId, withOffset(JSON.stringify(good), 1), 60);
      await store.keepAlert(good);
      assert.equal((await store.latest('north'))?.requestId, good.requestId);
      assert.deepEqual(
        (await store.alerts('north', 100)).map(({ requestId }) => requestId),
        [good.requestId],
      );
    });

    test('what is of another type under our names fails by itself alone', async (t) => {
      const { store, stranger } = await opened(t, start);
      await stranger.hset('camera:north:latest', 'a', '1');
      await stranger.set('alerts:north', 'garbage');
      const good = aggregate('north', { risk: 'high' });
      await assert.rejects(store.latest('north'), { code: 'REDIS_DOWN' });
      await assert.rejects(store.alerts('north', 10), { code: 'REDIS_DOWN' });
      await assert.rejects(store.pushAggregate(good.cameraId, withOffset(JSON.stringify(good), 1), 60), {
        code: 'REDIS_REFUSED',
      });
      await assert.rejects(store.keepAlert(good), { code: 'REDIS_REFUSED' });
      assert.equal(store.health().state, 'connected');
      const south = aggregate('south', { risk: 'high' });
      await store.pushAggregate(south.cameraId, withOffset(JSON.stringify(south), 1), 60);
      await store.keepAlert(south);
      assert.equal((await store.latest('south'))?.requestId, south.requestId);
      assert.equal((await store.alerts('south', 10)).length, 1);
    });
  });
}
