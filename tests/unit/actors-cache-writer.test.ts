import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CACHE_WRITER, cacheWriterActor } from '../../src/actors/cache-writer.ts';
import { InfraError } from '../../src/infra/errors.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { aggregate } from '../support/http-fakes.ts';
import { memoryLog } from '../support/log.ts';
import { detection } from '../support/samples.ts';

async function started() {
  const clock = new ManualClock();
  const redis = { down: false, written: [] as { what: number; seconds: number }[] };
  const write = async (what: number, seconds: number): Promise<void> => {
    if (redis.down) throw new InfraError('REDIS_DOWN', 'away');
    if (what === 13) throw new InfraError('REDIS_REFUSED', 'WRONGTYPE');
    redis.written.push({ what, seconds });
  };
  const pushed: number[] = [];
  const init = { redis: { saveDetection: ({ frameNumber }: { frameNumber: number }, seconds: number) => write(frameNumber, seconds), pushAggregate: ({ offset }: { offset: number }, seconds: number) => write(offset, seconds) }, onPushed: (seconds: number) => void pushed.push(seconds) };
  const system = await startSystem(supervisor('root', [child('cache-writer', cacheWriterActor, () => init)]), { log: memoryLog(), clock, onEscalation: (error) => assert.fail(error.message) });
  const cache = (offset: number): void => void system.ref(CACHE_WRITER).tell({ type: 'aggregate', aggregate: { ...aggregate('north'), offset }, at: clock.now(), stored: performance.now() });
  const tree = () => {
    const root = system.snapshot();
    assert.ok(root.type === 'supervisor');
    return root.children[0]!;
  };
  return { clock, redis, system, cache, tree, pushed };
}

test('detections and aggregates are written in order, with their full life', async () => {
  const { clock, redis, system, cache, pushed } = await started();
  cache(1);
  system.ref(CACHE_WRITER).tell({ type: 'detection', detection: detection(0, { frameNumber: 2 }), at: clock.now() });
  cache(3);
  await clock.advance(1);
  assert.deepEqual(redis.written, [1, 2, 3].map((what) => ({ what, seconds: 300 })));
  assert.equal(pushed.length, 2);
});

test('while Redis is away the oldest are dropped at the bound; afterwards the rest is written in order, with the life that is left', async () => {
  const { clock, redis, cache, tree } = await started();
  redis.down = true;
  for (let offset = 1; offset <= 2_500; offset += 1) cache(offset);
  await clock.advance(10_000);
  redis.down = false;
  for (let i = 0; i < 60; i += 1) await clock.advance(10);
  const node = tree();
  assert.ok(node.type === 'actor');
  assert.equal(node.mailbox.dropped + redis.written.length, 2_500);
  assert.ok(node.mailbox.dropped > 400);
  assert.deepEqual(redis.written.map(({ what }) => what), redis.written.map(({ what }) => what).toSorted((a, b) => a - b));
  assert.equal(redis.written.at(-1)?.what, 2_500);
  assert.ok(redis.written.every(({ seconds }) => seconds === 290 || seconds === 289));
});

test('what outlived its time in Redis is skipped and counted, what Redis refuses for good too', async () => {
  const { clock, redis, cache, tree } = await started();
  redis.down = true;
  cache(1);
  cache(2);
  await clock.advance(299_000);
  cache(13);
  cache(4);
  await clock.advance(1_500);
  redis.down = false;
  for (let i = 0; i < 10; i += 1) await clock.advance(250);
  assert.deepEqual(redis.written.map(({ what }) => what), [4]);
  const node = tree();
  assert.ok(node.type === 'actor');
  assert.deepEqual([node.detail?.['expired'], node.detail?.['refused'], node.detail?.['written']], [2, 1, 1]);
});
