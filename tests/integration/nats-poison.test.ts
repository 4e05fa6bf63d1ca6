import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, headers as newHeaders, type MsgHdrs, type NatsConnection } from 'nats';
import { camerasElsewhere, schedulerElsewhere } from '../../src/app/role-elsewhere.ts';
import { DeadLetterBox } from '../../src/infra/nats/dead-letter-box.ts';
import { JetStreamImages } from '../../src/infra/nats/image-store.ts';
import { Aggregate } from '../../src/messages/aggregate.ts';
import type { AssessmentResult } from '../../src/messages/assessment.ts';
import type { CameraStatus } from '../../src/messages/camera.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import type { OnDemandStatus } from '../../src/messages/on-demand.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import type { AssessmentTask } from '../../src/messages/task.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { tasksOf } from '../../src/tasks/explode.ts';
import { startBus } from '../support/aggregator.ts';
import { backlog, CONSUMED, startStages } from '../support/bus-stages.ts';
import { hostileBodies, mutated } from '../support/hostile-bodies.ts';
import { keptHeapBytes } from '../support/heap.ts';
import { FakeWorld } from '../support/http-fakes.ts';
import { aggregate, statusOf } from '../support/http-samples.ts';
import { Random } from '../support/random.ts';
import { detection, result } from '../support/samples.ts';
import { until } from '../support/until.ts';
import { watchLoopDelay } from '../support/loop-delay.ts';

const MB = 1024 * 1024;
/** The bound is 50 ms; the machine that runs the tests does other things besides. */
const MOST_DELAY_MS = 250;
/** After 1,000 bodies the stages keep some 6 MB: answers without their detection, and caches. */
const MOST_KEPT_MB = 25;
let world: Awaited<ReturnType<typeof startBus>>;
let stages: Awaited<ReturnType<typeof startStages>>;
let nc: NatsConnection;
let box: DeadLetterBox;

before(async () => {
  world = await startBus();
  stages = await startStages(world.bus);
  nc = await connect(natsOptions(world.nats.url));
  box = new DeadLetterBox(world.bus.link);
});
after(async () => {
  await stages.stop();
  await nc.close();
  await world.stop();
});

interface Cost {
  /** The longest that the event loop of this thread stood still. */
  readonly delayMs: number;
  /** The most that the heap had grown at any time, garbage included: for a single body, not for seconds of work. */
  readonly peakMb: number;
  /** Growth of the heap that outlives the work. Collects all garbage, which takes a while. */
  readonly keptMb: () => number;
}

async function costOf(work: () => Promise<void>): Promise<Cost> {
  const atFirst = keptHeapBytes();
  const longestDelay = watchLoopDelay();
  let most = atFirst;
  const sample = (): void => void (most = Math.max(most, process.memoryUsage().heapUsed));
  const watch = setInterval(sample, 10);
  try {
    await work();
  } finally {
    clearInterval(watch);
  }
  sample();
  const delayMs = longestDelay();
  return { delayMs, peakMb: (most - atFirst) / MB, keptMb: () => (keptHeapBytes() - atFirst) / MB };
}

/** One costly body: reading it may take neither long nor much memory, not even for a moment. */
const cheap = ({ delayMs, peakMb }: Cost, what: string): void => {
  assert.ok(delayMs < MOST_DELAY_MS, `${what}: the event loop stood still for ${delayMs} ms`);
  assert.ok(peakMb < 50, `${what}: the heap grew by ${peakMb} MB`);
};
/** Half a million wrong entries. */
const POISON = hostileBodies(980_000)['wrong entries'] ?? assert.fail();
const publish = async (subject: string, body: Uint8Array, headers?: MsgHdrs): Promise<void> => {
  nc.publish(subject, body, headers === undefined ? {} : { headers });
  await nc.flush();
};
const letters = async (consumer: string) =>
  (await box.list({ limit: 1_000 })).filter((letter) => letter.consumer === consumer);
const subjectOf = (stream: string, durable: string): string =>
  ({
    [streams.detections]: 'detection-results.x',
    [streams.questions]: 'assessment-tasks.p5.x.g',
    [streams.tasks]: `assessment-tasks.${durable.replace('scheduler-', '')}.x`,
    [streams.results]: 'risk-assessment-results.on-demand',
    [streams.webhooks]: 'webhooks.alert',
    [streams.alerts]: 'alerts.x',
  })[stream] ?? assert.fail(stream);

for (const [stream, durable] of CONSUMED) {
  test(`1 MB with half a million wrong entries is a dead letter of ${durable}, and costs next to nothing`, async () => {
    const known = (await letters(durable)).length;
    cheap(
      await costOf(async () => {
        await publish(subjectOf(stream, durable), POISON);
        await until('a dead letter', async () => (await letters(durable)).length > known);
      }),
      durable,
    );
    const [letter] = await letters(durable);
    assert.match(letter?.reason ?? '', /^the body cannot be used: it has \d+ bytes/);
    assert.ok((letter?.reason.length ?? 999) <= 400);
    const whole = await box.get(letter?.id ?? 0);
    assert.equal(whole?.body.length, 64 * 1024);
    assert.match(whole?.cut ?? '', /^\d+ bytes of the body$/);
    await assert.rejects(box.replay(letter?.id ?? 0), /cannot be replayed: it was too large/);
  });
}

