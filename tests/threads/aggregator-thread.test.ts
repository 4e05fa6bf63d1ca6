import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { AGGREGATOR, aggregatorActor } from '../../src/actors/aggregator.ts';
import type { AggregatorInit } from '../../src/actors/aggregator/aggregator.types.ts';
import { aggregatorView } from '../../src/app/aggregator-view.ts';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { JetStreamLocks } from '../../src/infra/nats/locks.ts';
import { RedisStore } from '../../src/infra/redis/store.ts';
import type { PushedAggregate } from '../../src/messages/aggregate.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { WebhookJob } from '../../src/messages/webhook.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { type ActorSystem, startSystem } from '../../src/runtime/system.ts';
import { DEFAULT_FRESHNESS } from '../../src/tasks/freshness.ts';
import { lines } from '../support/aggregation.ts';
import { aggregatesOf, sendDetection, sendResult, startBus } from '../support/aggregator.ts';
import { memoryLog } from '../support/log.ts';
import { detection, result } from '../support/samples.ts';
import { until } from '../support/until.ts';

const HOOK = 'http://127.0.0.1:9/hook';
const ASK = { timeoutMs: 30_000 };

let world: Awaited<ReturnType<typeof startBus>>;
let redis: EmbeddedService;
let store: RedisStore;
let system: ActorSystem;
const log = memoryLog();
const pushed: PushedAggregate[] = [];
const metrics = createMetrics({ log, process: false });

const initOf = (holder: string): AggregatorInit => ({
  natsUrl: world.nats.url,
  redisUrl: redis.url,
  holder,
  language: 'en',
  freshness: { ...DEFAULT_FRESHNESS, freshnessMs: 60_000 },
  alertHooks: [HOOK],
});
const start = (holder: string): Promise<ActorSystem> =>
  startSystem(
    supervisor('root', [
      child('aggregator', aggregatorActor, () => initOf(holder), {
        placement: { kind: 'thread' },
        backoff: { minMs: 10, maxMs: 50 },
      }),
    ]),
    { log, metrics: metrics.sink, onEscalation: (error) => assert.fail(error) },
  );

before(async () => {
  world = await startBus();
  redis = await startRedisServer({ dataDir: join(world.folder, 'redis'), log: memoryLog() });
  store = await RedisStore.open({ url: redis.url, log: memoryLog(), durable: true, notice: null });
  await store.follow((aggregate) => pushed.push(aggregate));
  system = await start('one');
});
after(async () => {
  await system.stop();
  store.close();
  await redis.stop();
  await world.stop();
});

let cameras = 0;
/** A frame of now, of a camera of its own. */
const fresh = (): Detection => detection(1, { timestamp: new Date().toISOString(), cameraId: `cam-${(cameras += 1)}` });
const stats = () => system.ref(AGGREGATOR).ask({ type: 'stats' }, ASK);
/** The newest revision of a frame, by its groups. The revisions are numbered without gaps. */
const out = async (frame: Detection): Promise<string[]> => {
  const all = await aggregatesOf(world.bus, frame);
  assert.deepEqual(
    all.map(({ revision }) => revision),
    all.map((_, index) => index),
  );
  const last = all.at(-1);
  return last === undefined ? [] : lines(last);
};
const aggregatorIn = (of: ActorSystem) => {
  const root = of.snapshot();
  const found = root.type === 'supervisor' ? root.children.find(({ path }) => path === '/aggregator') : undefined;
  assert.ok(found?.type === 'actor');
  return found;
};

