import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cache, MOST_WAITING } from '../../src/actors/aggregator/cache.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import { PushedAggregate } from '../../src/messages/aggregate.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { aggregate } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { detection } from '../support/samples.ts';

function started() {
  const clock = new ManualClock();
  const redis = { down: false, written: [] as { what: number; seconds: number }[] };
  const write = async (what: number, seconds: number): Promise<void> => {
    if (redis.down) throw new InfraError('REDIS_DOWN', 'away');
    if (what === 13) throw new InfraError('REDIS_REFUSED', 'WRONGTYPE');
    redis.written.push({ what, seconds });
  };
  const pushed: number[] = [];
  const cache = new Cache({
    redis: {
      saveDetection: ({ frameNumber }, seconds) => write(frameNumber, seconds),
      pushAggregate: (_, json, seconds) => write(PushedAggregate.parse(JSON.parse(json)).offset, seconds),
    },
    clock,
    log: memoryLog(),
    onPushed: (seconds) => void pushed.push(seconds),
  });
  const put = (offset: number): void =>
    cache.put({
      type: 'aggregate',
      traceId: '0'.repeat(32),
      revision: 0,
      cameraId: 'north',
      json: JSON.stringify(aggregate('north')),
      offset,
      at: clock.now(),
      stored: performance.now(),
    });
  return { clock, redis, cache, put, pushed };
}

test('detections and aggregates are written in order, with their full life', async () => {
  const { clock, redis, cache, put, pushed } = started();
  put(1);
  cache.put({ type: 'detection', detection: detection(0, { frameNumber: 2 }), at: clock.now() });
  put(3);
  await clock.advance(1);
  assert.deepEqual(
    redis.written,
    [1, 2, 3].map((what) => ({ what, seconds: 300 })),
  );
  assert.equal(pushed.length, 2);
  assert.equal(cache.size, 0);
});

test('without Redis the oldest are dropped at the bound; the rest is written later, for the time left', async () => {
  const { clock, redis, cache, put } = started();
  redis.down = true;
  for (let offset = 1; offset <= MOST_WAITING + 500; offset += 1) put(offset);
  await clock.advance(10_000);
  redis.down = false;
  for (let i = 0; i < 60; i += 1) await clock.advance(10);
  assert.equal(cache.counts.dropped + cache.counts.refused + redis.written.length, MOST_WAITING + 500);
  assert.ok(cache.counts.dropped > 400);
  assert.deepEqual(
    redis.written.map(({ what }) => what),
    redis.written.map(({ what }) => what).toSorted((a, b) => a - b),
  );
  assert.equal(redis.written.at(-1)?.what, MOST_WAITING + 500);
  assert.ok(redis.written.every(({ seconds }) => seconds === 290 || seconds === 289));
});

test('what outlived its time in Redis is skipped and counted, what Redis refuses for good too', async () => {
  const { clock, redis, cache, put } = started();
  redis.down = true;
  put(1);
  put(2);
  await clock.advance(299_000);
  put(13);
  put(4);
  await clock.advance(1_500);
  redis.down = false;
  for (let i = 0; i < 10; i += 1) await clock.advance(250);
  assert.deepEqual(
    redis.written.map(({ what }) => what),
    [4],
  );
  assert.deepEqual(cache.counts, { written: 1, expired: 2, refused: 1, dropped: 0 });
});

test('at its end what waits is written, and nothing after that', async () => {
  const { redis, cache, put } = started();
  for (let offset = 20; offset < 120; offset += 1) put(offset);
  await cache.stop(1_000);
  put(200);
  assert.deepEqual(
    redis.written.map(({ what }) => what),
    Array.from({ length: 100 }, (_, index) => 20 + index),
  );
  assert.deepEqual({ dropped: cache.counts.dropped, size: cache.size }, { dropped: 0, size: 0 });
});

test('at its end nobody waits for a Redis that is away; what is lost is counted', async () => {
  const { clock, redis, cache, put } = started();
  redis.down = true;
  put(1);
  put(2);
  await clock.advance(1);
  await cache.stop(1_000);
  assert.equal(cache.counts.dropped, 2);
  redis.down = false;
  await clock.advance(1_000);
  assert.deepEqual(redis.written, []);
});

test('a Redis that hangs holds up the end for so long, no longer', async () => {
  const clock = new ManualClock();
  const hang = () => new Promise<void>(() => undefined);
  const cache = new Cache({
    redis: { saveDetection: hang, pushAggregate: hang },
    clock,
    log: memoryLog(),
    onPushed: () => undefined,
  });
  cache.put({ type: 'detection', detection: detection(0), at: clock.now() });
  let ended = false;
  const ending = cache.stop(1_000).then(() => (ended = true));
  await clock.advance(999);
  assert.equal(ended, false);
  await clock.advance(2);
  await ending;
  assert.equal(cache.counts.dropped, 1);
});
