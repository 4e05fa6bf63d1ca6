import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CameraDetector } from '../../src/actors/camera/camera-detector.ts';
import { CameraLoop } from '../../src/actors/camera/camera-loop.ts';
import { PLAIN_WAY } from '../../src/actors/camera/camera-way.types.ts';
import type { CameraInit, CameraMessage } from '../../src/actors/camera/camera.types.ts';
import type { CameraRegistryMessage } from '../../src/actors/camera-registry.ts';
import type { ImagingMessage } from '../../src/actors/imaging.types.ts';
import { ingestActor } from '../../src/actors/ingest.ts';
import type { PublisherMessage } from '../../src/actors/publisher.types.ts';
import { Detection } from '../../src/messages/detection.ts';
import { thresholdsWith } from '../../src/messages/event-thresholds.ts';
import { defineActor } from '../../src/runtime/actor.ts';
import type { OfType } from '../../src/runtime/message.ts';
import { child, dynamic, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import type { Detector, NativeGuard } from '../../src/vision/vision.types.ts';
import { FakeWatch, watchedIncident } from '../support/fake-watch.ts';
import { film } from '../support/film.ts';
import { memoryLog } from '../support/log.ts';
import { startOddCamera } from '../support/odd-camera.ts';
import { until } from '../support/until.ts';

const MAILBOX = { capacity: 1_000, overflow: 'refuse' } as const;
const FPS = 5;
const SPAN_MS = 2_000;

const registry = defineActor<OfType<CameraRegistryMessage, 'status'>>()<null>({
  kind: 'registry',
  mailbox: MAILBOX,
  start: () => ({ handlers: { status: () => undefined } }),
});
const imaging = defineActor<ImagingMessage>()<null>({
  kind: 'imaging',
  mailbox: MAILBOX,
  start: () => ({ handlers: { remember: () => undefined } }),
});

/** It sees one car, always. */
const detector: Detector = {
  modelType: 'fake',
  inputSize: { width: 96, height: 96 },
  detect: async () => [{ class: 'car', confidence: 0.9, bbox: [10, 10, 60, 40] }],
  release: async () => undefined,
};

test('a wish of the watch brings the pictures before, in order; the incident in them is published', async (t) => {
  const source = await startOddCamera({ film: await film({ gop: 5, seconds: 2 }) });
  t.after(() => source.stop());
  const watch = new FakeWatch();
  let wish: { readonly from: number; readonly to: number } | null = null;
  watch.find = ({ at, burst }) => {
    const looked = watch.frames.filter((frame) => frame.burst).length;
    if (!burst && wish === null && watch.frames.length === 8) {
      wish = { from: at - SPAN_MS, to: at };
      return { burst: { ...wish, fps: FPS } };
    }
    return burst && looked === 3 ? { changed: true, incidents: [watchedIncident()] } : {};
  };
  const detections: Detection[] = [];
  const publisher = defineActor<PublisherMessage>()<null>({
    kind: 'publisher',
    mailbox: MAILBOX,
    start: () => ({ handlers: { publish: ({ detection }) => void detections.push(Detection.parse(detection)) } }),
  });
  const camera = defineActor<CameraMessage>()<CameraInit>({
    kind: 'camera',
    mailbox: { capacity: 16, overflow: 'drop-oldest' },
    start: async (ctx, init) => {
      const open = async (): Promise<Detector> => detector;
      const native: NativeGuard = (work) => ctx.native(work);
      const parts = { open, native, clock: ctx.clock, log: ctx.log, onSwitched: () => undefined };
      const ofCamera = await CameraDetector.load(parts, null);
      const loop = new CameraLoop(ctx, init, { detector: ofCamera, open, watch: watch.make });
      loop.start();
      return {
        handlers: { picture: (picture) => loop.put(picture), scene: (settings) => loop.setScene(settings) },
        stop: (reason) => loop.stop(reason),
      };
    },
  });
  const tree = supervisor('root', [
    child('camera-registry', registry, () => null),
    child('publisher', publisher, () => null),
    child('imaging', imaging, () => null),
    child('ingest', ingestActor, () => ({ decoders: 1 }), {
      placement: { kind: 'thread', maxHeapMb: 256 },
      startTimeoutMs: 30_000,
    }),
    dynamic('cameras'),
  ]);
  const system = await startSystem(tree, { log: memoryLog(), onEscalation: (error) => assert.fail(error) });
  t.after(() => system.stop());
  const init: CameraInit = {
    cameraId: 'cam',
    settings: { url: source.url, transport: 'auto', certificateSha256: null, allow: null, previewSocket: null },
    intervalMs: 400,
    model: { name: 'fake', family: 'ssd', path: '', input: {}, outputs: {}, classes: 'coco90', labelOffset: 0 },
    confidence: 0.35,
    iou: 0.5,
    inference: 'own',
    stillSeconds: 0,
    burstFps: 2,
    framesBefore: 0,
    scene: null,
    thresholds: thresholdsWith(),
    way: PLAIN_WAY,
  };
  await system.startChild(
    '/cameras',
    child('cam', camera, () => init),
  );
  const found = await until('the incident', () => detections.find(({ incidents }) => incidents.length > 0));

  const { from, to } = wish ?? assert.fail();
  const looked = watch.frames.filter(({ burst }) => burst).map(({ at }) => at);
  assert.ok(looked.length <= (FPS * SPAN_MS) / 1_000 + 1, `${looked.length} pictures`);
  assert.deepEqual(looked, looked.toSorted());
  assert.ok(
    looked.every((at) => at >= from && at <= to),
    'those of the moments wished for',
  );
  assert.ok(looked[0] !== undefined && looked[0] - from <= SPAN_MS / 2, 'from the first');
  const newest = watch.frames.filter(({ burst, at }) => !burst && at <= Date.parse(found.timestamp)).at(-1);
  assert.equal(Date.parse(found.timestamp), newest?.at, 'with the newest frame');
  assert.deepEqual(found.incidents[0]?.objects, [0]);
  assert.equal(found.incidents[0]?.cropId, `${found.requestId}.g${found.trafficGroups.length + 1}`);
  const numbers = detections.map(({ frameNumber }) => frameNumber);
  assert.deepEqual(
    numbers,
    numbers.map((_, index) => index + 1),
    'no number twice',
  );
});