describe('the aggregator in its thread', () => {
  it('makes one aggregate of a frame, to the stream, to Redis and to those who ask', async () => {
    const frame = fresh();
    await sendDetection(world.bus, frame);
    await sendResult(world.bus, result(frame, 1, 'low'));
    const found = await until(
      'it is pushed',
      () =>
        pushed.find(
          ({ requestId, riskAssessment }) => requestId === frame.requestId && riskAssessment.source === 'vlm',
        ) ?? null,
    );
    assert.equal(found.riskAssessment.maxRiskLevel, 'low');
    assert.deepEqual(await out(frame), ['low vlm']);
    const latest = await system.ref(AGGREGATOR).ask({ type: 'latest', cameraId: frame.cameraId }, ASK);
    assert.equal(latest?.requestId, frame.requestId);
    assert.equal((await store.latest(frame.cameraId))?.requestId, frame.requestId);
  });

  it('has the hooks called with an alert', async () => {
    const frame = fresh();
    await sendDetection(world.bus, frame);
    await sendResult(world.bus, result(frame, 1, 'high'));
    const job = await until('the call is asked for', () =>
      world.bus.last({ stream: streams.webhooks, subject: subjects.webhook('alert'), parser: WebhookJob }),
    );
    assert.deepEqual(
      { url: job.body.url, namesFrame: job.body.id.includes(frame.requestId) },
      { url: HOOK, namesFrame: true },
    );
  });

  it('records what it measured, each thing once, and shows in the tree how it stands', async () => {
    const shows = async (line: string) => (await metrics.render()).includes(`${line}\n`);
    await until('both verdicts are recorded', () => shows('verdict_age_seconds_count 2'));
    assert.ok(await shows('end_to_end_latency_seconds_count 2'), 'the first publication of each frame');
    assert.match(await metrics.render(), /^redis_push_seconds_count [234]$/mu);
    assert.ok(await shows('lock_wait_seconds_count 1'));
    assert.ok((await shows('verdicts_total 2')) && (await shows('verdicts_late_total 0')));
    const alerts = async () => (await metrics.totals('risk_alerts_total', { by: 'risk_level' })).get('high') ?? 0;
    await until('the alert is counted', async () => (await alerts()) === 1);
    assert.match(await metrics.render('openmetrics'), /^verdict_age_seconds_bucket.* # \{trace_id="[0-9a-f]{32}"\} /mu);
    const by = async (name: 'nats_messages_sent_total' | 'stage_cpu_seconds_total', label: string, value: string) =>
      (await metrics.totals(name, { by: label })).get(value) ?? 0;
    const aggregates = () => by('nats_messages_sent_total', 'topic', 'aggregates');
    await until('the messages are counted', async () => (await aggregates()) >= 2);
    assert.ok((await by('stage_cpu_seconds_total', 'stage', 'aggregator')) > 0);
    assert.ok(await shows('queue_depth{queue="cache"} 0'));
    assert.deepEqual(aggregatorView(system.snapshot()), { leading: true, failedWrites: 0 });
    await until('the tree shows it', () => aggregatorIn(system).detail['published'] === 2);
    assert.equal(aggregatorIn(system).placement, 'thread');
  });

  it('goes on in another thread with what it held: each frame is out with its answer', async () => {
    const [done, open] = [fresh(), fresh()];
    await sendDetection(world.bus, done);
    await sendResult(world.bus, result(done, 1, 'medium'));
    await sendDetection(world.bus, open);
    await until(
      'one has its answer, one is held',
      async () => (await out(done)).join() === 'medium vlm' && (await stats()).held === 1,
    );
    await system.restart('/aggregator');
    await sendResult(world.bus, result(open, 1, 'low'));
    await until('the other has its answer', async () => (await out(open)).join() === 'low vlm', 60_000);
    assert.deepEqual(await out(done), ['medium vlm']);
    await until('nothing is held', async () => (await stats()).held === 0);
    assert.ok(aggregatorIn(system).restarts >= 1);
  });

  it('starts without NATS and goes on when it is there', async () => {
    process.kill(world.nats.pid() ?? assert.fail('no nats-server'), 'SIGSTOP');
    try {
      await system.restart('/aggregator');
      assert.equal((await stats()).published, 0, 'it answers meanwhile');
    } finally {
      process.kill(world.nats.pid() ?? assert.fail('no nats-server'), 'SIGCONT');
    }
    const frame = fresh();
    await until(
      'it can be sent',
      () =>
        sendDetection(world.bus, frame).then(
          () => true,
          () => false,
        ),
      60_000,
    );
    await sendResult(world.bus, result(frame, 1, 'none'));
    await until('it is out', async () => (await out(frame).catch(() => [])).length === 1, 60_000);
  });

  it('gives its lock back at the end, so that another one works soon', async (t) => {
    const standby = await start('two');
    t.after(() => standby.stop());
    const leads = (): boolean => aggregatorView(standby.snapshot()).leading;
    await until('it stands by', () => aggregatorIn(standby).detail['leading'] === false);
    await system.stop();
    const holder = (await new JetStreamLocks(world.bus).read('aggregator'))?.holder;
    assert.notEqual(holder, 'one', 'it would run out only after 10 s');
    await until('it works', leads);
    assert.equal((await new JetStreamLocks(world.bus).read('aggregator'))?.holder, 'two');
    await standby.stop();
    assert.equal(await new JetStreamLocks(world.bus).read('aggregator'), null);
  });
});
