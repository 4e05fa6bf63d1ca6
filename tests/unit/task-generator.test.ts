import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TASK_GENERATOR, taskGeneratorActor } from '../../src/actors/task-generator.ts';
import { InfraError } from '../../src/infra/infra-error.ts';
import type { Detection } from '../../src/messages/detection.ts';
import type { AssessmentResult, RiskLevel } from '../../src/messages/assessment.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { streams } from '../../src/messages/subjects.ts';
import { AssessmentTask } from '../../src/messages/task.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { GroupAnswer } from '../../src/tasks/assessed-groups.ts';
import { DEFAULT_FRESHNESS } from '../../src/tasks/freshness.ts';
import { FakeTaskBus, received } from '../support/fake-bus.ts';
import { incident } from '../support/incidents.ts';
import { memoryLog } from '../support/log.ts';
import { detection, group, result } from '../support/samples.ts';

interface Given {
  readonly body: Detection;
  readonly attempt?: number;
}

const FRAME = 1_700_000_000_000;

/** A frame with one group in which nothing has changed for ten minutes. */
const parked = (secondsLater: number, over: Partial<Detection> = {}): Detection =>
  detection([{ ...group(1), unchangedSince: new Date(FRAME - 600_000).toISOString() }], {
    timestamp: new Date(FRAME + secondsLater * 1_000).toISOString(),
    requestId: newRequestId(),
    ...over,
  });
const answerTo = (of: Detection, level: RiskLevel = 'low', over: Partial<AssessmentResult> = {}): AssessmentResult => ({
  ...result(of, 1, level),
  groupId: 'g1',
  frameTimestamp: of.timestamp,
  prior: 0.25,
  ...over,
});

async function started(prepare: (bus: FakeTaskBus) => void = () => undefined, log = memoryLog()) {
  const clock = new ManualClock(FRAME);
  const bus = new FakeTaskBus(clock);
  prepare(bus);
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
  const answers: ((answer: GroupAnswer) => void)[] = [];
  const publish = bus.publish.bind(bus);
  Object.assign(bus, {
    pull: () =>
      Promise.resolve({
        receive: (max: number) => received(fetch(max)),
        fetch,
        lag: () => Promise.resolve({ waiting: 0, unsettled: 0 }),
        close: () => Promise.resolve(),
      }),
    subscribe: (subject: string, _parser: unknown, listener: (answer: GroupAnswer) => void) => {
      assert.equal(subject, 'risk-assessment-results.>');
      answers.push(listener);
      return () => void answers.splice(answers.indexOf(listener), 1);
    },
    publish: (...args: Parameters<typeof publish>) =>
      full ? Promise.reject(new InfraError('BUS_DOWN', 'no space left')) : publish(...args),
  });
  const system = await startSystem(
    supervisor('root', [child('task-generator', taskGeneratorActor, () => ({ bus, validityMs: 30_000 }))]),
    { clock, log, onEscalation: (error) => assert.fail(error.message) },
  );
  return {
    clock,
    bus,
    settled,
    system,
    setFull: (to: boolean) => void (full = to),
    answers,
    answer: (given: AssessmentResult) => {
      for (const listener of answers) listener(GroupAnswer.parse(given));
    },
    stats: () => system.ref(TASK_GENERATOR).ask({ type: 'stats' }, { timeoutMs: 1_000 }),
    give: async (...given: Given[]) => {
      queue.push(...given);
      wake();
      await settle();
      await settle();
    },
    tasks: async (stream: string = streams.questions) =>
      (await bus.read({ stream, parser: AssessmentTask, from: { seq: 1 }, limit: 100 })).map(({ body }) => body),
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
    const { bus, settled, give, stats, system } = await started();
    t.after(() => system.stop());
    bus.refusing = true;
    await give({ body: detection(1) });
    await give({ body: detection(1), attempt: 4 });
    assert.deepEqual(settled, ['nak 500', 'nak 4000']);
    assert.equal((await stats()).retried, 2);
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
    const [fresh] = await tasks();
    const [again] = await tasks(streams.tasks);
    assert.deepEqual({ fresh: fresh?.priority, again: again?.priority }, { fresh: 5, again: 1 });
    assert.equal(again?.timestamp, fresh?.timestamp);
    assert.equal(Date.parse(again?.expiresAt ?? ''), clock.now() + 30_000);
    assert.equal(again?.freshUntil, undefined);
  });

  it("puts a question on its group's own subject, so that a newer one can take its place", async (t) => {
    const { bus, give, system } = await started();
    t.after(() => system.stop());
    await give({ body: detection([group(1), { ...group(2, { maxSpeed: 500 }), groupId: 'g 7.x-k3f9a' }]) });
    assert.deepEqual(
      bus.published.map(({ subject }) => subject),
      ['assessment-tasks.p2.cam-1.g1', 'assessment-tasks.p3.cam-1.g_7_x-k3f9a'],
    );
  });
});

