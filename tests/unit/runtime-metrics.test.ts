import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defineActor } from '../../src/runtime/actor.ts';
import type { MetricSink } from '../../src/runtime/metric-sink.ts';
import { type MetricBatch, MetricBatcher, recordBatch } from '../../src/runtime/remote/metric-batch.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { memoryLog } from '../support/log.ts';

function recordingSink() {
  const recorded: unknown[][] = [];
  const sink: MetricSink = {
    inc: (...args) => void recorded.push(['inc', ...args]),
    set: (...args) => void recorded.push(['set', ...args]),
    observe: (...args) => void recorded.push(['observe', ...args]),
  };
  return { recorded, sink };
}

test('an actor on the main thread records straight into the sink', async (t) => {
  const { recorded, sink } = recordingSink();
  const counting = defineActor<{ type: 'never' }>()<null>({
    kind: 'counting',
    mailbox: { capacity: 1, overflow: 'refuse' },
    start: (ctx) => {
      ctx.metrics.inc('starts_total', 1, { kind: 'counting' });
      return { handlers: { never: () => undefined } };
    },
  });
  const system = await startSystem(supervisor('root', [child('counting', counting, () => null)]), {
    log: memoryLog(),
    metrics: sink,
    onEscalation: (error) => assert.fail(error),
  });
  t.after(() => system.stop());
  assert.deepEqual(recorded, [['inc', 'starts_total', 1, { kind: 'counting' }]]);
});

test('a batch holds sums by name and labels, the last value of a gauge, and every measurement', () => {
  const batches: MetricBatch[] = [];
  const batcher = new MetricBatcher((batch) => batches.push(batch));
  batcher.inc('a_total', 1);
  batcher.inc('a_total', 2);
  batcher.inc('a_total', 4, { kind: 'x' });
  batcher.set('depth', 7);
  batcher.set('depth', 5);
  batcher.observe('seconds', 0.1);
  batcher.observe('seconds', 0.2);
  batcher.flush();
  batcher.flush();
  assert.equal(batches.length, 1, 'nothing new: nothing sent');
  const { recorded, sink } = recordingSink();
  recordBatch(batches[0]!, sink);
  assert.deepEqual(recorded, [
    ['inc', 'a_total', 3],
    ['inc', 'a_total', 4, { kind: 'x' }],
    ['set', 'depth', 5],
    ['observe', 'seconds', 0.1],
    ['observe', 'seconds', 0.2],
  ]);
});

test('a full batch counts what it leaves out, and the next one starts empty', () => {
  const batches: MetricBatch[] = [];
  const batcher = new MetricBatcher((batch) => batches.push(batch));
  for (let i = 0; i < 10_003; i += 1) {
    batcher.observe('seconds', i);
    batcher.inc('a_total', 1, { id: `${i}` });
  }
  batcher.flush();
  batcher.inc('a_total', 1, { id: '0' });
  batcher.flush();
  assert.deepEqual(
    batches.map(({ counters, observations, dropped }) => [counters.length, observations.length, dropped]),
    [
      [10_000, 10_000, 6],
      [1, 0, 0],
    ],
  );
});
