import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, test } from 'node:test';
import { connect, RequestStrategy } from 'nats';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { freePort, untilAnswers } from '../../src/embedded/tcp.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { JetStreamImages } from '../../src/infra/nats/image-store.ts';
import { registerRoles } from '../../src/infra/nats/services.ts';
import { Detection } from '../../src/messages/detection.ts';
import { cropImageId, newRequestId } from '../../src/messages/ids.ts';
import { consumers, streams, subjects } from '../../src/messages/subjects.ts';
import { PicturesWanted } from '../../src/messages/wanted.ts';
import { findNatsServer } from '../../src/provision/binaries.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { memoryLog } from '../support/log.ts';
import { fetched } from '../support/fetched.ts';
import { detection } from '../support/samples.ts';
import { ownNats } from '../support/own-servers.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const log = memoryLog();
let folder: string;
let server: EmbeddedService;
let bus: NatsBus;

before(async () => {
  folder = temporaryFolder();
  server = await startNatsServer({ dataDir: folder, log });
  bus = await NatsBus.open({ url: server.url, startTimeoutMs: 30_000, log });
});
after(async () => {
  await bus.close();
  await server.stop();
});

const traceOf = ({ traceId, cameraId, requestId }: Detection) => ({ traceId, cameraId, requestId });
const publish = (frame: Detection) =>
  bus.publish(subjects.detection(frame.cameraId), frame, traceOf(frame), frame.requestId);
const generator = () => bus.pull({ stream: streams.detections, durable: consumers.taskGenerator, parser: Detection });

test('a published message is fetched at once, carries readable headers, and is gone after its ack', async (t) => {
  const seen = Promise.withResolvers<{ text: string; trace: string; camera: string }>();
  const nc = await connect(natsOptions(server.url));
  t.after(() => nc.close());
  nc.subscribe(subjects.detections, {
    max: 1,
    callback: (_, message) =>
      seen.resolve({
        text: message.string(),
        trace: message.headers?.get('Trace-Id') ?? '',
        camera: message.headers?.get('Camera-Id') ?? '',
      }),
  });
  await nc.flush();
  const frame = detection(1);
  await publish(frame);
  const { text, trace, camera } = await seen.promise;
  assert.deepEqual([JSON.parse(text), trace, camera], [frame, frame.traceId, frame.cameraId]);

  const consumer = await generator();
  const [delivery, ...more] = await fetched(consumer, 1);
  assert.equal(more.length, 0);
  assert.deepEqual(delivery?.body, frame);
  assert.equal(delivery?.attempt, 1);
  delivery?.ack();
  assert.deepEqual(await consumer.fetch(10, 50), []);
});

test('the same id twice is one message', async () => {
  const frame = detection(0);
  await publish(frame);
  await publish(frame);
  const consumer = await generator();
  const got = await fetched(consumer, 1);
  for (const each of got) each.ack();
  assert.equal(got.length, 1);
  assert.deepEqual(await consumer.fetch(10, 50), []);
});

test('a fetch on an empty consumer wakes up with the first message', async () => {
  const consumer = await generator();
  const waiting = consumer.fetch(10, 30_000);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const frame = detection(0);
  await publish(frame);
  const [delivery] = await waiting;
  assert.equal(delivery?.body.requestId, frame.requestId);
  delivery?.ack();
});

test('what is acked right before the connection is closed stays acked', async () => {
  for (let each = 0; each < 5; each += 1) await publish(detection(0));
  const leaving = await NatsBus.open({ url: server.url, startTimeoutMs: 30_000, log });
  const consumer = await leaving.pull({
    stream: streams.detections,
    durable: consumers.taskGenerator,
    parser: Detection,
  });
  const got = await fetched(consumer, 5);
  for (const delivery of got) delivery.ack();
  await leaving.close();
  const staying = await generator();
  await until('nothing is open', async () => (await staying.lag()).unsettled === 0);
});

test('a handed back message comes again, counted; lag tells what waits', async () => {
  const frame = detection(0);
  await publish(frame);
  const consumer = await generator();
  const [first] = await fetched(consumer, 1);
  assert.deepEqual(await consumer.lag(), { waiting: 0, unsettled: 1 });
  first?.nak(50);
  const [second] = await fetched(consumer, 1);
  assert.equal(second?.attempt, 2);
  second?.ack();
});

test('a body that does not parse is given up, counted and logged, and does not stop the others', async () => {
  const bad = detection(0, { cameraId: 'cam-bad' });
  await bus.publish(subjects.detection('cam-bad'), { nonsense: true }, traceOf(bad), 'bad-1');
  const good = detection(0);
  await publish(good);
  const consumer = await generator();
  const got = await fetched(consumer, 1);
  for (const each of got) each.ack();
  assert.deepEqual(
    got.map((each) => each.body.requestId),
    [good.requestId],
  );
  assert.deepEqual(await consumer.fetch(10, 50), []);
  assert.ok(bus.counters.badBodies >= 1);
  assert.ok(log.lines.some((line) => line.level === 'error' && line.fields['subject'] === 'detection-results.cam-bad'));
});