test('all kinds of costly bodies, as large as one may be, become dead letters', async () => {
  const known = (await letters('task-generator')).length;
  const bodies = Object.values(hostileBodies(500_000));
  cheap(
    await costOf(async () => {
      for (const body of bodies) await publish('detection-results.x', body);
      await until(
        'all are dead letters',
        async () => (await letters('task-generator')).length >= known + bodies.length,
      );
    }),
    'costly bodies',
  );
});

test('the largest message a server takes, with thousands of headers, is a dead letter without them', async () => {
  const of = newHeaders();
  for (let index = 0; index < 3_000; index += 1) of.append(`H${index}`, 'v');
  const known = (await letters('webhooks')).length;
  await publish('webhooks.alert', new Uint8Array(1_000_000).fill(0x20), of);
  // No body at all: looks like a word of the server.
  await publish('webhooks.alert', new Uint8Array(), of);
  cheap(
    await costOf(async () => {
      await until('dead letters', async () => (await letters('webhooks')).length >= known + 2);
    }),
    'headers',
  );
  const cuts = await Promise.all(
    (await letters('webhooks')).slice(0, 2).map(async ({ id }) => (await box.get(id))?.cut),
  );
  assert.deepEqual(cuts.toSorted(), ['934464 bytes of the body, headers', 'headers']);
});

test('on subjects without dead letters it is counted and said', async () => {
  for (const subject of ['camera-status.x', 'aggregates.x', 'scheduler-load']) {
    const known = world.bus.counters.badBodies;
    cheap(
      await costOf(async () => {
        await publish(subject, POISON);
        await until(`it is counted (${subject})`, () => world.bus.counters.badBodies > known);
      }),
      subject,
    );
  }
  // Said once a second at most, and a message of the test before may have been said in this one.
  const isSaid = async (): Promise<boolean> => {
    await publish('camera-status.x', POISON);
    return world.log.lines.some(({ message }) => message.includes('on camera-status.x could not be used'));
  };
  await until('it is said', isSaid, 30_000, 400);
  assert.ok(world.log.lines.every(({ message, fields }) => message.length + JSON.stringify(fields).length < 3_000));
});

test('a status of an assessment, and a picture, that somebody else wrote harm nobody', async () => {
  const id = newRequestId();
  assert.equal(await stages.store.get(id), null);
  const kv = await nc.jetstream().views.kv('ON_DEMAND');
  await assert.rejects(kv.put(id, POISON), /maximum|exceed/i);
  await kv.put(id, JSON.stringify({ id, state: 'queued' }));
  const known = world.bus.counters.badBodies;
  assert.equal(await stages.store.get(id), null);
  assert.equal(await stages.store.change(id, (status: OnDemandStatus) => status), null);
  assert.ok(world.bus.counters.badBodies >= known + 2);
  const of = newHeaders();
  for (let index = 0; index < 3_000; index += 1) of.append(`H${index}`, 'v');
  await publish(subjects.image(`${id}.frame`), POISON, of);
  cheap(
    await costOf(async () =>
      assert.equal((await new JetStreamImages(world.bus).get(`${id}.frame`))?.length, POISON.length),
    ),
    'a picture',
  );
});

test('answers of other nodes that are nonsense hide only their own', async (t) => {
  const others = await connect(natsOptions(world.nats.url));
  t.after(() => others.close());
  const { status, config, figures } = {
    status: statusOf('far'),
    config: { cameraId: 'far', name: 'far', url: 'rtsp://h/x', enabled: true, intervalSeconds: 1 },
    figures: (await new FakeWorld().add('far').ports().cameras.list())[0]?.figures,
  };
  const good = Buffer.from(JSON.stringify([{ config, status, figures }]));
  for (const body of [POISON, good, Buffer.from('nonsense')])
    others.subscribe('gantry.cameras.list', { callback: (_, message) => void message.respond(body) });
  for (const name of ['scheduler', 'key-pool'])
    others.subscribe(`gantry.${name}.stats`, { callback: (_, message) => void message.respond(POISON) });
  await others.flush();
  const cameras = camerasElsewhere(world.bus, new FakeWorld().ports().cameras, {
    ask: () => assert.fail('no scene is asked for'),
  });
  let listed: string[] = [];
  // An answer that comes late is left out.
  await until('the camera of the other node', async () => {
    const cost = await costOf(async () => {
      listed = (await cameras.list()).map((each) => each.config.cameraId);
    });
    cheap(cost, 'a list of cameras');
    return listed.length > 0;
  });
  assert.deepEqual(listed, ['far']);
  await assert.rejects(schedulerElsewhere(world.bus).stats(), /cannot be used/);
  assert.notEqual((await schedulerElsewhere(world.bus).health()).status, 'ok');
});

