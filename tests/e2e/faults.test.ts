import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect, type NatsConnection } from 'nats';
import type { RtspServer } from '../../src/embedded/rtsp-server.types.ts';
import { Detection } from '../../src/messages/detection.ts';
import { address } from '../../src/runtime/ref.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { decoderPids } from '../support/decoder-pids.ts';
import { startTestGantry, type TestGantry, TestViewer } from '../support/gantry.ts';
import { demoCameras } from '../support/rtsp-cameras.ts';
import { saboteurCamera, type Sabotage } from '../support/saboteur-camera.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const VICTIM = 'victim';
const OTHER = 'bystander';
/** Both cameras, their detector and other tests share two cores. */
const SLOW_MS = 60_000;

let folder: string;
let rtsp: RtspServer;
let gantry: TestGantry;
let viewer: TestViewer;
let nc: NatsConnection;
const frames: Record<string, number[]> = { [VICTIM]: [], [OTHER]: [] };

before(async () => {
  folder = temporaryFolder();
  rtsp = await demoCameras([VICTIM, OTHER]);
  gantry = await startTestGantry(folder, {}, { cameraActor: saboteurCamera });
  nc = await connect(natsOptions(gantry.natsUrl));
  nc.subscribe('detection-results.>', {
    callback: (_, message) => {
      const { cameraId, frameNumber } = Detection.parse(message.json());
      frames[cameraId]?.push(frameNumber);
    },
  });
  for (const cameraId of [VICTIM, OTHER]) {
    const added = await gantry.request('POST', '/api/cameras', {
      cameraId,
      url: rtsp.url(cameraId),
      intervalSeconds: 1,
    });
    assert.equal(added.status, 201, JSON.stringify(added.json));
  }
  viewer = await TestViewer.open(gantry.url, [VICTIM, OTHER]);
  for (const cameraId of [VICTIM, OTHER]) await viewer.next(cameraId, () => true, SLOW_MS);
});
after(async () => {
  viewer?.close();
  await nc?.close();
  await gantry?.stop();
  await rtsp?.stop();
});

const victim = () => gantry.actor(`/cameras/${VICTIM}`);
const figures = async () => (await gantry.request('GET', `/api/cameras/${VICTIM}`)).json;
const sabotage = (type: Sabotage['type']) => gantry.system.ref(address<Sabotage>(`/cameras/${VICTIM}`)).tell({ type });

/** Waits until the viewer was told of a status of the camera that fits: the feed may be behind the frames. */
const toldOf = (fits: (status: { readonly state: string; readonly status: number }) => boolean) =>
  until('the status on the feed', () =>
    viewer.messages.some(({ type, data }) => type === 'camera_status' && data.cameraId === VICTIM && fits(data)),
  );

/** Causes the fault, then waits for new frames of the camera. */
async function recovers(damage: () => void | Promise<void>): Promise<void> {
  const earlier = frames[VICTIM]!.length;
  await damage();
  await until('new frames', () => frames[VICTIM]!.length > earlier + 1, SLOW_MS);
  await until('the camera counts as online', async () => (await figures()).status.state === 'online');
}

test('killing the decoders: new ones are started, the stream and the actor stay', async () => {
  const { restarts } = victim();
  const { reconnects } = (await figures()).figures;
  const killed = decoderPids();
  assert.ok(killed.length > 0);
  await recovers(() => {
    for (const pid of killed) process.kill(pid, 'SIGKILL');
  });
  await until('new decoders alone', () => {
    const started = decoderPids();
    return started.length > 0 && started.every((pid) => !killed.includes(pid));
  });
  assert.equal(victim().restarts, restarts);
  assert.equal((await figures()).figures.reconnects, reconnects);
});

test('dropping the RTSP connection: the camera connects again', async () => {
  const { reconnects } = (await figures()).figures;
  await recovers(() => assert.equal(rtsp.dropClients(VICTIM), 1));
  // More when an attempt came too early for a busy machine.
  assert.ok((await figures()).figures.reconnects > reconnects);
  await toldOf(({ state, status }) => state === 'offline' && status === 0);
});

test('restarting the ingest: its cameras make it read them again', async () => {
  await recovers(async () => assert.equal(await gantry.system.restart('/ingest'), true));
  assert.equal(victim().restarts, 0);
});

for (const { name, type, message, code } of [
  { name: 'throwing inside its handler', type: 'throw' as const, message: /sabotage in a handler/, code: null },
  {
    name: 'ending its thread',
    type: 'end-thread' as const,
    message: /worker thread .* ended by itself/,
    code: 'THREAD_EXITED',
  },
]) {
  test(`${name}: the camera is restarted, and the tree tells why`, async () => {
    const { restarts } = victim();
    await recovers(() => void sabotage(type));
    const now = victim();
    assert.deepEqual(
      { restarts: now.restarts, state: now.state, code: now.lastFailure?.code },
      { restarts: restarts + 1, state: 'running', code },
    );
    assert.match(now.lastFailure?.message ?? '', message);
    await toldOf(({ status }) => status === 2);
    const { json } = await gantry.request('GET', '/api/supervisor/tree');
    assert.match(JSON.stringify(json), new RegExp(`"path":"/cameras/${VICTIM}"`));
  });
}

test('through all of it the other camera lost no frame, and the victim numbers its frames on', async () => {
  await until('nine frames of each', () => Object.values(frames).every(({ length }) => length > 8), SLOW_MS);
  for (const numbers of [frames[OTHER]!, frames[VICTIM]!]) {
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => numbers[0]! + index),
    );
  }
  assert.equal(gantry.actor(`/cameras/${OTHER}`).restarts, 0);
});

test('Redis killed: frames go on over NATS, health says so, and it resumes without a restart', async () => {
  const { json } = await gantry.request('GET', '/api/health');
  assert.equal(json.redis.state, 'connected');
  const redisPid = await pidOf('redis-server');
  process.kill(redisPid, 'SIGSTOP');
  const seen = viewer.of(OTHER).length;
  await until('frames without Redis', () => viewer.of(OTHER).length > seen + 3, SLOW_MS);
  process.kill(redisPid, 'SIGKILL');
  const later = viewer.of(OTHER).length;
  await until('frames after the kill', () => viewer.of(OTHER).length > later + 3, SLOW_MS);
  const failed = await until(
    'failed writes are shown',
    async () => (await gantry.request('GET', '/api/health')).json.redis.failedWrites,
  );
  assert.ok(failed > 0);
  await until(
    'Redis is used again',
    async () => {
      const health = (await gantry.request('GET', '/api/health')).json;
      return (
        health.redis.state === 'connected' &&
        (await gantry.request('GET', `/api/cameras/${OTHER}/latest`)).status === 200
      );
    },
    SLOW_MS,
  );
});

test('nats-server killed: it is started again and the frames come back', async () => {
  process.kill(await pidOf('nats-server'), 'SIGKILL');
  const seen = viewer.of(OTHER).length;
  await until('frames after the kill', () => viewer.of(OTHER).length > seen + 5, SLOW_MS);
  await until(
    'health to say so',
    async () => (await gantry.request('GET', '/api/health')).json.nats.state === 'connected',
  );
});

/** The process of that name which this Gantry runs, by the file it keeps for recognising leftovers. */
async function pidOf(name: 'nats-server' | 'redis-server'): Promise<number> {
  const file = join(folder, name === 'nats-server' ? 'nats' : 'redis', `${name}.pid.json`);
  const { pid } = JSON.parse(await readFile(file, 'utf8')).child;
  assert.ok(Number.isInteger(pid));
  return pid;
}
