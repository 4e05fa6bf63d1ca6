import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { PRIORITIES, type AssessmentTask } from '../../src/messages/task.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { plainTask } from '../support/assessment-task.ts';
import { memoryLog } from '../support/log.ts';
import { OwnProcess } from '../support/own-process.ts';
import type { SchedulerOrder } from '../support/scheduler-process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const options =
  (await ensureRedisServer()).binary === null ? { skip: 'there is no real redis-server on this machine' } : {};
const log = memoryLog();
let folder: string;
let nats: EmbeddedService;
let redis: EmbeddedService;
let bus: NatsBus;
let simulator: ProviderSimulator;
const nodes = new Map<string, { readonly process: OwnProcess; readonly ready: () => number }>();

before(async () => {
  if (options.skip !== undefined) return;
  folder = temporaryFolder();
  [nats, redis] = await Promise.all([
    startNatsServer({ dataDir: join(folder, 'nats'), log }),
    startRedisServer({ dataDir: join(folder, 'redis'), log }),
  ]);
  bus = await NatsBus.open({ url: nats.url, startTimeoutMs: 30_000, log });
  simulator = await startProviderSimulator({
    keys: simulatedKeys(6, { qps: 5, rpm: 300 }),
    latency: { medianMs: 600, p95Ms: 1_500 },
    // The limits hold within the guard, also where the first calls of a process are slow and later ones are not.
    timingHeaders: false,
  });
});
after(async () => {
  for (const { process } of nodes.values()) if (process.running) process.signal('SIGKILL');
  await Promise.all([...nodes.values()].map(({ process }) => process.exited));
  await bus?.close();
  await simulator?.close();
  await Promise.all([nats?.stop(), redis?.stop()]);
});

function node(name: string): OwnProcess {
  const order: SchedulerOrder = {
    name,
    natsUrl: nats.url,
    redisUrl: redis.url,
    scheduler: { transit_guard_ms: 1_500 },
    keys: [...simulator.keyEntries()],
  };
  let ready = 0;
  const process = new OwnProcess({
    name,
    command: { script: join(import.meta.dirname, '..', 'support', 'scheduler-process.ts') },
    args: [JSON.stringify(order)],
    logFile: join(folder, `${name}.log`),
    onMessage: () => void ready++,
  });
  nodes.set(name, { process, ready: () => ready });
  return process;
}

const started = async (name: string): Promise<void> => {
  const { process, ready } = nodes.get(name) ?? assert.fail(name);
  const earlier = ready();
  process.start();
  await until(`${name} is up`, () => ready() > earlier).catch((thrown: unknown) =>
    assert.fail(`${String(thrown)}\n${process.log()}`),
  );
};
const results = () => bus.read({ stream: streams.results, parser: AssessmentResult, from: { seq: 1 }, limit: 10_000 });
const publish = (task: AssessmentTask) =>
  bus.publish(subjects.task(task.priority, task.cameraId), task, task, task.taskId);

test(
  'two schedulers, one restarted, one killed: each task has one answer of the model, no window is exceeded',
  options,
  async () => {
    const [a, b] = [node('a'), node('b')];
    await Promise.all([started('a'), started('b')]);
    const tasks: AssessmentTask[] = [];
    const feed = async (count: number, everyMs: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        const task = plainTask({
          priority: PRIORITIES[i % PRIORITIES.length] ?? 3,
          cameraId: `cam-${i % 3}`,
          expiresAt: Date.now() + 100_000,
        });
        tasks.push(task);
        await publish(task);
        await delay(everyMs);
      }
    };
    const feeding = feed(110, 80);
    await until(
      'calls are under way on both',
      () => simulator.calls().filter(({ status }) => status === 0).length >= 4,
    );
    // A rolling restart: what a has in hand is finished, or is b's at once.
    assert.equal(await a.stop(30_000), 0, a.log());
    await started('a');
    // A death in the middle of calls: what b had in hand comes again.
    await until('calls are under way again', () => simulator.calls().filter(({ status }) => status === 0).length >= 4);
    b.signal('SIGKILL');
    await b.exited;
    await feeding;
    await started('b');
    await until('every task is answered', async () => (await results()).length >= tasks.length, 60_000, 200);
    await delay(500);
    const answers = (await results()).map(({ body }) => body);
    assert.deepEqual(
      answers.map(({ taskId }) => taskId).toSorted(),
      tasks.map(({ taskId }) => taskId).toSorted(),
      'each has one result',
    );
    assert.deepEqual(
      answers.filter(({ source, error }) => source !== 'vlm' || error !== undefined),
      [],
      'none too late',
    );
    assert.deepEqual(simulator.violations(), []);
    assert.equal(simulator.calls().filter(({ status }) => status === 429).length, 0);
    const again = simulator.calls().length - tasks.length;
    assert.ok(again >= 0 && again <= 25, `${again} calls made again`);
    assert.deepEqual({ a: await a.stop(30_000), b: await b.stop(30_000) }, { a: 0, b: 0 });
  },
);
