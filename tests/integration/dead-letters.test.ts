import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { deadLetterNotices } from '../../src/app/dead-letter-port.ts';
import { again, momentOf } from '../../src/cli/replay.ts';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import type { Delivery } from '../../src/infra/bus.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { DeadLetterBox } from '../../src/infra/nats/dead-letter-box.ts';
import { Detection } from '../../src/messages/detection.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { consumers, streams, subjects } from '../../src/messages/subjects.ts';
import { fetched } from '../support/fetched.ts';
import { gantryWith, type Ran } from '../support/gantry-here.ts';
import { memoryLog } from '../support/log.ts';
import { detection } from '../support/samples.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const log = memoryLog();
let folder: string;
let server: EmbeddedService;
let bus: NatsBus;
let box: DeadLetterBox;

before(async () => {
  folder = temporaryFolder();
  server = await startNatsServer({ dataDir: folder, log });
  bus = await NatsBus.open({ url: server.url, startTimeoutMs: 30_000, log });
  box = new DeadLetterBox(bus.link);
});
after(async () => {
  await bus.close();
  await server.stop();
});

const publish = (frame: Detection) => bus.publish(subjects.detection(frame.cameraId), frame, frame, frame.requestId);
const pulled = () => bus.pull({ stream: streams.detections, durable: consumers.taskGenerator, parser: Detection });
const take = async (): Promise<readonly Delivery<Detection>[]> => (await pulled()).fetch(10, 500);
const taken = async (): Promise<readonly Delivery<Detection>[]> => fetched(await pulled(), 1);
const some = <T>(list: readonly T[]): readonly T[] | null => (list.length > 0 ? list : null);
const gantry = (...args: string[]): Promise<Ran> =>
  gantryWith({ GANTRY_DATA_DIR: folder, NATS_URL: server.url }, ...args);

test('without dead letters health has nothing to say', async () => {
  assert.deepEqual(await deadLetterNotices(box, Date.now(), log), []);
  assert.deepEqual(await box.list({ limit: 10 }), []);
});

test('a message that cannot be read becomes a dead letter with its bytes, its headers and the reason', async () => {
  const frame = detection(1, { cameraId: 'cam-bad' });
  const body = { requestId: 'not one', escape: '\u001b[2J' };
  await bus.publish(subjects.detection('cam-bad'), body, frame, 'bad-1');
  assert.deepEqual(await take(), []);
  const [letter, ...more] = await until('a dead letter', async () => some(await box.list({ limit: 10 })));
  assert.equal(more.length, 0);
  assert.ok(letter);
  assert.deepEqual(
    {
      stream: letter.stream,
      consumer: letter.consumer,
      subject: letter.subject,
      deliveries: letter.deliveries,
      cameraId: letter.cameraId,
      requestId: letter.requestId,
      traceId: letter.traceId,
    },
    {
      stream: streams.detections,
      consumer: consumers.taskGenerator,
      subject: 'detection-results.cam-bad',
      deliveries: 1,
      cameraId: 'cam-bad',
      requestId: frame.requestId,
      traceId: frame.traceId,
    },
  );
  assert.match(letter.reason, /^the body cannot be used: .*invalid/i);
  const whole = await box.get(letter.id);
  assert.deepEqual(JSON.parse(Buffer.from(whole?.body ?? []).toString('utf8')), body);
  assert.equal(whole?.headers['Nats-Msg-Id'], 'bad-1');
  assert.deepEqual(bus.deadLetters(), [{ stream: streams.detections, consumer: consumers.taskGenerator, total: 1 }]);
  const [notice] = await deadLetterNotices(box, Date.now(), log);
  assert.match(notice ?? '', /given up within the last hour.*npm run gantry -- dlq list/);
  assert.deepEqual(await deadLetterNotices(box, Date.now() + 3_700_000, log), []);
  assert.deepEqual(await take(), []);
});

test('a message that fails every time is a dead letter after ten deliveries, not handled once more', async () => {
  const frame = detection(1, { cameraId: 'cam-poison' });
  await publish(frame);
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    const [delivery] = await taken();
    assert.equal(delivery?.attempt, attempt);
    delivery?.nak(0);
  }
  const letter = await until('a dead letter', async () => {
    assert.deepEqual(await take(), []);
    return (await box.list({ limit: 10, stream: streams.detections })).find(
      ({ cameraId }) => cameraId === 'cam-poison',
    );
  });
  assert.equal(letter.reason, 'delivered 10 times without success');
});

test("whoever takes a message may give it up with a reason; another stream's are told apart", async () => {
  const frame = detection(1, { cameraId: 'cam-given-up' });
  await publish(frame);
  const [delivery] = await taken();
  await delivery?.deadLetter('three\nlines\nlong');
  const [newest] = await box.list({ limit: 1 });
  assert.deepEqual(
    { cameraId: newest?.cameraId, reason: newest?.reason },
    { cameraId: 'cam-given-up', reason: 'three lines long' },
  );
  assert.deepEqual(await box.list({ limit: 10, stream: streams.tasks }), []);
  assert.deepEqual(await take(), []);
});

