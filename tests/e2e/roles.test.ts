import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startNatsServer } from '../../src/embedded/nats-server.ts';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import type { RtspServer } from '../../src/embedded/rtsp-server.types.ts';
import type { EmbeddedService } from '../../src/embedded/service.ts';
import type { Parser } from '../../src/infra/bus.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { Aggregate } from '../../src/messages/aggregate.ts';
import { Detection } from '../../src/messages/detection.ts';
import { streams } from '../../src/messages/subjects.ts';
import { TestViewer } from '../support/gantry.ts';
import { memoryLog } from '../support/log.ts';
import { OwnProcess } from '../support/own-process.ts';
import { demoCameras } from '../support/rtsp-cameras.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const SECRET = 'hidden-word';
/** Three processes, a detector and other tests share two cores. */
const SLOW_MS = 60_000;

let folder: string;
let rtsp: RtspServer;
let servers: EmbeddedService[];
let bus: NatsBus;
let watching: OwnProcess;
let judging: OwnProcess;
let standby: OwnProcess;
const nodes: OwnProcess[] = [];

before(async () => {
  folder = temporaryFolder();
  rtsp = await demoCameras(['gate']);
  servers = await Promise.all([
    startNatsServer({ dataDir: join(folder, 'nats'), log: memoryLog() }),
    startRedisServer({ dataDir: join(folder, 'redis'), log: memoryLog() }),
  ]);
  bus = await NatsBus.open({ url: servers[0]!.url, startTimeoutMs: SLOW_MS, log: memoryLog() });
  [watching, judging] = await Promise.all([node('watching', 'cameras,web'), node('judging', 'scheduler,aggregator')]);
  // After the other aggregator, which works: this one stands by.
  standby = await node('standby', 'aggregator');
});
after(async () => {
  await Promise.all(nodes.map((each) => each.stop()));
  await bus?.close();
  await Promise.all(servers.map((each) => each.stop()));
  await rtsp?.stop();
});

async function node(name: string, roles: string): Promise<OwnProcess> {
  await mkdir(join(folder, name));
  const env = { NATS_URL: servers[0]!.url, REDIS_URL: servers[1]!.url };
  const args = [
    '--roles',
    roles,
    '--no-demo',
    '--port',
    '0',
    '--data-dir',
    join(folder, name),
    '--keys',
    join(folder, 'none.yaml'),
  ];
  const one = new OwnProcess({ name, command: { script: MAIN }, args, env, logFile: join(folder, `${name}.log`) });
  nodes.push(one);
  one.start();
  await urlOf(one);
  return one;
}

/** Of its newest start. */
async function urlOf(one: OwnProcess, starts = 1): Promise<string> {
  const urls = await until(
    `${one.name} is up`,
    () => {
      const found = [...one.log().matchAll(/"url":"(http:[^"]+)"[^\n]*Gantry is up/g)].map((match) => match[1]!);
      return found.length >= starts ? found : undefined;
    },
    SLOW_MS,
  );
  return urls.at(-1)!;
}

async function get(
  one: OwnProcess,
  path: string,
  init: RequestInit = {},
): Promise<{ readonly status: number; readonly json: any }> {
  const reply = await fetch(new URL(path, await urlOf(one)), init);
  const text = await reply.text();
  return {
    status: reply.status,
    json: reply.headers.get('content-type')?.includes('json') === true ? JSON.parse(text) : text,
  };
}
const post = (body: object): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

test('each process starts the actors of its roles only, and says so', async () => {
  const actors = async (one: OwnProcess): Promise<string[]> =>
    (await get(one, '/api/supervisor/tree')).json.tree.children.map(({ path }: { path: string }) => path).toSorted();
  assert.deepEqual(await actors(watching), [
    '/camera-registry',
    '/cameras',
    '/clips',
    '/imaging',
    '/inference',
    '/ingest',
    '/monitor',
    '/on-demand',
    '/publisher',
    '/release-reports',
    '/task-generator',
    '/traffic-counts',
  ]);
  assert.deepEqual(await actors(judging), [
    '/aggregator',
    '/alert-clips',
    '/alert-images',
    '/alert-index',
    '/alert-writer',
    '/caller',
    '/key-pool',
    '/monitor',
    '/scheduler',
    '/webhooks',
  ]);
  assert.deepEqual((await get(judging, '/api/health')).json.roles, ['scheduler', 'aggregator']);
  assert.match((await get(judging, '/metrics')).json, /actor_restarts_total/);
  await until('the other aggregator to say so', async () =>
    /stands by/.test(JSON.stringify((await get(standby, '/api/health')).json.notices)),
  );
});

