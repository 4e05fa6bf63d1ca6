import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { RtspServer } from '../../src/embedded/rtsp-server.types.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import { simulatedKeys } from '../../src/simulator/simulated-keys.ts';
import type { ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { startTestGantry, type TestGantry, TestViewer } from '../support/gantry.ts';
import { demoCameras } from '../support/rtsp-cameras.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const CAMERAS = ['east', 'west'];
const INTERVAL_S = 0.5;
/** From the reconnect. On two free cores it takes less than 3 s from the kill. */
const JUDGED_MS = 25_000;
/** A busy machine stores pictures of the outage one after the other. */
const PICTURE_MS = 15_000;
const MOST_KILLS = 5;

let folder: string;
let rtsp: RtspServer;
let provider: ProviderSimulator;
let gantry: TestGantry;
let viewer: TestViewer;

before(async () => {
  folder = temporaryFolder();
  rtsp = await demoCameras(CAMERAS);
  provider = await startProviderSimulator({
    keys: simulatedKeys(4, { qps: 10, rpm: 600 }),
    latency: { medianMs: 100, p95Ms: 300 },
  });
  const api_keys = provider.keyEntries().map((entry, index) => {
    process.env[`NATS_KILLED_${index}`] = entry.key;
    return { ...entry, key: `\${NATS_KILLED_${index}}` };
  });
  await writeFile(join(folder, 'api_keys.yaml'), JSON.stringify({ api_keys, scheduler: { transit_guard_ms: 1_000 } }));
  gantry = await startTestGantry(folder);
  for (const cameraId of CAMERAS) {
    const camera = { cameraId, url: rtsp.url(cameraId), intervalSeconds: INTERVAL_S };
    const added = await gantry.request('POST', '/api/cameras', camera);
    assert.equal(added.status, 201, JSON.stringify(added.json));
  }
  viewer = await TestViewer.open(gantry.url, CAMERAS);
  for (const cameraId of CAMERAS) await viewer.next(cameraId, isJudged, 60_000);
});
after(async () => {
  viewer?.close();
  await gantry?.stop();
  await provider?.close();
  await rtsp?.stop();
});

/** The model has assessed a group as this very frame shows it. */
const isJudged = ({ riskAssessment }: Aggregate): boolean =>
  riskAssessment.results.some(({ source, carried }) => carried !== true && (source ?? riskAssessment.source) === 'vlm');
const natsState = async (): Promise<string> => (await gantry.request('GET', '/api/health')).json.nats.state;

/** Kills nats-server. Resolves to the time of the kill and the time from which on Gantry was connected again. */
async function killNats(): Promise<{ readonly killedAt: number; readonly backAt: number }> {
  const pid = await natsPid();
  const killedAt = Date.now();
  process.kill(pid, 'SIGKILL');
  // The loss itself may be over before a busy machine asks.
  await until('another server to run', async () => (await natsPid().catch(() => pid)) !== pid);
  await until('the connection is back', async () => (await natsState()) === 'connected');
  return { killedAt, backAt: Date.now() };
}

async function natsPid(): Promise<number> {
  const { pid } = JSON.parse(await readFile(join(folder, 'nats', 'nats-server.pid.json'), 'utf8')).child;
  assert.ok(Number.isInteger(pid));
  return pid;
}

test('after a kill of nats-server a later frame is judged soon, and frames of the outage have pictures', async () => {
  const restarts = gantry.actor('/imaging').restarts;
  for (let kills = 1; ; kills += 1) {
    const { killedAt, backAt } = await killNats();
    const takenAt = ({ timestamp }: Aggregate): number => Date.parse(timestamp);
    const judged = await until(
      'a frame taken after the kill is judged',
      () => viewer.aggregates.find((each) => takenAt(each) > killedAt && isJudged(each)),
      JUDGED_MS,
    );
    assert.ok(judged.trafficGroups.length > 0);
    // Younger ones may have been taken after the reconnect.
    const duringOutage = viewer.aggregates.filter(
      (each) => takenAt(each) > killedAt && takenAt(each) < killedAt + 0.75 * (backAt - killedAt),
    );
    // At once: they can be made while the ring has their frame. Under way when they cannot be had yet.
    const ids = duringOutage.flatMap(({ imageId, trafficGroups }) => [
      imageId,
      ...trafficGroups.map(({ cropId }) => cropId),
    ]);
    await Promise.all(
      ids.map(async (id) => {
        await until(
          `picture ${id}`,
          async () => (await fetch(new URL(`/api/images/${id}`, gantry.url))).status === 200,
          PICTURE_MS,
          200,
        );
      }),
    );
    if (duringOutage.length > 0) break;
    assert.ok(kills < MOST_KILLS, 'no frame was taken during an outage');
  }
  await until('all pictures are stored', () => gantry.actor('/imaging').detail['making'] === 0);
  assert.equal(gantry.actor('/imaging').restarts, restarts);
});
