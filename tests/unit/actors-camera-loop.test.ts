import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { CameraLoop } from '../../src/actors/camera/camera-loop.ts';
import type { CameraInit, CameraMessage } from '../../src/actors/camera/camera.types.ts';
import { EarlierMoments } from '../../src/actors/camera/earlier-moments.ts';
import { NewestPicture } from '../../src/actors/camera/newest-picture.ts';
import type { ImagingMessage } from '../../src/actors/imaging.types.ts';
import type { IngestMessage, StreamPicture } from '../../src/actors/ingest.types.ts';
import type { PublisherMessage } from '../../src/actors/publisher.types.ts';
import { Detection } from '../../src/messages/detection.ts';
import { imageMadeAt } from '../../src/messages/ids.ts';
import { defineActor } from '../../src/runtime/actor.ts';
import { address } from '../../src/runtime/ref.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import type { Detector, RawDetection } from '../../src/vision/vision.types.ts';
import { memoryLog } from '../support/log.ts';
import { until } from '../support/until.ts';

const MAILBOX = { capacity: 1_000, overflow: 'refuse' } as const;
const AT = Date.UTC(2026, 4, 4);
const INPUT = { width: 448, height: 256 };

const INIT: CameraInit = {
  cameraId: 'cam',
  settings: {
    url: 'rtsp://127.0.0.1:1/none',
    transport: 'auto',
    certificateSha256: null,
    allow: null,
    previewSocket: null,
  },
  intervalMs: 1_000,
  model: { name: 'fake', family: 'ssd', path: '', input: {}, outputs: {}, classes: 'coco90', labelOffset: 0 },
  confidence: 0.5,
  iou: 0.5,
  inference: 'own',
  stillSeconds: 0,
  framesBefore: 41,
};

/** A picture of 2 x 2 px. */
const picture = (over: Partial<StreamPicture> = {}): StreamPicture => ({
  type: 'picture',
  data: new Uint8Array(12),
  width: 2,
  height: 2,
  display: { width: 2, height: 2 },
  at: AT,
  burst: false,
  ...over,
});

/** A camera whose pictures and detector are the test's. */
async function cameraWorld(t: TestContext, detect: Detector['detect'], own: Partial<CameraInit> = {}) {
  const detections: Detection[] = [];
  const remembered: ImagingMessage[] = [];
  const asked: IngestMessage[] = [];
  const order: string[] = [];
  const failures: string[] = [];
  const publisher = defineActor<PublisherMessage>()<null>({
    kind: 'publisher',
    mailbox: MAILBOX,
    start: () => ({
      handlers: {
        publish: ({ detection }) => {
          detections.push(detection);
          order.push('published');
        },
      },
    }),
  });
  const imaging = defineActor<ImagingMessage>()<null>({
    kind: 'imaging',
    mailbox: MAILBOX,
    start: () => ({
      handlers: {
        remember: (message) => {
          remembered.push(message);
          order.push('remembered');
        },
      },
    }),
  });
  const counts = { done: 0 };
  const ingest = defineActor<Extract<IngestMessage, { type: 'follow' | 'unfollow' | 'analysed' }>>()<null>({
    kind: 'ingest',
    mailbox: MAILBOX,
    start: () => ({
      handlers: {
        follow: (message) => void asked.push(message),
        unfollow: (message) => void asked.push(message),
        analysed: () => void (counts.done += 1),
      },
    }),
  });
  const camera = defineActor<CameraMessage>()<CameraInit>({
    kind: 'camera',
    mailbox: MAILBOX,
    start: (ctx, init) => {
      const detector = { modelType: 'fake', inputSize: INPUT, detect, release: () => Promise.resolve() };
      const loop = new CameraLoop(ctx, init, detector);
      loop.start();
      return { handlers: { picture: (message) => loop.put(message) }, stop: (reason) => loop.stop(reason) };
    },
  });
  const parts = [
    child('publisher', publisher, () => null),
    child('imaging', imaging, () => null),
    child('ingest', ingest, () => null),
    child('camera', camera, () => ({ ...INIT, ...own }), {
      backoff: { minMs: 60_000, maxMs: 60_000, factor: 1, resetAfterMs: 1 },
    }),
  ];
  const system = await startSystem(supervisor('root', parts), {
    log: memoryLog(),
    onEscalation: (error) => assert.fail(error.message),
  });
  system.subscribe((event) => {
    if (event.type === 'failed') failures.push(event.path);
  });
  let stopping: Promise<unknown> | null = null;
  const stop = (): Promise<unknown> => (stopping ??= system.stop());
  t.after(stop);
  const ref = system.ref(address<CameraMessage>('/camera'));
  /** Sends a picture and waits for its detection. */
  const shown = async (over: Partial<StreamPicture> = {}): Promise<Detection> => {
    const before = detections.length;
    ref.tell(picture(over));
    return until('a detection', () => detections[before]);
  };
  return { system, detections, remembered, asked, counts, order, failures, ref, shown, stop };
}

