import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { connect, nanos } from 'nats';
import { AGGREGATOR } from '../../src/actors/aggregator.ts';
import { ANY_BODY } from '../../src/infra/bus.ts';
import { DeadLetterBox } from '../../src/infra/nats/dead-letter-box.ts';
import { AssessmentResult } from '../../src/messages/assessment.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { consumers, streams } from '../../src/messages/subjects.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import type { ActorSystem } from '../../src/runtime/system.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { DEFAULT_FRESHNESS } from '../../src/tasks/freshness.ts';
import { lines } from '../support/aggregation.ts';
import {
  aggregatesOf,
  allOf,
  breakingOnce,
  sendDetection,
  sendResult,
  startAggregator,
  startBus,
} from '../support/aggregator.ts';
import { detection, result } from '../support/samples.ts';
import { until } from '../support/until.ts';

let world: Awaited<ReturnType<typeof startBus>>;
before(async () => {
  world = await startBus();
});
after(() => world.stop());

let cameras = 0;
/** A frame of now, of a camera of its own. */
const fresh = (groups: number, over: Partial<Detection> = {}) =>
  detection(groups, { timestamp: new Date().toISOString(), cameraId: `cam-${(cameras += 1)}`, ...over });
/** Frames wait for their answers so long. */
const freshFor = (freshnessMs: number) => ({ freshness: { ...DEFAULT_FRESHNESS, freshnessMs } });
/** The newest revision of a frame, by its groups; null when it is not out. The revisions are numbered without gaps. */
async function newest(frame: Detection): Promise<string[] | null> {
  const all = await aggregatesOf(world.bus, frame);
  assert.deepEqual(
    all.map(({ revision }) => revision),
    all.map((_, index) => index),
  );
  const last = all.at(-1);
  return last === undefined ? null : lines(last);
}
const shows = (frame: Detection, expected: readonly string[]) =>
  until(`${expected.join(', ')} of ${frame.cameraId}`, async () => isDeepStrictEqual(await newest(frame), expected));
const statsOf = (system: ActorSystem) => system.ref(AGGREGATOR).ask({ type: 'stats' }, { timeoutMs: 30_000 });
const send = async (...messages: readonly (Detection | AssessmentResult)[]): Promise<void> => {
  for (const message of messages)
    await ('taskId' in message ? sendResult(world.bus, message) : sendDetection(world.bus, message));
};
const CONSUMED = [
  [streams.detections, consumers.aggregatorDetections],
  [streams.results, consumers.aggregatorResults],
] as const;
const unsettled = async (): Promise<number> => {
  const lags = await Promise.all(
    CONSUMED.map(async ([stream, durable]) => (await world.bus.pull({ stream, durable, parser: ANY_BODY })).lag()),
  );
  return lags.reduce((sum, { waiting, unsettled: held }) => sum + waiting + held, 0);
};
/** An ack that died with the server is due again after the ack wait of 10 s. */
const settled = () => until('everything is acked', async () => (await unsettled()) === 0, 25_000);

test('a frame goes out at once; its messages are acked when no answer is awaited any more', async (t) => {
  const system = await startAggregator(world.bus, freshFor(60_000));
  t.after(() => system.stop());
  const frame = fresh(2);
  await send(frame, result(frame, 1, 'low'));
  await until('both are held', async () => (await statsOf(system)).held === 2);
  await until('it is out', async () => (await aggregatesOf(world.bus, frame)).length === 1);
  assert.equal(await unsettled(), 2);
  await send(result(frame, 2, 'none'));
  await settled();
  assert.deepEqual(await newest(frame), ['low vlm', 'none vlm']);
  assert.equal((await aggregatesOf(world.bus, frame)).length, 2);
});

test('a frame waits as long as the settings say, and a change of them counts for the next one', async (t) => {
  const system = await startAggregator(world.bus, freshFor(60_000));
  t.after(() => system.stop());
  const [first, second] = [fresh(1), fresh(1)];
  await send(first);
  await shows(first, ['none rules pending']);
  system.ref(AGGREGATOR).tell({ type: 'configure', freshness: { ...DEFAULT_FRESHNESS, freshnessMs: 200 } });
  await send(second);
  await shows(second, ['none rules late']);
  assert.deepEqual(await newest(first), ['none rules pending']);
  await send(result(first, 1, 'low'));
  await settled();
  const { freshness, unanswered } = await statsOf(system);
  assert.deepEqual({ count: freshness.count, late: unanswered.late }, { count: 1, late: 1 });
  assert.ok(freshness.p95 !== null && freshness.p95 >= 0);
});