test('the command lists, shows and replays them', async () => {
  const listed = await gantry('dlq', 'list');
  assert.equal(listed.code, 0, listed.err);
  const rows = listed.out.trimEnd().split('\n');
  assert.match(rows[0] ?? '', /^id +when +stream +consumer +camera +request +deliveries +reason$/);
  assert.deepEqual(
    rows.slice(1).map((row) => row.split(/ {2,}/)[4]),
    ['cam-given-up', 'cam-poison', 'cam-bad'],
  );
  const [bad, , given] = (await box.list({ limit: 10 })).toReversed();
  assert.ok(bad && given);

  const shown = await gantry('dlq', 'show', String(bad.id));
  assert.match(shown.out, /header +Trace-Id: a{32}/);
  assert.match(shown.out, /"requestId": "not one"/);
  assert.ok(!shown.out.includes('\u001b'));

  const replayed = await gantry('dlq', 'replay', String(given.id));
  assert.equal(replayed.code, 0, replayed.err);
  const [delivery] = await taken();
  assert.equal(delivery?.body.cameraId, 'cam-given-up');
  delivery?.ack();
  assert.equal(await box.get(given.id), null);
  assert.equal((await gantry('dlq', 'show', String(given.id))).code, 1);

  const all = await gantry('dlq', 'replay', '--all', '--stream', 'detections');
  assert.equal(all.code, 0, all.err);
  const got = await until('the poisoned one', async () =>
    (await take()).find(({ body }) => body.cameraId === 'cam-poison'),
  );
  assert.equal(got.attempt, 1);
  got.ack();
  // The unreadable one could not be read this time either.
  const left = await until('given up again', async () => {
    await take();
    return some(await box.list({ limit: 10 }));
  });
  assert.equal(left.length, 1);
  assert.deepEqual(
    { cameraId: left[0]?.cameraId, sameLetter: left[0]?.id === bad.id },
    { cameraId: 'cam-bad', sameLetter: false },
  );
});

test('bad calls of the commands say what is wrong', async () => {
  for (const [args, why] of [
    [['dlq'], /list, show or replay/],
    [['dlq', 'show', 'x'], /"x" is not the id/],
    [['dlq', 'replay'], /name the ids of dead letters, or --all/],
    [['replay'], /--since is needed/],
    [['replay', '--since', 'yesterday'], /neither a time nor a duration/],
    [['replay', '--since', '1h', '--camera', 'a b'], /not the id of a camera/],
  ] as const) {
    const { code, err } = await gantry(...args);
    assert.equal(code, 2);
    assert.match(err, why);
  }
});

test('frames of the past are put to the bus again as frames of their own, once each', async () => {
  const camera = 'cam-past';
  const frames = [
    detection(2, { cameraId: camera, frameNumber: 1 }),
    detection(0, { cameraId: camera, frameNumber: 2 }),
    detection(1, { cameraId: camera, frameNumber: 3 }),
    detection(1, { cameraId: 'cam-other' }),
  ];
  for (const frame of frames) await publish(frame);
  const dry = await gantry('replay', '--since', '1h', '--camera', camera, '--dry-run');
  assert.match(dry.out, /^2 frames with 3 groups of 1 cameras would be assessed again/);
  const { code, out, err } = await gantry('replay', '--since', '1h', '--camera', camera, '--rate', '1000');
  assert.equal(code, 0, err);
  assert.match(out, /^2 frames with 3 groups of 1 cameras are being assessed again \(replay [0-9a-f-]{36}\)/);
  // What a replay put there is not put there by the next one.
  assert.match((await gantry('replay', '--since', '1h', '--camera', camera, '--rate', '1000')).out, /^2 frames/);
  const stored = await bus.read({
    stream: streams.detections,
    filter: subjects.detection(camera),
    parser: Detection,
    from: { seq: 1 },
    limit: 100,
  });
  const news = stored.map(({ body }) => body).filter(({ replayOf }) => replayOf !== undefined);
  assert.deepEqual(
    news.map(({ replayOf, frameNumber }) => [replayOf, frameNumber]),
    [frames[0], frames[2], frames[0], frames[2]].map((frame) => [frame?.requestId, frame?.frameNumber]),
  );
  assert.equal(new Set(news.map(({ requestId }) => requestId)).size, 4);
  assert.equal(news[0]?.timestamp, frames[0]?.timestamp);
});

test('the id of a replayed frame follows from the frame and the replay', () => {
  const frame = detection(1);
  const replay = newRequestId();
  assert.equal(again(frame, replay).requestId, again(frame, replay).requestId);
  assert.notEqual(again(frame, replay).requestId, again(frame, newRequestId()).requestId);
  assert.notEqual(again(frame, replay).requestId, again(detection(1), replay).requestId);
  for (let i = 0; i < 200; i += 1) Detection.parse(again(detection(0), newRequestId()));
  const now = Date.parse('2026-01-31T08:00:00Z');
  assert.deepEqual(
    ['90s', '1.5m', '2h', '2026-01-31T07:00:00Z', '5', 'soon', ''].map((text) => momentOf(text, now)),
    [now - 90_000, now - 90_000, now - 7_200_000, now - 3_600_000, null, null, null],
  );
});