const car = (left: number): RawDetection => ({ class: 'car', confidence: 0.9, bbox: [left, 0, left + 0.4, 1] });

test('a camera asks for pictures in the size of its detector, and gives the stream up at a stop', async (t) => {
  const { asked, stop } = await cameraWorld(t, async () => []);
  await until('the request', () => asked.length === 1);
  assert.deepEqual(asked[0], {
    type: 'follow',
    cameraId: 'cam',
    settings: INIT.settings,
    intervalMs: 1_000,
    fit: INPUT,
  });
  await stop();
  assert.deepEqual(asked.slice(1), [{ type: 'unfollow', cameraId: 'cam' }]);
});

test('a camera is done with what an earlier incarnation was sent when it starts, and after each picture', async (t) => {
  const { counts, asked, shown } = await cameraWorld(t, async () => []);
  await until('the request', () => asked.length === 1);
  assert.equal(counts.done, 1);
  await shown();
  await until('the next may come', () => counts.done === 2);
});

test('a restart keeps the stream', async (t) => {
  const { asked, system } = await cameraWorld(t, async () => []);
  await system.restart('/camera');
  await until('the second request', () => asked.length === 2);
  assert.deepEqual(
    asked.map(({ type }) => type),
    ['follow', 'follow'],
  );
});

test('a frame has the number, time and ids of its picture, and can be asked for before it is published', async (t) => {
  const { shown, remembered, order } = await cameraWorld(t, async () => [car(0.2), car(0.4)]);
  const detection = Detection.parse(await shown());
  const { requestId, frameNumber, imageId, timestamp, trafficGroups } = detection;
  assert.deepEqual([frameNumber, imageId, timestamp], [42, `${requestId}.frame`, new Date(AT).toISOString()]);
  assert.equal(imageMadeAt(`${requestId}.frame`), AT, "the id tells the picture's age");
  assert.deepEqual(order, ['remembered', 'published']);
  const [{ type, regions, ...facts } = assert.fail()] = remembered;
  assert.deepEqual(
    [type, facts],
    [
      'remember',
      { cameraId: 'cam', requestId, at: AT, display: { width: 2, height: 2 }, width: 2, height: 2, isRare: false },
    ],
  );
  assert.deepEqual(
    regions.map(({ groupIndex, marks }) => [`${requestId}.g${groupIndex}`, marks.length]),
    [[trafficGroups[0]?.cropId, 2]],
  );
});

test('boxes of a large picture are in px of one 1,280 px wide', async (t) => {
  const { shown, remembered } = await cameraWorld(t, async ({ display }) => {
    assert.deepEqual(display, { width: 1_280, height: 720 });
    return [];
  });
  const { imageWidth, imageHeight } = await shown({ display: { width: 3_840, height: 2_160 } });
  assert.deepEqual([imageWidth, imageHeight], [1_280, 720]);
  assert.deepEqual(remembered[0]?.display, { width: 3_840, height: 2_160 });
});