test('a verdict is carried to the next frame of the group, by another process, too', async (t) => {
  const first = await startAggregator(world.bus, freshFor(200));
  t.after(() => first.stop());
  const frame = fresh(1);
  await send(frame, result(frame, 1, 'high'));
  await shows(frame, ['high vlm']);
  await settled();
  await first.stop();
  const second = await startAggregator(world.bus, freshFor(200));
  t.after(() => second.stop());
  const next = fresh(1, { cameraId: frame.cameraId });
  await send(next);
  await shows(next, ['high carried late']);
  await settled();
  const alerts = await allOf(world.bus, streams.alerts);
  assert.deepEqual(
    alerts.filter(({ cameraId }) => cameraId === frame.cameraId).map(({ requestId }) => requestId),
    [frame.requestId],
  );
});

test('when the aggregator fails half-way, each frame still goes out once, and late answers revise', async (t) => {
  const frames = Array.from({ length: 12 }, () => fresh(2));
  const system = await startAggregator(breakingOnce(world.bus, frames[5]!), freshFor(1_500));
  t.after(() => system.stop());
  for (const frame of frames) await send(frame, result(frame, 1, 'low'));
  await until('it failed', () =>
    system.log.lines.some(
      ({ fields }) => JSON.stringify(fields).includes('sabotage') || String(fields['err']).includes('sabotage'),
    ),
  );
  for (const frame of frames.slice(0, 8)) await send(result(frame, 2, 'medium'));
  const last = frames.slice(8);
  for (const frame of last) await shows(frame, ['low vlm', 'none rules late']);
  for (const frame of last) await send(result(frame, 2, 'high'));
  await settled();
  for (const [index, frame] of frames.entries()) {
    assert.deepEqual(await newest(frame), ['low vlm', index < 8 ? 'medium vlm' : 'high vlm'], `frame ${index}`);
  }
  const ours = new Set(frames.map(({ requestId }) => requestId));
  const alerts = (await allOf(world.bus, streams.alerts)).map(({ requestId }) => requestId);
  assert.deepEqual(
    alerts.filter((requestId) => ours.has(requestId)).toSorted(),
    last.map(({ requestId }) => requestId).toSorted(),
  );
});

test('a frame that fails each time costs two restarts, then it is a dead letter; the others go out', async (t) => {
  const box = new DeadLetterBox(world.bus.link);
  const [poison, ...others] = [fresh(0, { cameraId: 'poison' }), fresh(0), fresh(0), fresh(0)];
  assert.ok(poison !== undefined);
  const system = await startAggregator(breakingOnce(world.bus, poison, Infinity), freshFor(1_500));
  t.after(() => system.stop());
  await send(poison, ...others);
  await settled();
  assert.equal(
    system.log.lines.filter(({ level, message }) => level === 'error' && message.includes('failed: sabotage')).length,
    2,
  );
  for (const frame of others) assert.equal((await aggregatesOf(world.bus, frame)).length, 1);
  const letters = await box.list({ limit: 10 });
  assert.deepEqual(
    letters.map(({ cameraId, consumer, reason }) => [cameraId, consumer, reason]),
    [['poison', consumers.aggregatorDetections, 'its handling failed 2 times: sabotage']],
  );
});

test('a frame from far in the future is held no longer than one of now and a minute', async (t) => {
  const clock = new ManualClock(Date.now());
  const system = await startAggregator(world.bus, { ...freshFor(200), clock });
  t.after(() => system.stop());
  const frame = fresh(1, { timestamp: '9999-12-31T23:59:59Z' });
  await send(frame);
  await shows(frame, ['none rules pending']);
  assert.equal((await statsOf(system)).pending, 1);
  await clock.advance(60_300);
  await settled();
  assert.deepEqual(await newest(frame), ['none rules late']);
});

test('a new process knows which frames went out: repeats change nothing, a late answer revises', async (t) => {
  const first = await startAggregator(world.bus, freshFor(200));
  const [incomplete, waiting] = [fresh(2), fresh(1, { timestamp: new Date(Date.now() + 60_000).toISOString() })];
  await send(incomplete, result(incomplete, 1, 'none'), waiting);
  await shows(incomplete, ['none vlm', 'none rules late']);
  await first.stop();
  await until('what waits for its answers was handed back, and no more', async () => (await unsettled()) === 1);

  const second = await startAggregator(world.bus, freshFor(200));
  t.after(() => second.stop());
  const latest = await until('it remembers', () =>
    second.ref(AGGREGATOR).ask({ type: 'latest', cameraId: incomplete.cameraId }, { timeoutMs: 30_000 }),
  );
  assert.ok(Date.parse(latest.timestamp) >= Date.parse(incomplete.timestamp));
  await send(result(incomplete, 2, 'medium'), result(waiting, 1, 'low'));
  await settled();
  assert.deepEqual(await newest(incomplete), ['none vlm', 'medium vlm']);
  assert.deepEqual(await newest(waiting), ['low vlm']);
  assert.equal((await aggregatesOf(world.bus, waiting)).length, 2);
});