describe('questions about an incident', () => {
  const frame = (seconds: number): Detection =>
    parked(seconds, { incidents: [incident({ kind: 'queue' })], frameNumber: seconds + 1 });
  const answered = (of: Detection, over: Partial<AssessmentResult> = {}) =>
    answerTo(of, 'high', { groupIndex: 2, groupId: 'i1', prior: 0.9, ...over });

  it('are put once until answered, and again after the recheck time; their group is not asked about', async (t) => {
    const { clock, give, tasks, answer, stats, system } = await started();
    t.after(() => system.stop());
    await give({ body: frame(0) }, { body: frame(1) });
    const [task] = await tasks();
    assert.deepEqual([task?.incident?.incidentId, task?.group.groupId, (await tasks()).length], ['i1', 'i1', 1]);
    assert.deepEqual((await stats()).carried, 2, 'the group of its members, in both frames');
    answer(answered(frame(0), { requestId: task!.requestId, source: 'rules' }));
    await give({ body: frame(2) });
    const again = (await tasks())[1];
    assert.equal(again?.incident?.incidentId, 'i1', 'an answer by rules is none');
    answer(answered(frame(2), { requestId: again.requestId }));
    await clock.advance(10_000);
    await give({ body: frame(12) });
    assert.deepEqual(
      (await tasks()).slice(2).map(({ group: { groupId } }) => groupId),
      ['g1'],
    );
    await clock.advance(52_000);
    await give({ body: frame(62) });
    const last = (await tasks()).at(-1);
    assert.deepEqual([last?.incident?.incidentId, last?.lastAssessed?.level], ['i1', 'high']);
  });
});

describe('the saved calls', () => {
  it('are of groups in which nothing changed since the last answer: counted, by camera too', async (t) => {
    const { clock, give, tasks, answer, settled, stats, system } = await started();
    t.after(() => system.stop());
    await give({ body: parked(0) });
    answer(answerTo(parked(0)));
    await give({ body: parked(10) }, { body: parked(10, { cameraId: 'cam-2' }) });
    await clock.advance(59_000);
    await give({ body: parked(59) });
    assert.equal((await tasks()).length, 2);
    assert.deepEqual(settled, ['ack', 'ack', 'ack', 'ack']);
    assert.deepEqual(await stats(), {
      detections: 4,
      tasks: 2,
      carried: 2,
      retried: 0,
      byCamera: { 'cam-1': { tasks: 1, carried: 2 }, 'cam-2': { tasks: 1, carried: 0 } },
    });
    await clock.advance(1_000);
    await give({ body: parked(60) });
    const last = (await tasks()).at(-1);
    assert.deepEqual(last?.lastAssessed, { at: new Date(FRAME).toISOString(), level: 'low', prior: 0.25 });
  });

  it('follow answers of the model alone, and the newest frame', async (t) => {
    const { give, answer, stats, system } = await started();
    t.after(() => system.stop());
    const code = { code: 'timeout' as const, message: 'late' };
    answer(answerTo(parked(0), 'none', { source: 'rules' }));
    answer(answerTo(parked(0), 'unknown', { error: code }));
    answer(result(parked(0), 1, 'low'));
    answer(answerTo(parked(0, { cameraId: 'another' })));
    await give({ body: parked(1) });
    assert.equal((await stats()).carried, 0);
  });

  it('know the answers of before the start', async (t) => {
    const { give, stats, system } = await started((bus) => {
      for (const [index, frame] of [parked(-70), parked(-30)].entries())
        bus.streams.publish('risk-assessment-results.cam-1', answerTo(frame, 'medium'), `answer ${index}`);
    });
    t.after(() => system.stop());
    await give({ body: parked(1) });
    assert.equal((await stats()).carried, 1);
  });

  it('wait for no answers of before: without them the groups are asked about, and the log says so', async (t) => {
    const log = memoryLog();
    const { clock, give, stats, system } = await started((bus) => {
      Object.assign(bus, { read: () => new Promise(() => undefined) });
    }, log);
    t.after(() => system.stop());
    await give({ body: parked(1) });
    assert.equal((await stats()).tasks, 1);
    await clock.advance(10_000);
    assert.match(log.lines.map(({ message }) => message).join('\n'), /answers of before are not known.*10000 ms/);
  });

  it('go by new settings from the next frame on', async (t) => {
    const { give, tasks, answer, stats, system } = await started();
    t.after(() => system.stop());
    answer(answerTo(parked(0)));
    await give({ body: parked(30) });
    assert.equal((await stats()).carried, 1);
    const freshness = { ...DEFAULT_FRESHNESS, recheckMs: 20_000, freshnessMs: 5_000 };
    system.ref(TASK_GENERATOR).tell({ type: 'configure', freshness });
    await give({ body: parked(31) });
    const [asked] = await tasks();
    assert.equal(asked?.freshUntil, new Date(FRAME + 36_000).toISOString());
  });

  it('end with the actor: it listens no longer', async () => {
    const { answers, system } = await started();
    assert.equal(answers.length, 1);
    await system.stop();
    assert.equal(answers.length, 0);
  });
});
