import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { connect, type NatsConnection } from 'nats';
import { WebSocket } from 'ws';
import { readTraceSettings } from '../../src/app/trace-settings.ts';
import type { RtspServer } from '../../src/embedded/rtsp-server.types.ts';
import { type Aggregate, isAlert } from '../../src/messages/aggregate.ts';
import { Detection } from '../../src/messages/detection.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { type RunningPrometheus, prometheusPrograms, startPrometheus } from '../support/prometheus.ts';
import { prometheusSees } from '../support/prometheus-sees.ts';
import { decoded, framesOf } from '../support/decoded-video.ts';
import { detectDirectly } from '../support/direct-detection.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { demoCameras } from '../support/rtsp-cameras.ts';
import { startTestGantry, type TestGantry, TestViewer } from '../support/gantry.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';
import { printsTrace, wholeTrace } from '../support/whole-trace.ts';

const CAMERA = 'crossing';
/** Provider and test share one process: a call may be late by more than over any network. */
const GUARD_MS = 1_000;
/** Gantry, the provider, Prometheus and other tests share two cores. */
const SLOW_MS = 60_000;
const LIMITS = { qps: 2, rpm: 60 };

let folder: string;
let otlp: OtlpReceiver;
let rtsp: RtspServer;
let simulator: ProviderSimulator;
let gantry: TestGantry;
let nc: NatsConnection;
let redis: Redis;
let viewer: TestViewer;
let prometheus: RunningPrometheus | null = null;
const { prometheus: program, reason } = await prometheusPrograms();
/** Every message on the way of the data, by its kind, with its trace headers. */
const wire: { subject: string; header: string; parent: string; body: any }[] = [];

before(async () => {
  folder = temporaryFolder();
  rtsp = await demoCameras([CAMERA]);
  simulator = await startProviderSimulator({ keys: simulatedKeys(2, LIMITS), latency: { medianMs: 150, p95Ms: 400 } });
  // JSON is YAML too; the keys themselves come from the environment, as in production.
  const api_keys = simulator.keyEntries().map((entry, index) => {
    process.env[`E2E_KEY_${index}`] = entry.key;
    return { ...entry, key: `\${E2E_KEY_${index}}` };
  });
  await writeFile(
    join(folder, 'api_keys.yaml'),
    JSON.stringify({ strategy: 'round_robin', api_keys, scheduler: { transit_guard_ms: GUARD_MS } }),
  );
  otlp = await startOtlpReceiver();
  process.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = otlp.url;
  const traces = readTraceSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: otlp.url, OTEL_BSP_SCHEDULE_DELAY: '200' });
  gantry = await startTestGantry(folder, { traces });
  // It takes five seconds from its start to its first scrape, so it starts before the tests.
  const target = { target: new URL(gantry.url).host, token: 'any' };
  if (program !== null) prometheus = await startPrometheus(program, temporaryFolder(), target);
  nc = await connect(natsOptions(gantry.natsUrl));
  for (const subject of ['detection-results.>', 'assessment-tasks.>', 'risk-assessment-results.>']) {
    nc.subscribe(subject, {
      callback: (_, message) =>
        wire.push({
          subject: message.subject,
          header: message.headers?.get('Trace-Id') ?? '',
          parent: message.headers?.get('traceparent') ?? '',
          body: message.json(),
        }),
    });
  }
  assert.ok(gantry.redisUrl);
  redis = new Redis(gantry.redisUrl);
  const added = await gantry.request('POST', '/api/cameras', {
    cameraId: CAMERA,
    url: rtsp.url(CAMERA),
    intervalSeconds: 1,
  });
  assert.equal(added.status, 201, JSON.stringify(added.json));
  viewer = await TestViewer.open(gantry.url, [CAMERA]);
});
after(async () => {
  viewer?.close();
  await prometheus?.stop();
  redis?.disconnect();
  await nc?.close();
  await gantry?.stop();
  await simulator?.close();
  await rtsp?.stop();
  delete process.env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  await otlp?.close();
});

