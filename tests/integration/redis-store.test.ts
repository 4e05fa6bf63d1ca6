import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { startRedisStandIn } from '../../src/embedded/redis-stand-in.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { RedisStore } from '../../src/infra/redis/store.ts';
import { type Aggregate, withOffset } from '../../src/messages/aggregate.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { aggregate } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const log = memoryLog();
const SERVERS: readonly {
  readonly name: string;
  readonly start: (folder: string) => Promise<EmbeddedService>;
  readonly skip: string | false;
}[] = [
  {
    name: 'Redis',
    start: (folder) => startRedisServer({ dataDir: join(folder, 'redis'), log }),
    skip: (await ensureRedisServer()).binary === null && 'there is no real redis-server on this machine',
  },
  { name: 'the stand-in', start: () => startRedisStandIn({ port: 0, reason: 'a test', log }), skip: false },
];
/** A frame at so many seconds. The description tries to look like fields. */
const at = (second: number, over: Partial<Aggregate> = {}): Aggregate => {
  const made = aggregate('north', { risk: 'high' });
  const [first] = made.riskAssessment.results;
  assert.ok(first);
  const description = '"timestamp":"9999","revision":99,"requestId":"x"';
  return {
    ...made,
    riskAssessment: { ...made.riskAssessment, results: [{ ...first, description }] },
    timestamp: new Date(1_700_000_000_000 + second * 1_000).toISOString(),
    ...over,
  };
};
const push = (store: RedisStore, of: Aggregate, offset: number, seconds: number): Promise<void> =>
  store.pushAggregate(of.cameraId, withOffset(JSON.stringify(of), offset), seconds);

async function opened(
  t: TestContext,
  start: (folder: string) => Promise<EmbeddedService>,
): Promise<{ store: RedisStore; redis: Redis }> {
  const folder = temporaryFolder();
  const server = await start(folder);
  const store = await RedisStore.open({ url: server.url, log, durable: true, notice: null });
  const redis = new Redis(server.url);
  t.after(async () => {
    redis.disconnect();
    store.close();
    await server.stop();
  });
  return { store, redis };
}

for (const { name, start, skip } of SERVERS) {
  describe(name, { skip }, () => {
    test('the newest aggregate never goes back to an older frame or revision; every one is pushed', async (t) => {
      const { store, redis } = await opened(t, start);
      const seen: number[] = [];
      await store.follow(
        ({ offset }) => seen.push(offset),
        (offset) => offset === 2,
      );
      const [older, newer] = [at(1), at(2)];
      const sent = [older, { ...newer, revision: 1 }, newer, older];
      const kept: (readonly [string, number])[] = [];
      for (const [index, each] of sent.entries()) {
        await push(store, each, index + 1, 300);
        const latest = await store.latest('north');
        assert.ok(latest);
        kept.push([latest.requestId, latest.revision]);
      }
      assert.deepEqual(kept, [
        [older.requestId, 0],
        [newer.requestId, 1],
        [newer.requestId, 1],
        [newer.requestId, 1],
      ]);
      await until('all are pushed', () => seen.length === 3);
      assert.deepEqual(seen, [1, 3, 4], 'what is known is not even read');
      await push(store, { ...newer, revision: 2 }, 5, 100);
      assert.equal((await store.latest('north'))?.revision, 2);
      const ttl = await redis.ttl('camera:north:latest');
      assert.ok(ttl > 40 && ttl <= 100, `${ttl} s`);
    });

    test('alerts are kept once, newest first, in any order of arrival; a revision replaces the last', async (t) => {
      const { store } = await opened(t, start);
      const alerts = [3, 1, 2, 5, 4].map((second) => at(second));
      for (const alert of [...alerts, ...alerts]) await store.keepAlert(alert);
      const [, , second] = alerts;
      assert.ok(second);
      await store.keepAlert({ ...second, revision: 2 });
      await store.keepAlert({ ...second, revision: 1 });
      const list = await store.alerts('north', 100);
      assert.deepEqual(
        list.map(({ requestId }) => requestId),
        alerts.toSorted((a, b) => b.timestamp.localeCompare(a.timestamp)).map(({ requestId }) => requestId),
      );
      assert.deepEqual(
        list.map(({ revision }) => revision),
        [0, 0, 0, 2, 0],
      );
    });

    test('the newest hundred alerts are kept', async (t) => {
      const { store } = await opened(t, start);
      const alerts = Array.from({ length: 102 }, (_, index) => at(index + 1));
      for (const alert of alerts) await store.keepAlert(alert);
      await store.keepAlert(at(0));
      const list = await store.alerts('north', 1_000);
      assert.equal(list.length, 100);
      assert.deepEqual(
        { newest: list[0]?.requestId, oldest: list.at(-1)?.requestId },
        { newest: alerts.at(-1)?.requestId, oldest: alerts[2]?.requestId },
      );
    });

    test('a key that holds something else is told apart from a Redis that is away', async (t) => {
      const { store, redis } = await opened(t, start);
      await redis.set('alerts:north', 'something else');
      await assert.rejects(store.keepAlert(at(1)), { code: 'REDIS_REFUSED' });
    });
  });
}
