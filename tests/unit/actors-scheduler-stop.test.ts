import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KEY_POOL } from '../../src/actors/key-pool.ts';
import { settle } from '../../src/runtime/testing/manual-clock.ts';
import { GOOD, startedScheduler } from '../support/scheduler.ts';

describe('the end and the restart of what the scheduler works with', () => {
  it('at a stop hands waiting tasks back at once, lets calls finish for a while, then hands theirs back', async () => {
    const { clock, bus, vlm, system, task } = await startedScheduler({
      byHand: true,
      keys: [{ qps_limit: 2, rpm_limit: 1000 }],
      scheduler: { max_concurrent_tasks: 3 },
    });
    const [quick, slow, noKey, ready] = [task(), task(), task(), task({ priority: 2 })];
    bus.add(quick, slow, noKey);
    await clock.advance(50);
    bus.add(ready);
    await clock.advance(50);
    assert.equal(vlm.open.length, 2);
    let over = false;
    const stopping = system.stop().then(() => (over = true));
    await settle();
    assert.deepEqual(
      { ready: bus.settlements(ready), noKey: bus.settlements(noKey) },
      { ready: ['nak'], noKey: ['nak'] },
    );
    vlm.open.find((one) => one.request.traceId === quick.traceId)?.finish(GOOD);
    await clock.advance(100);
    assert.deepEqual(
      { quick: bus.settlements(quick), slow: bus.settlements(slow), over },
      { quick: ['ack'], slow: [], over: false },
    );
    await clock.advance(3_000);
    await stopping;
    assert.deepEqual({ settlements: bus.settlements(slow), open: vlm.open.length }, { settlements: ['nak'], open: 0 });
    const later = task();
    bus.add(later);
    await clock.advance(10_000);
    assert.equal(bus.result(later), undefined);
  });

  it('goes on over a restart of the key pool: waiting tasks ask again', async (t) => {
    const { clock, bus, system, task, stop } = await startedScheduler({ keys: [{ qps_limit: 1, rpm_limit: 100 }] });
    t.after(() => stop());
    const tasks = [task(), task(), task()];
    bus.add(...tasks);
    await clock.advance(200);
    (system.ref(KEY_POOL) as unknown as { tell(message: { type: string }): void }).tell({ type: 'nonsense' });
    await clock.advance(10_000);
    assert.deepEqual(
      tasks.map((one) => bus.settlements(one)),
      [['ack'], ['ack'], ['ack']],
    );
  });
});