const alerts = (): Aggregate[] => viewer.messages.filter(({ type }) => type === 'alert').map(({ data }) => data);
const idsOf = (list: readonly Aggregate[]) => new Set(list.map(({ requestId }) => requestId));
const withGroups = (aggregate: Aggregate): boolean => aggregate.trafficGroups.length > 0;
/** The model has answered about each group of this very frame. */
const isAnswered = (aggregate: Aggregate): boolean =>
  withGroups(aggregate) &&
  aggregate.riskAssessment.results.every(({ source, carried }) => source === 'vlm' && carried !== true);

test('a viewer gets aggregates of real footage, judged by the model', async () => {
  const aggregate = await viewer.next(CAMERA, isAnswered, SLOW_MS);
  // An incident that was measured has a verdict of its own.
  assert.ok(['vlm', 'mixed'].includes(aggregate.riskAssessment.source));
  assert.equal(aggregate.riskAssessment.results.length, aggregate.trafficGroups.length);
  assert.equal(aggregate.llmModel, simulator.model);
  assert.ok(aggregate.llmLatency > 0);
  assert.deepEqual([aggregate.imageWidth, aggregate.imageHeight], [768, 576]);
  assert.equal(
    aggregate.riskAssessment.hasDangerousDriving,
    ['medium', 'high'].includes(aggregate.riskAssessment.maxRiskLevel),
  );
});

test('one trace id runs through detection, tasks, results and aggregate, in bodies and in NATS headers', async () => {
  const aggregate = await viewer.next(CAMERA, isAnswered);
  const messages = await until('all three stages', () => {
    const ours = wire.filter(({ body }) => body.requestId === aggregate.requestId);
    return new Set(ours.map(({ subject }) => subject.split('.')[0])).size === 3 ? ours : null;
  });
  for (const { subject, header, body } of messages)
    assert.deepEqual(
      { traceId: body.traceId, header },
      { traceId: aggregate.traceId, header: aggregate.traceId },
      subject,
    );
});

test("a judgement's trace tells where its time went: waiting, lease, sending, model, reading", () => {
  const judgements = wire.filter(
    ({ subject, body }) => subject.startsWith('risk-assessment-results.') && body.source === 'vlm',
  );
  assert.ok(judgements.length > 0);
  for (const { body } of judgements) {
    const { waitMs, calls, apiKeyId, retryCount } = body.metadata;
    assert.ok(waitMs >= 0);
    assert.equal(calls.length, retryCount + 1);
    assert.equal(calls.at(-1).apiKeyId, apiKeyId);
    assert.ok(
      calls.every(
        (call: Record<string, number>) =>
          call['leaseMs']! >= 0 && call['sendMs']! >= 0 && call['modelMs']! > 0 && call['parseMs']! >= 0,
      ),
      JSON.stringify(calls),
    );
  }
});

