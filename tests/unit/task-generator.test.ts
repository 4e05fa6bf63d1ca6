import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TASK_GENERATOR, taskGeneratorActor } from '../../src/actors/task-generator.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { streams } from '../../src/messages/subjects.ts';
import { AssessmentTask } from '../../src/messages/task.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { FakeTaskBus, received } from '../support/fake-bus.ts';
import { memoryLog } from '../support/log.ts';
import { detection, group } from '../support/samples.ts';

interface Given {
  readonly body: Detection;
  readonly attempt?: number;
}

async function started() {
  const clock = new ManualClock();
  const bus = new FakeTaskBus(clock);
  const settled: string[] = [];
  const queue: Given[] = [];
  let wake = (): void => undefined;
  let full = false;
  const fetch = async (max: number) => {
    while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return queue.splice(0, max).map(({ body, attempt = 1 }) => ({
      body,
      attempt,
      subject: `detection-results.${body.cameraId}`,
      seq: 1,
      storedAt: clock.now(),
      ack: () => void settled.push('ack'),
      begin: () => undefined,
      nak: (delayMs: number) => void settled.push(`nak ${delayMs}`),
      deadLetter: () => Promise.resolve(void settled.push('dead-letter')),
      working: () => void settled.push('working'),
    }));
  };
  const publish = bus.publish.bind(bus);
  Object.assign(bus, {
    pull: () =>
      Promise.resolve({
        receive: (max: number) => received(fetch(max)),
        fetch,
        lag: () => Promise.resolve({ waiting: 0, unsettled: 0 }),
        close: () => Promise.resolve(),
      }),
    publish: (...args: Parameters<typeof publish>) =>
      full ? Promise.reject(new InfraError('BUS_DOWN', 'no space left')) : publish(...args),
  });
  const system = await startSystem(
    supervisor('root', [child('task-generator', taskGeneratorActor, () => ({ bus, validityMs: 30_000 }))]),
    { clock, log: memoryLog(), onEscalation: (error) => assert.fail(error.message) },
  );
  return {
    clock,
    bus,
    settled,
    system,
    setFull: (to: boolean) => void (full = to),
    give: async (...given: Given[]) => {
      queue.push(...given);
      wake();
      await settle();
      await settle();
    },
    tasks: async () =>
      (await bus.read({ stream: streams.tasks, parser: AssessmentTask, from: { seq: 1 }, limit: 100 })).map(
        ({ body }) => body,
      ),
  };
}

describe('the task generator', () => {
  it('puts every group on the bus, then acks; the same frame again makes no second task', async (t) => {
    const { settled, give, tasks, system } = await started();
    t.after(() => system.stop());
    const body = detection(3);
    await give({ body });
    await give({ body, attempt: 2 });
    assert.deepEqual({ settled, tasks: (await tasks()).length }, { settled: ['ack', 'ack'], tasks: 3 });
  });

  it('holds on to its frames while the bus cannot store, saying so to it, and goes on when it can', async (t) => {
    const { clock, settled, give, tasks, setFull, system } = await started();
    t.after(() => system.stop());
    setFull(true);
    await give({ body: detection(1) }, { body: detection(1) });
    await clock.advance(25_000);
    // Every 3 s, well within the ack wait of 10 s.
    assert.deepEqual(
      settled,
      Array.from({ length: 16 }, () => 'working'),
    );
    setFull(false);
    await clock.advance(1_000);
    assert.deepEqual(
      { settled: settled.slice(16), tasks: (await tasks()).length },
      { settled: ['ack', 'ack'], tasks: 2 },
    );
  });

  it('hands a frame back for longer each time when the bus refuses its tasks', async (t) => {
    const { bus, settled, give, system } = await started();
    t.after(() => system.stop());
    bus.refusing = true;
    await give({ body: detection(1) });
    await give({ body: detection(1), attempt: 4 });
    assert.deepEqual(settled, ['nak 500', 'nak 4000']);
    assert.equal((await system.ref(TASK_GENERATOR).ask({ type: 'stats' }, { timeoutMs: 1_000 })).retried, 2);
  });

  it('hands back at a stop what it could not put on the bus', async () => {
    const { settled, give, setFull, system } = await started();
    setFull(true);
    await give({ body: detection(1) });
    await system.stop();
    assert.deepEqual(settled, ['nak 0']);
  });

  it('puts a frame that is judged again behind all others, valid from now', async (t) => {
    const { clock, give, tasks, system } = await started();
    t.after(() => system.stop());
    const near = { personCount: 1, minPersonVehicleDistance: 0, maxSpeed: 500 };
    await give(
      { body: detection([group(1, near)]) },
      { body: detection([group(1, near)], { replayOf: newRequestId() }) },
    );
    const [fresh, again] = await tasks();
    assert.deepEqual({ fresh: fresh?.priority, again: again?.priority }, { fresh: 5, again: 1 });
    assert.equal(again?.timestamp, fresh?.timestamp);
    assert.equal(Date.parse(again?.expiresAt ?? ''), clock.now() + 30_000);
  });
});