test('what is over the size that NATS takes is refused at once, said and counted', async () => {
  const frame = detection(1, { modelType: 'x'.repeat(MB) });
  await assert.rejects(
    world.bus.publish('detection-results.x', frame, frame, frame.requestId),
    /is over what NATS takes \(max_payload 1048576/,
  );
  const known = world.bus.counters.failedBroadcasts;
  world.bus.broadcast('camera-status.x', { text: 'x'.repeat(MB) });
  assert.equal(world.bus.counters.failedBroadcasts, known + 1);
});

test('a message put into the inbox of a reader ends no connection', async () => {
  const seen: string[] = [];
  const spy = nc.subscribe('$JS.API.CONSUMER.MSG.NEXT.>', {
    callback: (_, message) => void seen.push(message.reply ?? ''),
  });
  await nc.flush();
  const inbox = await until('an order', () => seen.find((each) => each !== ''));
  spy.unsubscribe();
  const reconnects = stages.log.lines.filter(({ message }) => /connection/.test(message)).length;
  await publish(inbox, POISON);
  await publish(inbox, new Uint8Array());
  await world.bus.link.nc.flush();
  assert.equal(world.bus.state(), 'connected');
  assert.equal(stages.log.lines.filter(({ message }) => /connection/.test(message)).length, reconnects);
});

/** What is on the bus, by the subject it is on. */
function samples(random: Random): readonly [readonly [string, unknown], ...(readonly [string, unknown])[]] {
  const frame: Detection = detection(1 + random.below(4), { cameraId: 'fuzz', timestamp: new Date().toISOString() });
  const [task] = tasksOf(frame, { validityMs: 30_000 });
  const judged: AssessmentResult = result(frame, 1, random.pick(['none', 'low', 'medium', 'high', 'unknown']));
  const whole: Aggregate = aggregate('fuzz', { risk: random.pick(['low', 'high']) });
  const status: CameraStatus = statusOf('fuzz');
  const job = {
    id: newRequestId(),
    kind: 'alert',
    url: 'http://127.0.0.1:9/',
    createdAt: new Date().toISOString(),
    assessmentId: null,
    body: '{}',
  };
  const tasks = (task === undefined ? [] : [task]).map(
    (each: AssessmentTask) => [subjects.task(each.priority, 'fuzz'), each] as const,
  );
  return [
    [subjects.detection('fuzz'), frame],
    ...tasks,
    [subjects.result('fuzz'), judged],
    [subjects.result('on-demand'), judged],
    [subjects.aggregate('fuzz'), whole],
    [subjects.alert('fuzz'), whole],
    [subjects.webhook('alert'), job],
    [subjects.cameraStatus('fuzz'), status],
    [subjects.schedulerLoad, { scheduler: 's', perSecond: null }],
  ];
}

test('1,000 nearly right or hostile bodies: each is handled or a dead letter, nothing fails or grows', async () => {
  const random = new Random(20_261_127);
  const hostile = Object.values(hostileBodies(20_000));
  const restarts = stages.restarts();
  const dead = (await box.list({ limit: 10_000 })).length;
  // Made before the measurement, which is of the stages: making them leaves more garbage than handling them.
  const messages = Array.from({ length: 1_000 }, (): readonly [string, Uint8Array | string] => {
    const [subject, body] = random.pick(samples(random));
    if (random.chance(0.1)) return [subject, hostile[random.below(hostile.length)] ?? POISON];
    return [subject, random.chance(0.2) ? JSON.stringify(body) : mutated(body, random)];
  });
  const cost = await costOf(async () => {
    for (const [sent, [subject, body]] of messages.entries()) {
      nc.publish(subject, body);
      if (sent % 20 === 0) await nc.flush();
    }
    await nc.flush();
    // Answers without their detection stay in the aggregator's hands for a minute.
    await until('all are settled', async () => (await backlog(world.bus)) <= (await stages.held()));
  });
  assert.ok(cost.delayMs < MOST_DELAY_MS, `the event loop stood still for ${cost.delayMs} ms`);
  const keptMb = cost.keptMb();
  assert.ok(keptMb < MOST_KEPT_MB, `the heap keeps ${keptMb} MB more`);
  assert.equal(stages.restarts(), restarts);
  assert.ok((await box.list({ limit: 10_000 })).length > dead + 300);
  assert.ok((await stages.held()) < 500);
  // And what is right still goes its way.
  const frame = detection(0, { cameraId: 'after', timestamp: new Date().toISOString() });
  await world.bus.publish(subjects.detection('after'), frame, frame, frame.requestId);
  await until(
    'the aggregate of a good frame',
    async () =>
      (await world.bus.last({ stream: streams.aggregates, subject: subjects.aggregate('after'), parser: Aggregate }))
        ?.body.requestId === frame.requestId,
  );
});
