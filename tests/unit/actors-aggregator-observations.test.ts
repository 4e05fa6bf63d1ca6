import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Observations } from '../../src/actors/aggregator/observations.ts';
import { AggregatorView } from '../../src/app/aggregator-view.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { memoryLog } from '../support/log.ts';

const started = () => {
  const told = { failedWrites: 0, buried: [] as { stream: string; consumer: string; total: number }[] };
  const seen = new Observations(
    { deadLetters: () => told.buried },
    { health: () => ({ state: 'connected', durable: true, notice: null, failedWrites: told.failedWrites }) },
  );
  return { told, seen };
};

test('each thing seen is told once; nothing is told when nothing happened', () => {
  const { told, seen } = started();
  const still = { leading: false, cacheWaiting: 0, cacheDropped: 0 };
  assert.equal(seen.take(still)?.leading, false, 'the first time how it stands');
  assert.equal(seen.take(still), null);
  assert.equal(seen.take({ ...still, leading: true })?.leading, true);
  seen.endToEnd(1.5);
  seen.redisPush(0.002);
  seen.lockWait(0.1);
  seen.lockLost();
  told.failedWrites = 3;
  told.buried = [{ stream: 'RESULTS', consumer: 'aggregator-results', total: 2 }];
  const now = { leading: true, cacheWaiting: 7, cacheDropped: 4 };
  assert.deepEqual(seen.take(now), {
    seen: {
      endToEnd: [1.5],
      redisPush: [0.002],
      lockWait: [0.1],
      locksLost: 1,
      failedWrites: 3,
      cacheDropped: 4,
      buried: [{ stream: 'RESULTS', consumer: 'aggregator-results', total: 2 }],
    },
    leading: true,
    cacheWaiting: 7,
  });
  assert.equal(seen.take(now), null);
  told.failedWrites = 5;
  told.buried = [{ stream: 'RESULTS', consumer: 'aggregator-results', total: 3 }];
  const next = seen.take(now);
  assert.deepEqual([next?.seen.failedWrites, next?.seen.buried[0]?.total, next?.seen.endToEnd], [2, 1, []]);
});

test('the process adds up what the aggregators tell, one after the other', async () => {
  const metrics = createMetrics({ log: memoryLog(), process: false });
  const view = new AggregatorView(metrics);
  for (const failedWrites of [3, 2]) {
    // Another thread each time: it counts from the beginning.
    const { told, seen } = started();
    told.failedWrites = failedWrites;
    told.buried = [{ stream: 'RESULTS', consumer: 'aggregator-results', total: 1 }];
    seen.endToEnd(1.2);
    seen.redisPush(0.003);
    seen.lockWait(0.2);
    seen.lockLost();
    const figures = seen.take({ leading: true, cacheWaiting: 9, cacheDropped: 6 });
    assert.ok(figures);
    view.take(figures);
  }
  assert.deepEqual(
    [view.leading, view.cacheWaiting, view.failedWrites, view.buried],
    [true, 9, 5, [{ stream: 'RESULTS', consumer: 'aggregator-results', total: 2 }]],
  );
  const text = await metrics.render();
  for (const line of [
    'end_to_end_latency_seconds_count 2',
    'redis_push_seconds_count 2',
    'lock_wait_seconds_count 2',
    'lock_failures_total 2',
    'cache_dropped_total 12',
  ])
    assert.ok(text.includes(`${line}\n`), line);
});