test('images are stored once and read by their id; one too large or unknown is told apart', async () => {
  const images = new JetStreamImages(bus);
  const { requestId } = detection(0);
  const jpeg = new Uint8Array([0xff, 0xd8, 1, 2, 3]);
  await images.put(`${requestId}.g1`, jpeg, 'north');
  assert.deepEqual(new Uint8Array((await images.get(`${requestId}.g1`)) ?? []), jpeg);
  assert.equal((await images.findStored(`${requestId}.g1`))?.cameraId, 'north');
  assert.equal(await images.get(`${requestId}.g2`), null);
  await assert.rejects(images.put(`${requestId}.frame`, new Uint8Array(950_000), 'north'), { code: 'IMAGE_TOO_LARGE' });
});

test('images that are not stored are asked for, and reach their readers when they are stored', async (t) => {
  const images = new JetStreamImages(bus);
  const ids = [1, 2].map((group) => cropImageId(newRequestId(), group));
  const made = new Uint8Array([0xff, 0xd8]);
  // Another node makes them.
  const wanted: (readonly string[])[] = [];
  const unsubscribe = bus.subscribe(subjects.picturesWanted, PicturesWanted, ({ imageIds }) => {
    wanted.push(imageIds);
    for (const id of imageIds.slice(0, wanted.length)) void images.put(id, made, 'north');
  });
  t.after(unsubscribe);
  const [first, second] = images.getAll(ids);
  assert.deepEqual(new Uint8Array((await first) ?? []), made);
  assert.deepEqual(wanted, [ids], 'in one message');
  assert.deepEqual(new Uint8Array((await second) ?? []), made);
  assert.deepEqual(wanted.slice(1), [[ids[1]]], 'once more, as the second one did not come');
  assert.deepEqual(new Uint8Array((await images.get(ids[0]!)) ?? []), made);
  assert.equal(wanted.length, 2, 'a stored one is not asked for');
});

test('a reader of an image can leave before it is stored', async () => {
  const images = new JetStreamImages(bus);
  const stopped = images.get(cropImageId(newRequestId(), 1), AbortSignal.timeout(100));
  await assert.rejects(stopped, { name: 'TimeoutError' });
});

test('each role is a micro service that answers its stats', async (t) => {
  const stop = await registerRoles(
    bus,
    '0.1.0',
    [{ name: 'scheduler', description: 'Calls the model', stats: async () => ({ inFlight: 3 }) }],
    log,
  );
  t.after(() => stop());
  const nc = await connect(natsOptions(server.url));
  t.after(() => nc.close());
  const client = nc.services.client({ strategy: RequestStrategy.JitterTimer, maxWait: 500 });
  // Those that answer later than that are not found.
  const found = await until('a service', async () => {
    const names: string[] = [];
    for await (const { name } of await client.info()) names.push(name);
    return names.length > 0 && names;
  });
  assert.deepEqual(found, ['gantry-scheduler']);
  const reply = await nc.request('gantry.scheduler.stats', '', { timeout: 30_000 });
  assert.deepEqual(reply.json(), { inFlight: 3 });
});

test('while the server is down publishing is refused at once, and goes on by itself when it is back', async (t) => {
  // Nobody starts it again before we do.
  const own = await ownNats(t, '');
  const link = await NatsBus.open({ url: `nats://127.0.0.1:${own.port}`, startTimeoutMs: 30_000, log });
  t.after(() => link.close());
  const consumer = await link.pull({
    stream: streams.detections,
    durable: consumers.taskGenerator,
    parser: Detection,
  });
  const send = (frame: Detection) =>
    link.publish(subjects.detection(frame.cameraId), frame, traceOf(frame), frame.requestId);
  await own.kill();
  await until('the link notices', () => link.state() === 'reconnecting');
  await assert.rejects(send(detection(0)), { code: 'BUS_DOWN' });
  await assert.rejects(consumer.fetch(1, 1_000), { code: 'BUS_DOWN' });
  await own.start('');
  await until('reconnected', () => link.state() === 'connected');
  const frame = detection(0);
  await until('published', () =>
    send(frame).then(
      () => true,
      () => false,
    ),
  );
  const [delivery] = await fetched(consumer, 1);
  assert.equal(delivery?.body.requestId, frame.requestId);
  delivery?.ack();
});

test('a server without JetStream is waited for, then given up with a message that says what to do', async (t) => {
  const port = await freePort('127.0.0.1');
  const { path } = await findNatsServer();
  const bare = spawn(path, ['--addr', '127.0.0.1', '--port', String(port)], { stdio: 'ignore' });
  t.after(() => bare.kill('SIGKILL'));
  const reachable = { host: '127.0.0.1', port, send: '', isReady: (answer: string) => answer.includes('INFO') };
  await untilAnswers(reachable, AbortSignal.timeout(30_000));
  await assert.rejects(NatsBus.open({ url: `nats://127.0.0.1:${port}`, startTimeoutMs: 1_500, log }), (error: Error) =>
    /has no JetStream: start it with --jetstream/.test(error.message),
  );
  assert.ok(log.lines.some(({ message }) => message.startsWith('waiting for JetStream: NATS at ')));
});

test('a server that never answers is given up with a message that says what to do', async () => {
  await assert.rejects(
    NatsBus.open({ url: 'nats://user:pw@127.0.0.1:9', startTimeoutMs: 600, log }),
    (error: Error) =>
      /NATS at .* did not answer within 600 ms.*NATS_URL/.test(error.message) && !error.message.includes('pw@'),
  );
});
