import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cache, MOST_WAITING } from '../../src/actors/aggregator/cache.ts';
import { InfraError } from '../../src/infra/errors.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { aggregate } from '../support/http-fakes.ts';
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
  const end = new AbortController();
  const cache = new Cache({
    redis: { saveDetection: ({ frameNumber }, seconds) => write(frameNumber, seconds), pushAggregate: ({ offset }, seconds) => write(offset, seconds) },
    clock,
    log: memoryLog(),
    signal: end.signal,
    onPushed: (seconds) => void pushed.push(seconds),
  });
  const put = (offset: number): void => cache.put({ type: 'aggregate', aggregate: { ...aggregate('north'), offset }, at: clock.now(), stored: performance.now() });
  return { clock, redis, cache, put, pushed, end };
}

test('detections and aggregates are written in order, with their full life', async () => {
  const { clock, redis, cache, put, pushed } = started();
  put(1);
  cache.put({ type: 'detection', detection: detection(0, { frameNumber: 2 }), at: clock.now() });
  put(3);
  await clock.advance(1);
  assert.deepEqual(redis.written, [1, 2, 3].map((what) => ({ what, seconds: 300 })));
  assert.equal(pushed.length, 2);
  assert.equal(cache.size, 0);
});

test('while Redis is away the oldest are dropped at the bound; afterwards the rest is written in order, with the life that is left', async () => {
  const { clock, redis, cache, put } = started();
  redis.down = true;
  for (let offset = 1; offset <= MOST_WAITING + 500; offset += 1) put(offset);
  await clock.advance(10_000);
  redis.down = false;
  for (let i = 0; i < 60; i += 1) await clock.advance(10);
  assert.equal(cache.counts.dropped + cache.counts.refused + redis.written.length, MOST_WAITING + 500);
  assert.ok(cache.counts.dropped > 400);
  assert.deepEqual(redis.written.map(({ what }) => what), redis.written.map(({ what }) => what).toSorted((a, b) => a - b));
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
  assert.deepEqual(redis.written.map(({ what }) => what), [4]);
  assert.deepEqual(cache.counts, { written: 1, expired: 2, refused: 1, dropped: 0 });
});

test('after its end nothing is written any more', async () => {
  const { clock, redis, put, end } = started();
  redis.down = true;
  put(1);
  await clock.advance(1);
  end.abort();
  redis.down = false;
  put(2);
  await clock.advance(1_000);
  assert.deepEqual(redis.written, []);
});