test('when the process dies at any moment, the next takes over its frames, and nothing goes out twice', async (t) => {
  const nc = await connect(natsOptions(world.nats.url));
  t.after(() => nc.close());
  const jsm = await nc.jetstreamManager();
  const doomed = await world.connect();
  t.after(() => doomed.close());
  for (const [stream, durable] of CONSUMED) await jsm.consumers.update(stream, durable, { ack_wait: nanos(500) });
  const first = await startAggregator(doomed, freshFor(3_000));
  t.after(() => first.stop());
  const frames = Array.from({ length: 40 }, () => fresh(2));
  const sending = (async () => {
    for (const frame of frames) await send(frame, result(frame, 1, 'low'), result(frame, 2, 'high'));
  })();
  await until('it is in the middle of it', async () => (await statsOf(first)).published >= 10);
  await doomed.link.nc.close();
  await sending;
  const second = await startAggregator(world.bus, freshFor(3_000));
  t.after(() => second.stop());
  await settled();
  for (const frame of frames) {
    assert.deepEqual(await newest(frame), ['low vlm', 'high vlm']);
  }
  const alerts = new Set((await allOf(world.bus, streams.alerts)).map(({ requestId }) => requestId));
  assert.ok(frames.every(({ requestId }) => alerts.has(requestId)));
});

test('an answer whose detection never comes is a dead letter after a minute', async (t) => {
  const clock = new ManualClock(Date.now());
  const system = await startAggregator(world.bus, { clock });
  t.after(() => system.stop());
  const frame = fresh(1);
  await send(result(frame, 1, 'low'));
  await until('it is held', async () => (await statsOf(system)).held === 1);
  await clock.advance(63_000);
  const [letter] = await until('the dead letter', async () => {
    const letters = await world.bus.read({
      stream: streams.deadLetters,
      parser: AssessmentResult,
      from: { seq: 1 },
      limit: 10,
    });
    return letters.length > 0 ? letters : null;
  });
  assert.equal(letter?.body.requestId, frame.requestId);
  await settled();
  assert.equal((await statsOf(system)).orphans, 1);
});

test('while NATS is dead aggregates wait, and each goes out once when it is back', async (t) => {
  const system = await startAggregator(world.bus, freshFor(60_000));
  t.after(() => system.stop());
  const frames = Array.from({ length: 30 }, () => fresh(1));
  for (const frame of frames) await send(frame);
  await until('all are held', async () => (await statsOf(system)).pending === 30);
  const answers = frames.map((frame) => result(frame, 1, 'medium'));
  for (const answer of answers.slice(0, 20)) await send(answer);
  const pid = world.nats.pid();
  assert.ok(pid);
  process.kill(pid, 'SIGKILL');
  await until('it is noticed', () => world.bus.state() === 'reconnecting');
  await until('it is back', () => world.bus.state() === 'connected');
  for (const answer of answers.slice(20))
    await until('it is sent', () =>
      send(answer).then(
        () => true,
        () => false,
      ),
    );
  await until('the streams can be read', () =>
    unsettled().then(
      () => true,
      () => false,
    ),
  );
  await settled();
  for (const frame of frames) {
    assert.deepEqual(await newest(frame), ['medium vlm']);
    assert.equal((await aggregatesOf(world.bus, frame)).length, 2);
  }
});

test('an aggregator takes nothing before its turn, and lets go of everything when it loses its turn', async (t) => {
  const turn = Promise.withResolvers<void>();
  const lost = new AbortController();
  let terms = 0;
  const leadership = {
    acquire: async () => {
      terms += 1;
      await turn.promise;
      return { lost: terms === 1 ? lost.signal : new AbortController().signal, release: () => Promise.resolve() };
    },
  };
  const system = await startAggregator(world.bus, { leadership, ...freshFor(60_000) });
  t.after(() => system.stop());
  const frame = fresh(1);
  await send(frame);
  assert.equal((await statsOf(system)).held, 0);
  turn.resolve();
  await until('it takes the frame', async () => (await statsOf(system)).held > 0);
  lost.abort(new Error('another one has it'));
  await until('it asks for its next turn', () => terms === 2);
  await send(result(frame, 1, 'low'));
  await shows(frame, ['low vlm']);
});
