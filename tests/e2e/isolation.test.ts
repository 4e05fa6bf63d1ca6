import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, type NatsConnection } from 'nats';
import type { RtspServer } from '../../src/embedded/rtsp-server.types.ts';
import { Detection } from '../../src/messages/detection.ts';
import { address } from '../../src/runtime/ref.ts';
import { natsOptions } from '../../src/servers/nats-url.ts';
import { startTestGantry, type TestGantry } from '../support/gantry.ts';
import { demoCameras } from '../support/rtsp-cameras.ts';
import { saboteurCamera, type Sabotage } from '../support/saboteur-camera.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const [VICTIM, OTHER] = ['victim', 'bystander'];
let folder: string;
let rtsp: RtspServer;
let gantry: TestGantry;
let nc: NatsConnection;
const frames: Record<string, number[]> = { [VICTIM]: [], [OTHER]: [] };

before(async () => {
  folder = temporaryFolder();
  rtsp = await demoCameras([VICTIM, OTHER]);
  gantry = await startTestGantry(folder, { isolation: 'process', redisUrl: 'off' }, { cameraActor: saboteurCamera });
  nc = await connect(natsOptions(gantry.natsUrl));
  nc.subscribe('detection-results.>', {
    callback: (_, message) => {
      const { cameraId, frameNumber } = Detection.parse(message.json());
      frames[cameraId]?.push(frameNumber);
    },
  });
  for (const cameraId of [VICTIM, OTHER])
    await gantry.request('POST', '/api/cameras', { cameraId, url: rtsp.url(cameraId), intervalSeconds: 1 });
  await until('both cameras deliver', () => frames[VICTIM]!.length > 1 && frames[OTHER]!.length > 1, 60_000);
});
after(async () => {
  await nc?.close();
  await gantry?.stop();
  await rtsp?.stop();
});

for (const { type, how } of [
  { type: 'abort' as const, how: /SIGABRT/ },
  { type: 'segfault' as const, how: /SIGSEGV/ },
]) {
  test(`a ${type} in a camera's process: it is restarted, the tree says why`, async () => {
    const path = `/cameras/${VICTIM}`;
    const { restarts } = gantry.actor(path);
    gantry.system.ref(address<Sabotage>(path)).tell({ type });
    await until('a restart', () => gantry.actor(path).restarts > restarts, 60_000);
    const seen = frames[VICTIM]!.length;
    await until('new frames', () => frames[VICTIM]!.length > seen + 1, 60_000);
    const { restarts: now, placement, lastFailure } = gantry.actor(path);
    assert.deepEqual(
      { restarts: now, placement, code: lastFailure?.code },
      { restarts: restarts + 1, placement: 'process', code: 'PROCESS_EXITED' },
    );
    assert.match(lastFailure?.message ?? '', how);
  });
}

test('the other camera lost no frame through it', async () => {
  const numbers = frames[OTHER]!;
  await until('nine frames', () => numbers.length > 8);
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => numbers[0]! + index),
  );
  assert.equal(gantry.actor(`/cameras/${OTHER}`).restarts, 0);
});