test('pictures of a look-back are counted and not published', async (t) => {
  const { shown, detections, ref, system } = await cameraWorld(t, async () => []);
  ref.tell(picture({ burst: true }));
  await shown({ at: AT + 1 });
  assert.equal(detections.length, 1);
  assert.match(JSON.stringify(system.snapshot()), /"burst":1/u);
});

test('a picture in which nothing moves is published without the detector, and counted', async (t) => {
  let looks = 0;
  const detect = async (): Promise<RawDetection[]> => {
    looks += 1;
    return [car(0.2), car(0.4)];
  };
  const { shown, system } = await cameraWorld(t, detect, { stillSeconds: 10 });
  const first = await shown();
  const still = await shown({ at: AT + 1_000 });
  assert.deepEqual([looks, still.frameNumber], [1, first.frameNumber + 1]);
  assert.deepEqual(
    still.detectedObjects.map(({ bbox }) => bbox),
    first.detectedObjects.map(({ bbox }) => bbox),
  );
  assert.match(JSON.stringify(system.snapshot()), /"still":1/u);
  await shown({ at: AT + 2_000, data: new Uint8Array(12).fill(90) });
  await shown({ at: AT + 12_000, data: new Uint8Array(12).fill(90) });
  assert.equal(looks, 2, 'light alone is no motion, ten seconds are up');
});

test("a detection carries the camera's settings, the earlier crops of its groups, and names of this run", async (t) => {
  const own = { freshnessSeconds: 1.5, prompt: 'a school crossing' };
  let frames = 0;
  // A third car is there in every second frame, so that the group is never unchanged.
  const detect = async (): Promise<RawDetection[]> =>
    frames++ % 2 === 0 ? [car(0.2), car(0.4)] : [car(0.2), car(0.4), car(0.6)];
  const { shown } = await cameraWorld(t, detect, own);
  const moments = new EarlierMoments();
  for (const at of [0, 500, 1_000, 1_500]) {
    const detection = Detection.parse(await shown({ at: AT + at }));
    const { requestId, timestamp, trafficGroups, freshnessSeconds, prompt } = detection;
    assert.deepEqual({ freshnessSeconds, prompt }, own);
    assert.match(trafficGroups[0]?.groupId ?? '', /^g1-[0-9a-z]{5}$/);
    const [expected] = moments.add(requestId, trafficGroups, Date.parse(timestamp));
    assert.deepEqual(trafficGroups[0]?.earlier ?? [], expected);
    assert.equal(expected?.length, Math.min(2, at / 500));
  }
});

test('the analysis in progress at a stop is still published', async (t) => {
  const analysing = Promise.withResolvers<void>();
  const analysed = Promise.withResolvers<[]>();
  const { detections, ref, stop } = await cameraWorld(t, () => {
    analysing.resolve();
    return analysed.promise;
  });
  ref.tell(picture());
  await analysing.promise;
  const stopped = stop();
  analysed.resolve([]);
  await stopped;
  assert.equal(detections.length, 1);
});

test('an analysis that throws fails the actor', async (t) => {
  const { failures, detections, ref } = await cameraWorld(t, () => Promise.reject(new Error('broken')));
  ref.tell(picture());
  await until('the failure', () => failures.length > 0);
  assert.deepEqual(failures, ['/camera']);
  assert.equal(detections.length, 0);
});

test('the newest picture replaces the one that waits, and each is taken once', async () => {
  const pictures = new NewestPicture();
  const display = { width: 1, height: 1 };
  const frame = { data: new Uint8Array(3), width: 1, height: 1, display };
  const first = pictures.take();
  for (const at of [1, 2, 3]) pictures.put({ frame, display, at });
  assert.equal((await first)?.at, 1, 'a taker that waits gets the next one');
  assert.equal((await pictures.take())?.at, 3);
  assert.equal(pictures.replaced, 1);
  const last = pictures.take();
  pictures.close();
  assert.equal(await last, null);
  pictures.put({ frame, display, at: 4 });
  assert.equal(await pictures.take(), null);
});