test('a collector gets one whole trace of a frame, each part under its cause', async () => {
  const { traceId, requestId } = await viewer.next(CAMERA, isAnswered);
  const byId = await wholeTrace(otlp, traceId);
  // The provider is told the span of its call, and that it is exported.
  assert.ok(simulator.calls().some((made) => made.traceId === traceId));
  const { body, parent } = wire.findLast((message) => message.body.requestId === requestId)!;
  assert.match(parent, new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`, 'u'), body.taskId);
  assert.ok(byId.has(parent.split('-')[2]!), 'the header names a span of the trace');
});

test('gantry trace prints the same frame from the streams', async () => {
  const { requestId, traceId } = await viewer.next(CAMERA, isAnswered);
  await printsTrace(otlp, { cameraId: CAMERA, requestId, traceId }, folder);
});

test('what travels on NATS is readable text without pictures', async () => {
  await until('detections', () => wire.length >= 6);
  for (const { body, subject } of wire) {
    const text = JSON.stringify(body);
    assert.ok(text.length < 64_000, `${subject} has ${text.length} characters`);
    assert.doesNotMatch(text, /base64|data:image/);
  }
});

test('Redis holds the newest aggregate for at most 300 s, the raw detection, and pushes on the channel', async () => {
  const subscriber = new Redis(gantry.redisUrl!);
  const pushed = new Promise<Aggregate>((resolve) => subscriber.on('message', (_, body) => resolve(JSON.parse(body))));
  await subscriber.subscribe(`camera:${CAMERA}`);
  const aggregate = await pushed;
  subscriber.disconnect();
  assert.equal(aggregate.cameraId, CAMERA);
  for (const key of [`camera:${CAMERA}:latest`, `detection:${aggregate.requestId}`]) {
    const seconds = await until(`${key} to have a TTL`, async () => Math.max(0, await redis.ttl(key)) || null);
    assert.ok(seconds <= 300, `${key}: TTL ${seconds}`);
  }
  const raw = Detection.parse(JSON.parse((await redis.get(`detection:${aggregate.requestId}`))!));
  assert.equal(raw.traceId, aggregate.traceId);
  const latest = await gantry.request('GET', `/api/cameras/${CAMERA}/latest`);
  assert.equal(latest.status, 200);
});

test('high risks are kept as alerts, newest first, and only they', async () => {
  // Nothing dangerous need happen in the footage, so the model says it of two groups.
  const first = idsOf(alerts());
  simulator.setBehaviour({ kind: 'says', answer: 'plain-high' }, { times: 1 });
  await until('an alert', () => alerts().some(({ requestId }) => !first.has(requestId)), SLOW_MS);
  const second = idsOf(alerts());
  simulator.setBehaviour({ kind: 'says', answer: 'plain-high' }, { times: 1 });
  await until('a second alert', () => alerts().some(({ requestId }) => !second.has(requestId)), SLOW_MS);
  await until('enough judged frames', () => viewer.of(CAMERA).filter(withGroups).length >= 8, SLOW_MS);
  // The feed may be ahead of Redis, and an alert follows its frame.
  const stored = await until('each dangerous frame to be an alert once, and in Redis', async () => {
    const list: Aggregate[] = (await redis.lrange(`alerts:${CAMERA}`, 0, -1)).map((json) => JSON.parse(json));
    const seen = idsOf(viewer.of(CAMERA).filter(isAlert));
    return seen.size >= 2 && alerts().length === seen.size && list.length >= seen.size - 1 ? list : null;
  });
  for (const alert of stored) assert.ok(isAlert(alert));
  assert.deepEqual(
    stored.map((each) => each.timestamp),
    stored
      .map((each) => each.timestamp)
      .toSorted()
      .toReversed(),
  );
});

test('the clip of an alert is the video around it', async () => {
  const takenAt = ({ timestamp }: Aggregate): number => Date.parse(timestamp);
  const [first] = viewer.of(CAMERA);
  assert.ok(first);
  // One that has video before it, where there is one.
  const alert = alerts().find((each) => takenAt(each) > takenAt(first) + 3_000) ?? alerts().at(-1);
  assert.ok(alert);
  const url = new URL(`/api/alerts/${alert.requestId}/clip.mp4`, gantry.url);
  let clip = new Uint8Array();
  const load = async (): Promise<boolean> => {
    const reply = await fetch(url);
    clip = new Uint8Array(await reply.arrayBuffer());
    return reply.status === 200;
  };
  await until('the clip', load, SLOW_MS, 200);
  const said = await decoded(clip);
  assert.match(said, /Video: h264.* 768x576/u);
  const [, seconds = '0'] = /Duration: 00:00:(\d+\.\d+)/u.exec(said) ?? [];
  // Less than ten when the camera had just come.
  assert.ok(Number(seconds) > 5 && Number(seconds) < 14, said);
  const part = await fetch(url, { headers: { range: 'bytes=4-7' } });
  assert.deepEqual([part.status, await part.text()], [206, 'ftyp']);
});

test("a viewer gets the camera's own video, from a keyframe on", async (t) => {
  const socket = new WebSocket(`${gantry.url.replace('http', 'ws')}/ws/live/${CAMERA}?video=h264`);
  t.after(() => socket.terminate());
  const chunks: Buffer[] = [];
  socket.on('message', (data) => chunks.push(data as Buffer));
  await until('three seconds of video', async () => framesOf(await decoded(Buffer.concat(chunks))) > 20, SLOW_MS, 500);
  assert.match(await decoded(Buffer.concat(chunks)), /Video: h264.* 768x576/u);
});

test('the picture of an aggregate and the crop of each group can be fetched by their claim checks', async () => {
  const aggregate = await viewer.next(
    CAMERA,
    (each) => withGroups(each) && viewer.of(CAMERA).at(-1)?.requestId === each.requestId,
    SLOW_MS,
  );
  for (const id of [aggregate.imageId, ...aggregate.trafficGroups.map((group) => group.cropId)]) {
    const reply = await fetch(new URL(`/api/images/${id}`, gantry.url));
    const bytes = new Uint8Array(await reply.arrayBuffer());
    assert.deepEqual(
      [reply.status, reply.headers.get('content-type'), bytes[0], bytes[1]],
      [200, 'image/jpeg', 0xff, 0xd8],
      String(id),
    );
  }
});

test('the objects match those of the detector alone: mean counts by class within 35 % of a direct run', async () => {
  await until('two dozen frames', () => viewer.of(CAMERA).length >= 24, SLOW_MS);
  const piped = viewer
    .of(CAMERA)
    .filter((each) => each.revision === 0)
    .map((each) => each.detectedObjects.map((object) => object.class));
  const direct = await detectDirectly();
  for (const name of ['person', 'car'] as const) {
    const mean = (found: readonly (readonly string[])[]): number =>
      found.reduce((sum, classes) => sum + classes.filter((each) => each === name).length, 0) / found.length;
    const [through, expected] = [mean(piped), mean(direct)];
    assert.ok(
      Math.abs(through - expected) <= 0.35 * expected + 0.5,
      `${name}: ${through.toFixed(2)} a frame through the pipeline, ${expected.toFixed(2)} directly`,
    );
  }
});

test('no key was used beyond its limits, and the provider refused nothing', () => {
  // Few on a busy machine: what is judged above has been asked.
  assert.ok(simulator.calls().length > 0);
  assert.deepEqual(simulator.violations(), []);
  assert.deepEqual(
    simulator.calls().filter((call) => call.status === 429),
    [],
  );
});

test('no secret is readable anywhere', async () => {
  const keys = simulator.keyEntries().map((entry) => entry.key);
  const surfaces = [
    JSON.stringify(wire),
    JSON.stringify(viewer.messages),
    ...(await Promise.all(
      ['/api/scheduler/stats', '/api/supervisor/tree', '/metrics', '/api/health', '/api/cameras'].map(async (path) =>
        (await fetch(new URL(path, gantry.url))).text(),
      ),
    )),
  ];
  assert.ok(keys.length > 0 && wire.length > 0 && viewer.messages.length > 0);
  for (const key of keys) for (const text of surfaces) assert.ok(!text.includes(key));
});

test('metrics speak of every stage', async () => {
  const text = await (await fetch(new URL('/metrics', gantry.url))).text();
  for (const pattern of [
    /^detection_total\{.*camera_id="crossing".*\} [1-9]/m,
    /^detection_latency_seconds_count [1-9]/m,
    /^llm_calls_total\{status="success"\} [1-9]/m,
    /^llm_latency_seconds_count [1-9]/m,
    /^nats_consumer_lag\{consumer="task-generator"\} \d/m,
    /^api_key_status\{key_id="sim-001",status="(available|in_use)"\} 1/m,
    /^end_to_end_latency_seconds_count [1-9]/m,
    /^mailbox_depth\{actor="\/aggregator"\} \d/m,
  ])
    assert.match(text, pattern);
});

test('Prometheus answers every query of the dashboard and the rules', { skip: reason ?? false }, async () => {
  assert.ok(prometheus);
  await prometheusSees(prometheus);
});

test('each role answers as a NATS micro service', async () => {
  const reply = await nc.request('gantry.scheduler.stats', '', { timeout: SLOW_MS });
  const stats = reply.json<{ mode: string; assessed: number }>();
  assert.deepEqual({ mode: stats.mode, assessed: stats.assessed > 0 }, { mode: 'vlm', assessed: true });
  const services = new Set<string>();
  const expected = ['aggregator', 'cameras', 'key-pool', 'node', 'scheduler', 'task-generator'];
  // A ping ends when no answer has come for a moment.
  await until('six services to answer', async () => {
    for await (const ping of await nc.services.client().ping()) services.add(ping.name);
    return services.size >= expected.length;
  });
  const names = expected.map((name) => `gantry-${name}`);
  assert.deepEqual([...services].toSorted(), names);
});
