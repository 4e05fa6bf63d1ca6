import assert from 'node:assert/strict';
import { existsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { nanos } from 'nats';
import { DeadLetterBox } from '../../src/infra/nats/dead-letter-box.ts';
import { InHand } from '../../src/infra/nats/in-hand.ts';
import { Stage } from '../../src/infra/stage.ts';
import { DONE } from '../../src/infra/stage-processor.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import { Detection } from '../../src/messages/detection.ts';
import { consumers, streams, subjects } from '../../src/messages/subjects.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { startBus } from '../support/aggregator.ts';
import type { KilledConsumerOrder } from '../support/killed-consumer.ts';
import { memoryLog } from '../support/log.ts';
import { OwnProcess } from '../support/own-process.ts';
import { detection } from '../support/samples.ts';
import { until } from '../support/until.ts';

const SCRIPT = join(import.meta.dirname, '..', 'support', 'killed-consumer.ts');
let world: Awaited<ReturnType<typeof startBus>>;
let box: DeadLetterBox;

before(async () => {
  world = await startBus();
  box = new DeadLetterBox(world.bus.link);
  const jsm = await world.bus.link.nc.jetstreamManager();
  await jsm.consumers.update(streams.detections, consumers.taskGenerator, { ack_wait: nanos(1_000) });
});
after(() => world.stop());

const send = (frame: Detection) => world.bus.publish(subjects.detection(frame.cameraId), frame, frame, frame.requestId);
const answered = async (frames: readonly Detection[]): Promise<string[]> => {
  const ids = new Set(frames.map(({ requestId }) => requestId));
  return (await world.bus.read({ stream: streams.results, parser: AssessmentResult, from: { seq: 1 }, limit: 10_000 }))
    .map(({ body }) => body.requestId)
    .filter((id) => ids.has(id));
};
const letterOf = async (camera: string) => (await box.list({ limit: 100 })).find(({ cameraId }) => cameraId === camera);
const kill = async (consumer: OwnProcess): Promise<void> => {
  consumer.signal('SIGKILL');
  await consumer.exited;
};
function consumerProcess(t: TestContext, name: string, order: Partial<KilledConsumerOrder>) {
  const heard: unknown[] = [];
  const whole: KilledConsumerOrder = {
    natsUrl: world.nats.url,
    inHandFile: join(world.folder, name),
    killer: 'nobody',
    afterMs: 0,
    ...order,
  };
  const consumer = new OwnProcess({
    name,
    command: { script: SCRIPT },
    args: [JSON.stringify(whole)],
    logFile: join(world.folder, `${name}.log`),
    onMessage: (message) => heard.push(message),
  });
  t.after(() => kill(consumer));
  return { consumer, heard };
}

for (const [how, afterMs] of [
  ['at once', 0],
  ['a moment later', 20],
] as const) {
  test(`a message that ends two processes, ${how}, is put aside; all others are handled once`, async (t) => {
    const killer = `killer-${afterMs}`;
    const { consumer } = consumerProcess(t, killer, { killer, afterMs });
    const frames = Array.from({ length: 21 }, (_, index) =>
      detection(1, { cameraId: index === 10 ? killer : `cam-${index}` }),
    );
    for (const frame of frames) await send(frame);
    let deaths = 0;
    for (; (await letterOf(killer)) === undefined;) {
      assert.ok(deaths <= 2, `${deaths} processes ended`);
      consumer.start();
      const ended = consumer.exited.then(() => true);
      const settled = until(
        'the end of the process, or of its killer',
        async () => (await letterOf(killer)) !== undefined,
      ).then(() => false);
      if (await Promise.race([ended, settled])) deaths += 1;
      settled.catch(() => undefined);
    }
    assert.equal(deaths, 2);
    assert.match((await letterOf(killer))?.reason ?? '', /^killed-its-reader: it was in hand, alone/);
    const others = frames.filter(({ cameraId }) => cameraId !== killer);
    await until('all others are answered', async () => (await answered(others)).length === others.length);
    assert.deepEqual((await answered(others)).toSorted(), others.map(({ requestId }) => requestId).toSorted());
    assert.equal(
      (await box.list({ limit: 100 })).filter(({ cameraId }) => cameraId?.startsWith('cam-') === true).length,
      0,
    );
  });
}

test('messages that were merely in flight when somebody killed the process are handled by the next', async (t) => {
  const { consumer, heard } = consumerProcess(t, 'chaos', {});
  const frames = Array.from({ length: 40 }, (_, index) => detection(1, { cameraId: `flight-${index}` }));
  consumer.start();
  await until('it is ready', () => heard.includes('ready'));
  const sending = frames.map(send);
  await until('it is at it', () => heard.length > 3);
  await kill(consumer);
  await Promise.all(sending);
  consumer.start();
  await until('all are answered', async () => (await answered(frames)).length === frames.length);
  assert.equal(
    (await box.list({ limit: 100 })).filter(({ cameraId }) => cameraId?.startsWith('flight-') === true).length,
    0,
  );
});

test('a message that fails comes ten times, later each time, then it is a dead letter; others flow', async (t) => {
  const end = new AbortController();
  t.after(() => end.abort());
  const handled: string[] = [];
  let failures = 0;
  // Delays are the server's: what is to come later comes at once here.
  const bus = Object.assign(Object.create(world.bus) as typeof world.bus, {
    pull: async (options: Parameters<typeof world.bus.pull>[0]) => {
      const consumer = await world.bus.pull(options);
      return {
        ...consumer,
        close: () => consumer.close(),
        lag: () => consumer.lag(),
        receive: async function* (...how: Parameters<typeof consumer.receive>) {
          for await (const delivery of consumer.receive(...how)) yield { ...delivery, nak: () => delivery.nak(0) };
        },
        fetch: async (...how: Parameters<typeof consumer.fetch>) =>
          (await consumer.fetch(...how)).map((delivery) => ({ ...delivery, nak: () => delivery.nak(0) })),
      };
    },
  });
  const log = memoryLog();
  const stage = new Stage({
    ctx: { clock: systemClock, log, signal: end.signal, fail: (error) => assert.fail(error) },
    bus,
    stream: streams.detections,
    durable: consumers.aggregatorDetections,
    parser: Detection,
    inFlight: 8,
    handle: ({ body }) => {
      if (body.cameraId === 'poison') {
        failures += 1;
        throw new Error(`odd ${'x'.repeat(10_000)}`);
      }
      handled.push(body.cameraId);
      return DONE;
    },
  });
  await send(detection(1, { cameraId: 'poison' }));
  for (let index = 0; index < 5; index += 1) await send(detection(1, { cameraId: `flows-${index}` }));
  const letter = await until('a dead letter', () => letterOf('poison'));
  assert.equal(failures, 10);
  assert.match(letter.reason, /^its handling failed 10 times: odd x+/);
  assert.ok(letter.reason.length <= 500);
  assert.equal(handled.filter((cameraId) => cameraId.startsWith('flows-')).length, 5);
  end.abort();
  await stage.stop(0);
});

test('what earlier lives left is taken over, once, and a clean end leaves nothing', (t) => {
  const file = join(world.folder, 'notes');
  const log = memoryLog();
  const first = new InHand(file, log);
  for (let seq = 1; seq <= 20; seq += 1) first.begin(`S c ${seq} 1`);
  // It ends here, and the next life finds the last eight.
  const second = new InHand(file, log);
  assert.equal(second.delay('S c 12 1'), 0);
  // Told one right after the other, unless the machine was busy meanwhile.
  const began = performance.now();
  const waits = [13, 14, 15].map((seq) => Number(second.delay(`S c ${seq} 1`)));
  const tookMs = Math.ceil(performance.now() - began);
  assert.ok(
    waits.every((ms, index) => ms >= 100 * index - tookMs && ms <= 100 * index),
    `one after the other: ${waits.join(', ')}`,
  );
  second.begin('S c 13 1');
  second.begin('S c 99 1');
  const third = new InHand(file, log);
  assert.deepEqual(
    ['S c 13 1', 'S c 12 1'].map((key) => third.delay(key)),
    ['aside', 0],
  );
  assert.ok(
    log.lines.some(({ message }) =>
      /S c 13 1 was in hand, alone, when this process ended for the second time/.test(message),
    ),
  );
  const fourth = new InHand(file, log);
  assert.equal(fourth.delay('S c 13 1'), 'aside');
  for (const key of ['S c 13 1', 'S c 99 1', ...Array.from({ length: 20 }, (_, index) => `S c ${index + 1} 1`)])
    fourth.done(key);
  fourth.begin('S c 30 1');
  fourth.close();
  assert.equal(existsSync(`${file}.json`), false);
  const fifth = new InHand(file, log);
  assert.equal(fifth.delay('S c 30 1'), 0);
  fifth.close();
  const nowhere = new InHand(join(world.folder, 'no', 'such', 'folder'), log);
  nowhere.begin('S c 1 1');
  nowhere.close();
  assert.ok(log.lines.some(({ message }) => /cannot be noted/.test(message)));
  t.diagnostic(`${log.lines.length} lines`);
});

test('files of any size and content in the place of the notes are read as nothing, and no further than ours go', () => {
  const file = join(world.folder, 'huge');
  for (const ending of ['json', 'slots']) {
    writeFileSync(`${file}.${ending}`, '['.repeat(70_000));
    // More than a Buffer or a string may hold; the file system keeps no zeros.
    truncateSync(`${file}.${ending}`, 2 ** 40);
  }
  const log = memoryLog();
  const notes = new InHand(file, log);
  assert.equal(notes.delay('m'), 0);
  notes.begin('m');
  notes.close();
  assert.deepEqual(log.lines, []);
});
