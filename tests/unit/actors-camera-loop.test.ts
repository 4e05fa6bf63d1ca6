import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { CameraLoop } from '../../src/actors/camera/camera-loop.ts';
import type { CameraInit, CameraMessage } from '../../src/actors/camera/camera.types.ts';
import { EarlierMoments } from '../../src/actors/camera/earlier-moments.ts';
import type { CameraRegistryMessage } from '../../src/actors/camera-registry.ts';
import type { ImagingMessage, StoreImages } from '../../src/actors/imaging.ts';
import type { PublisherMessage } from '../../src/actors/publisher.ts';
import { Detection } from '../../src/messages/detection.ts';
import { defineActor } from '../../src/runtime/actor.ts';
import type { Deferred } from '../../src/runtime/message.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import type { Detector, RawDetection } from '../../src/vision/vision.types.ts';
import { memoryLog } from '../support/log.ts';
import { until } from '../support/until.ts';

/** Prints a picture of 2 x 2 px every 20 ms, whatever its arguments are. */
const FAKE_FFMPEG = `#!/bin/sh
while :; do printf 'P6\\n2 2\\n255\\n............'; sleep 0.02; done
`;
const MAILBOX = { capacity: 1_000, overflow: 'refuse' } as const;

const INIT: Omit<CameraInit, 'ffmpeg'> = {
  cameraId: 'cam',
  url: 'rtsp://127.0.0.1:1/none',
  intervalMs: 20,
  model: { name: 'fake', family: 'ssd', path: '', input: {}, outputs: {}, classes: 'coco90', labelOffset: 0 },
  confidence: 0.5,
  iou: 0.5,
  allow: null,
  previewSocket: null,
  framesBefore: 41,
};

/** A camera whose pictures, detector and JPEGs are the test's. */
async function cameraWorld(t: TestContext, detect: Detector['detect'], own: Partial<CameraInit> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-camera-loop-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const ffmpeg = join(folder, 'ffmpeg');
  await writeFile(ffmpeg, FAKE_FFMPEG, { mode: 0o700 });
  const detections: Detection[] = [];
  const storing: { readonly message: StoreImages; readonly answer: Deferred<'done'> }[] = [];
  const failures: string[] = [];
  let slow = true;
  const publisher = defineActor<PublisherMessage>()<null>({
    kind: 'publisher',
    mailbox: MAILBOX,
    start: () => ({ handlers: { publish: ({ detection }) => void detections.push(detection) } }),
  });
  const imaging = defineActor<ImagingMessage>()<null>({
    kind: 'imaging',
    mailbox: MAILBOX,
    start: (ctx) => ({
      handlers: {
        store: (message) => {
          const answer = ctx.defer<'done'>();
          storing.push({ message, answer });
          if (!slow) answer.resolve('done');
          return answer;
        },
      },
    }),
  });
  const registry = defineActor<Extract<CameraRegistryMessage, { type: 'status' }>>()<null>({
    kind: 'camera-registry',
    mailbox: MAILBOX,
    start: () => ({ handlers: { status: () => undefined } }),
  });
  const camera = defineActor<CameraMessage>()<CameraInit>({
    kind: 'camera',
    mailbox: MAILBOX,
    start: (ctx, init) => {
      const detector = {
        modelType: 'fake',
        inputSize: { width: 448, height: 336 },
        detect,
        release: () => Promise.resolve(),
      };
      const loop = new CameraLoop(ctx, init, detector);
      loop.start();
      return { handlers: {}, stop: () => loop.stop() };
    },
  });
  const init = (): CameraInit => ({ ...INIT, ffmpeg, ...own });
  const parts = [
    child('publisher', publisher, () => null),
    child('imaging', imaging, () => null),
    child('camera-registry', registry, () => null),
    child('camera', camera, init, { backoff: { minMs: 60_000, maxMs: 60_000, factor: 1, resetAfterMs: 1 } }),
  ];
  const system = await startSystem(supervisor('root', parts), {
    log: memoryLog(),
    onEscalation: (error) => assert.fail(error.message),
  });
  system.subscribe((event) => {
    if (event.type === 'failed') failures.push(event.path);
  });
  let stopping: Promise<unknown> | null = null;
  const answerStores = (): void => {
    slow = false;
    for (const { answer } of storing) answer.resolve('done');
  };
  const stop = (): Promise<unknown> => {
    answerStores();
    return (stopping ??= system.stop());
  };
  t.after(stop);
  return { detections, storing, failures, answerStores, stop };
}

test('a detection is published before its JPEGs are stored, and the next one waits for them', async (t) => {
  const { detections, storing, answerStores } = await cameraWorld(t, async () => []);
  await until('the first detection', () => detections.length > 0);
  const [first] = detections;
  assert.equal(first?.frameNumber, 42);
  assert.equal(first.imageId, `${first.requestId}.frame`);
  await until('its JPEGs to be ordered', () => storing.length === 1);
  assert.equal(storing[0]?.message.requestId, first.requestId);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(detections.length, 1, 'the JPEG pool slows the camera down');
  answerStores();
  await until('more detections', () => detections.length > 2);
});

test("a detection carries the camera's settings, the earlier crops of its groups, and names of this run", async (t) => {
  const seen = (left: number): RawDetection => ({ class: 'car', confidence: 0.9, bbox: [left, 0, left + 0.4, 1] });
  const own = { freshnessSeconds: 1.5, prompt: 'a school crossing' };
  let frames = 0;
  // A third car is there in every second frame, so that the group is never unchanged.
  const detect = async (): Promise<RawDetection[]> =>
    frames++ % 2 === 0 ? [seen(0.2), seen(0.4)] : [seen(0.2), seen(0.4), seen(0.6)];
  const { detections, answerStores } = await cameraWorld(t, detect, own);
  answerStores();
  await until('a frame with two earlier moments', () =>
    detections.some(({ trafficGroups }) => trafficGroups[0]?.earlier?.length === 2),
  );
  const moments = new EarlierMoments();
  for (const detection of detections.map((each) => Detection.parse(each))) {
    const { requestId, timestamp, trafficGroups, freshnessSeconds, prompt } = detection;
    assert.deepEqual({ freshnessSeconds, prompt }, own);
    assert.match(trafficGroups[0]?.groupId ?? '', /^g1-[0-9a-z]{5}$/);
    const [expected] = moments.add(requestId, trafficGroups, Date.parse(timestamp));
    assert.deepEqual(trafficGroups[0]?.earlier ?? [], expected);
  }
});

test('the analysis in progress at a stop is still published', async (t) => {
  const analysing = Promise.withResolvers<void>();
  const analysed = Promise.withResolvers<[]>();
  const { detections, stop } = await cameraWorld(t, () => {
    analysing.resolve();
    return analysed.promise;
  });
  await analysing.promise;
  const stopped = stop();
  analysed.resolve([]);
  await stopped;
  assert.equal(detections.length, 1);
});

test('an analysis that throws fails the actor', async (t) => {
  const { failures, detections } = await cameraWorld(t, () => Promise.reject(new Error('broken')));
  await until('the failure', () => failures.length > 0);
  assert.deepEqual(failures, ['/camera']);
  assert.equal(detections.length, 0);
});
