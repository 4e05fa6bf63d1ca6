import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { AlertHistory } from '../../src/infra/alert-history.ts';
import { RedisStore } from '../../src/infra/redis/store.ts';
import { Aggregate, PushedAggregate } from '../../src/messages/aggregate.ts';
import type { AssessmentResult, RiskLevel } from '../../src/messages/assessment.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { streams } from '../../src/messages/subjects.ts';
import { ensureRedisServer } from '../../src/provision/redis-packages.ts';
import type { ActorSystem } from '../../src/runtime/system.ts';
import { allOf, sendDetection, sendResult, startAggregator, startBus } from '../support/aggregator.ts';
import { memoryLog } from '../support/log.ts';
import { ownRedis } from '../support/own-servers.ts';
import { detection, result } from '../support/samples.ts';
import { until } from '../support/until.ts';

const available = (await ensureRedisServer()).binary !== null;
const options = available ? {} : { skip: 'there is no real redis-server on this machine' };

let world: Awaited<ReturnType<typeof startBus>>;
let server: EmbeddedService;
let store: RedisStore;
let reader: Redis;
let system: ActorSystem;
const pushed: PushedAggregate[] = [];

before(async () => {
  if (!available) return;
  world = await startBus();
  server = await startRedisServer({ dataDir: join(world.folder, 'redis'), log: memoryLog() });
  store = await RedisStore.open({ url: server.url, log: memoryLog(), durable: true, notice: null });
  reader = new Redis(server.url);
  reader.on('error', () => undefined);
  await store.follow((aggregate) => pushed.push(aggregate));
  system = await startAggregator(world.bus, { redis: store });
});
after(async () => {
  if (!available) return;
  await system.stop();
  reader.disconnect();
  store.close();
  await server.stop();
  await world.stop();
});

let clock = Date.now();
const fresh = (cameraId: string): Detection =>
  detection(1, { cameraId, timestamp: new Date((clock += 100)).toISOString() });
const judge = async (frame: Detection, level: RiskLevel): Promise<void> => {
  const answer: AssessmentResult = result(frame, 1, level);
  await sendDetection(world.bus, frame);
  await sendResult(world.bus, answer);
};
const listed = async (cameraId: string): Promise<Aggregate[]> =>
  (await reader.lrange(`alerts:${cameraId}`, 0, -1)).map((json) => Aggregate.parse(JSON.parse(json)));
const history = async (cameraId: string): Promise<readonly Aggregate[]> =>
  new AlertHistory(world.bus).newest(cameraId, 100);
/** So many frames are out with the answer of the model. */
const published = async (cameraId: string, count: number): Promise<void> => {
  await until(`${count} frames of ${cameraId}`, async () => {
    const all = (await allOf(world.bus, streams.aggregates)).filter((each) => each.cameraId === cameraId);
    const answered = all.filter(({ riskAssessment: { results } }) => results.every(({ carried }) => carried !== true));
    const frames = answered.filter(({ riskAssessment: { source } }) => source === 'vlm');
    return new Set(frames.map(({ requestId }) => requestId)).size === count;
  });
};
const latest = async (cameraId: string): Promise<string | undefined> => {
  const json = await reader.get(`camera:${cameraId}:latest`);
  return json === null ? undefined : PushedAggregate.parse(JSON.parse(json)).requestId;
};
/** Redis has what the history has, nothing twice, and the newest frame. */
async function agrees(cameraId: string, newest: Detection, alerts: number): Promise<void> {
  await until(`the history of ${cameraId}`, async () => (await history(cameraId)).length === alerts);
  await until(`the alerts of ${cameraId}`, async () => (await listed(cameraId).catch(() => [])).length === alerts);
  assert.deepEqual(await listed(cameraId), await history(cameraId));
  await until(`the newest of ${cameraId}`, async () => (await latest(cameraId)) === newest.requestId);
}

test(
  'a frame is pushed with its place in the stream, kept as the newest, and its detection beside it',
  options,
  async () => {
    const frame = fresh('plain');
    await judge(frame, 'high');
    await agrees('plain', frame, 1);
    const [message] = await until('the push', () => pushed.filter(({ cameraId }) => cameraId === 'plain'));
    assert.equal(message?.offset, 1);
    const ttls = await Promise.all([reader.ttl('camera:plain:latest'), reader.ttl(`detection:${frame.requestId}`)]);
    for (const ttl of ttls) assert.ok(ttl > 200 && ttl <= 300, `${ttl} s`);
  },
);

test(
  'while Redis is dead everything goes out over NATS; when it is back the alerts are those of the history',
  options,
  async () => {
    const earlier = fresh('dead');
    await judge(earlier, 'high');
    await agrees('dead', earlier, 1);
    const pid = server.pid();
    assert.ok(pid);
    process.kill(pid, 'SIGKILL');
    await until('it is noticed', () => store.health().state !== 'connected');
    const frames = Array.from({ length: 6 }, () => fresh('dead'));
    for (const [index, frame] of frames.entries()) await judge(frame, index % 2 === 0 ? 'high' : 'low');
    await published('dead', 7);
    await until('it is back', () => store.health().state === 'connected');
    await agrees('dead', frames.at(-1)!, 4);
  },
);

test('while Redis hangs nothing else does, and what it did late is not done twice', options, async () => {
  const pid = server.pid();
  assert.ok(pid);
  process.kill(pid, 'SIGSTOP');
  const frames = Array.from({ length: 6 }, () => fresh('hung'));
  try {
    for (const frame of frames) await judge(frame, 'high');
    await published('hung', 6);
    await until('it is given up', () => store.health().state !== 'connected');
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await agrees('hung', frames.at(-1)!, 6);
});

test('a Redis that comes back empty gets its alerts again', options, async () => {
  const frames = Array.from({ length: 3 }, () => fresh('empty'));
  for (const frame of frames) await judge(frame, 'high');
  await agrees('empty', frames.at(-1)!, 3);
  await reader.flushall();
  const pid = server.pid();
  assert.ok(pid);
  process.kill(pid, 'SIGKILL');
  await until('it is noticed', () => store.health().state !== 'connected');
  await until('the alerts are there again', async () => (await listed('empty').catch(() => [])).length === 3);
  assert.deepEqual(await listed('empty'), await history('empty'));
});

test('a start without Redis works the same; when Redis comes it gets what it missed', options, async (t) => {
  // Of an operator: its login is the same after a restart.
  const late = await ownRedis(t, '');
  assert.ok(late !== null);
  await late.kill();
  await system.stop();
  const url = `redis://127.0.0.1:${late.port}`;
  const away = await RedisStore.open({ url, log: memoryLog(), durable: true, notice: null });
  t.after(() => away.close());
  const without = await startAggregator(world.bus, { redis: away });
  t.after(() => without.stop());
  const frames = [fresh('late'), fresh('late')];
  for (const frame of frames) await judge(frame, 'high');
  await published('late', 2);
  await late.start('');
  await until('the alerts are there', async () => (await away.alerts('late', 100).catch(() => [])).length === 2);
  await until(
    'the newest is there',
    async () => (await away.latest('late').catch(() => null))?.requestId === frames[1]?.requestId,
  );
  assert.deepEqual(await away.alerts('late', 100), await history('late'));
});
