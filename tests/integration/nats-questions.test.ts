import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, RetentionPolicy } from 'nats';
import { keyPoolActor } from '../../src/actors/key-pool.ts';
import { schedulerActor } from '../../src/actors/scheduler/scheduler.ts';
import { schedulerSettings } from '../../src/actors/scheduler/scheduler.types.ts';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import type { VlmClient } from '../../src/llm/client.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { consumers, streams, subjects } from '../../src/messages/subjects.ts';
import { AssessmentTask } from '../../src/messages/task.ts';
import { sleep, systemClock } from '../../src/runtime/clock.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { plainTask, questionTask } from '../support/assessment-task.ts';
import { FakeImages } from '../support/fake-bus.ts';
import { fetched } from '../support/fetched.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { memoryLog } from '../support/log.ts';
import { ownNats } from '../support/own-servers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';
import { GOOD } from '../support/scheduler.ts';

const log = memoryLog();
let server: EmbeddedService;
let bus: NatsBus;

before(async () => {
  server = await startNatsServer({ dataDir: temporaryFolder(), log });
  bus = await NatsBus.open({ url: server.url, startTimeoutMs: 30_000, log });
});
after(async () => {
  await bus.close();
  await server.stop();
});

const put = (to: NatsBus, task: AssessmentTask) => {
  const { priority, cameraId, requestId, traceId, group, freshUntil } = task;
  const subject =
    freshUntil === undefined ? subjects.task(priority, cameraId) : subjects.question(priority, cameraId, group.groupId);
  return to.publish(subject, task, { cameraId, requestId, traceId }, task.taskId);
};
const questions = (of: NatsBus) =>
  of.pull({ stream: streams.questions, durable: consumers.questions, parser: AssessmentTask });

test('a newer question takes the place of one that waits, and of one that a scheduler has unacked', async () => {
  const consumer = await questions(bus);
  const [first, second, third, other] = [0, 1, 2].map(() => questionTask()).concat(questionTask({ groupId: 'g2' }));
  assert.ok(first !== undefined && second !== undefined && third !== undefined && other !== undefined);
  await put(bus, first);
  await put(bus, second);
  await put(bus, other);
  const got = await fetched(consumer, 2);
  assert.deepEqual(got.map(({ body }) => body.taskId).toSorted(), [second.taskId, other.taskId].toSorted());
  await put(bus, third);
  const [newest, ...more] = await fetched(consumer, 1);
  assert.deepEqual([newest?.body.taskId, more.length], [third.taskId, 0]);
  // The ack of a question that is no longer in the stream harms nothing.
  for (const each of [...got, ...(newest === undefined ? [] : [newest])]) each.ack();
  await until('nothing is unacked', async () => (await consumer.lag()).unsettled === 0);
  assert.deepEqual(await consumer.lag(), { waiting: 0, unsettled: 0 });
  await consumer.close();
});

test('a stream of tasks made before there were questions makes room for them, and loses no task', async (t) => {
  const old = await ownNats(t, '');
  const url = `nats://127.0.0.1:${old.port}`;
  const nc = await connect(natsOptions(url));
  t.after(() => nc.close());
  const jsm = await nc.jetstreamManager();
  await jsm.streams.add({
    name: streams.tasks,
    subjects: ['assessment-tasks.>'],
    retention: RetentionPolicy.Workqueue,
    max_bytes: 128 * 1024 ** 2,
  });
  for (const priority of [1, 2, 3, 4, 5])
    await jsm.consumers.add(streams.tasks, {
      durable_name: `scheduler-p${priority}`,
      filter_subject: `assessment-tasks.p${priority}.>`,
      ack_policy: 'explicit' as never,
    });
  const task = plainTask({ priority: 4 });
  await nc.jetstream().publish(subjects.task(4, 'cam-1'), JSON.stringify(task));
  const updated = await NatsBus.open({ url, startTimeoutMs: 30_000, log });
  t.after(() => updated.close());
  const waiting = await updated.pull({
    stream: streams.tasks,
    durable: consumers.scheduler(4),
    parser: AssessmentTask,
  });
  const [kept] = await fetched(waiting, 1);
  assert.equal(kept?.body.taskId, task.taskId);
  kept?.ack();
  const question = questionTask();
  await put(updated, question);
  const [got] = await fetched(await questions(updated), 1);
  assert.equal(got?.body.taskId, question.taskId);
  got?.ack();
});

test('two schedulers over one bus supersede for each other and spend one budget', async (t) => {
  const jpeg = await makeJpeg();
  const config = parseKeyConfig({ api_keys: [{ name: 'k', key: 's', qps_limit: 4, rpm_limit: 240 }] }, {});
  const memory = new LimitMemory();
  let calls = 0;
  const vlm: VlmClient = {
    call: async (request) => {
      calls += 1;
      request.onSent?.(0);
      await sleep(systemClock, 300);
      return GOOD;
    },
  };
  const buses = [bus, await NatsBus.join({ url: server.url, startTimeoutMs: 30_000, log })] as const;
  t.after(() => buses[1].close());
  const init = { images: new FakeImages(jpeg), vlm, language: 'en' as const };
  const settings = schedulerSettings(config.scheduler);
  const tree = supervisor('root', [
    child('key-pool', keyPoolActor, () => ({ config, memory })),
    child('scheduler', schedulerActor, () => ({ ...init, bus: buses[0], settings })),
    child('scheduler-2', schedulerActor, () => ({ ...init, bus: buses[1], settings })),
  ]);
  const system = await startSystem(tree, { log, onEscalation: (error) => assert.fail(error.message) });
  t.after(() => system.stop());
  const results = new Map<string, AssessmentResult>();
  const seen = bus.subscribe(subjects.results, AssessmentResult, (result) => results.set(result.taskId, result));
  t.after(() => seen());
  await sleep(systemClock, 1_200);

  // 20 groups, asked about 8 times each: far more questions than calls.
  const sent: AssessmentTask[] = [];
  const began = Date.now();
  for (let round = 0; round < 8; round += 1) {
    for (let group = 0; group < 20; group += 1) {
      const task = questionTask({ cameraId: `cam-${group % 5}`, groupId: `g${group}`, prior: group / 40 });
      sent.push(task);
      await put(bus, task);
      await sleep(systemClock, 20);
    }
  }
  const allowed = 4 * ((Date.now() - began) / 1_000 + 2) + 12;
  await until('each question that the bus kept is answered', async () => {
    const consumer = await questions(bus);
    const { waiting, unsettled } = await consumer.lag();
    await consumer.close();
    return waiting + unsettled === 0;
  });
  await until('every last question has its answer', () => sent.slice(-20).every(({ taskId }) => results.has(taskId)));
  const answers = [...results.values()];
  const count = (reason: string): number => answers.filter(({ results: [one] }) => one?.reason === reason).length;
  const asked = answers.filter(({ source }) => source === 'vlm').length;
  assert.ok(asked > 8 && calls <= allowed, `${calls} calls, ${asked} answers of the model, ${allowed} allowed`);
  assert.ok(count('budget') > 20, `${count('budget')} for want of budget`);
  assert.equal(answers.filter(({ results: [one] }) => one?.riskLevel === 'unknown').length, 0);
});