test('a frame of a camera on one process, judged and put together on another, is on the feed', async (t) => {
  const url = rtsp.url('gate').replace('rtsp://', `rtsp://viewer:${SECRET}@`);
  const added = await get(watching, '/api/cameras', post({ cameraId: 'gate', url, intervalSeconds: 0.5 }));
  assert.equal(added.status, 201, JSON.stringify(added.json));
  const viewer = await TestViewer.open(await urlOf(watching), ['gate']);
  t.after(() => viewer.close());
  const judged = await viewer.next('gate', ({ riskAssessment }) => riskAssessment.results.length > 0, SLOW_MS);
  assert.equal(judged.riskAssessment.source, 'rules');
});

test('a process answers for other roles as far as NATS knows, without passwords; else it names the role', async (t) => {
  const web = await node('web', 'web');
  const cameras = await get(web, '/api/cameras');
  assert.deepEqual(
    { status: cameras.status, cameras: cameras.json.length, cameraId: cameras.json[0].cameraId },
    { status: 200, cameras: 1, cameraId: 'gate' },
  );
  assert.ok(!JSON.stringify(cameras.json).includes(SECRET));
  assert.equal((await get(web, '/api/cameras/gate/latest')).json.cameraId, 'gate');
  assert.deepEqual(
    {
      total_keys: (await get(web, '/api/scheduler/stats')).json.data.total_keys,
      source: (await get(web, '/api/scheduler/health')).json.data.source,
      keys: (await get(web, '/api/budget')).json.data.keys,
    },
    { total_keys: 0, source: 'rules', keys: { present: 0, needed: null } },
  );
  const viewer = await TestViewer.open(await urlOf(web), ['gate']);
  t.after(() => viewer.close());
  await viewer.next('gate');
  await until('the status of the camera', () =>
    viewer.messages.some(({ type, data }) => type === 'camera_status' && data.state === 'online'),
  );
  for (const [one, path, role, init] of [
    [web, '/api/keys', 'scheduler', {}],
    [web, '/api/usage', 'scheduler', {}],
    [web, '/api/cameras', 'cameras', post({ cameraId: 'x', url: 'rtsp://127.0.0.1/x' })],
    [judging, '/', 'web', {}],
    [judging, '/ws', 'web', {}],
  ] as const) {
    const { status, json } = await get(one, path, init);
    assert.deepEqual(
      { status, code: json.code, value: json.value },
      { status: 503, code: 'ROLE_ELSEWHERE', value: role },
      `${path} of ${one.name}`,
    );
  }
  assert.equal(await web.stop(SLOW_MS), 0);
});

test('the process that assesses is restarted, then killed, while frames flow: each ends in one aggregate', async () => {
  const read = async <T>(stream: string, parser: Parser<T>) =>
    (await bus.read({ stream, parser, from: { seq: 1 }, limit: 10_000 })).map(({ body }) => body);
  const grown = async (by: number) => {
    const earlier = (await read(streams.aggregates, Aggregate)).length;
    await until(
      'more aggregates',
      async () => (await read(streams.aggregates, Aggregate)).length >= earlier + by,
      SLOW_MS,
      100,
    );
  };
  await grown(3);
  assert.equal(await judging.stop(SLOW_MS), 0, 'an orderly stop ends in time');
  judging.start();
  await urlOf(judging, 2);
  await grown(3);
  judging.signal('SIGKILL');
  await judging.exited;
  judging.start();
  await grown(3);

  await get(watching, '/api/cameras/gate', { ...post({ enabled: false }), method: 'PATCH' });
  const unfinished = async (): Promise<string[]> => {
    const done = new Set((await read(streams.aggregates, Aggregate)).map(({ requestId }) => requestId));
    return (await read(streams.detections, Detection))
      .map(({ requestId }) => requestId)
      .filter((requestId) => !done.has(requestId));
  };
  await until('an aggregate for each frame', async () => (await unfinished()).length === 0, SLOW_MS, 100);
  const [detections, aggregates] = [
    await read(streams.detections, Detection),
    await read(streams.aggregates, Aggregate),
  ];
  const seen = aggregates.map(({ requestId, revision }) => `${requestId}:${revision}`);
  assert.equal(new Set(seen).size, seen.length, 'none twice');
  assert.equal(aggregates.filter(({ revision }) => revision === 0).length, detections.length);
  assert.ok(detections.length > 8, `${detections.length} frames`);
});
