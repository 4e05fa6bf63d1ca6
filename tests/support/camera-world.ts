import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { CameraDetector, type OpenDetector } from '../../src/actors/camera/camera-detector.ts';
import { CameraLoop } from '../../src/actors/camera/camera-loop.ts';
import { PLAIN_WAY } from '../../src/actors/camera/camera-way.types.ts';
import type { CameraInit, CameraMessage } from '../../src/actors/camera/camera.types.ts';
import type { ImagingMessage } from '../../src/actors/imaging.types.ts';
import type { BurstOutcome, IngestMessage, StreamPicture } from '../../src/actors/ingest.types.ts';
import type { ReleaseReport } from '../../src/actors/release-reports.types.ts';
import type { PublisherMessage } from '../../src/actors/publisher.types.ts';
import type { TrafficCounts } from '../../src/messages/counted-bin.ts';
import type { Detection } from '../../src/messages/detection.ts';
import type { ReleaseOutcome } from '../../src/messages/release.ts';
import { thresholdsWith } from '../../src/messages/event-thresholds.ts';
import { defineActor } from '../../src/runtime/actor.ts';
import { address } from '../../src/runtime/ref.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import type { Detector } from '../../src/vision/vision.types.ts';
import type { TrafficCountsMessage } from '../../src/actors/traffic-counts.types.ts';
import { FakeWatch } from './fake-watch.ts';
import { memoryLog } from './log.ts';
import { until } from './until.ts';

const MAILBOX = { capacity: 1_000, overflow: 'refuse' } as const;
export const AT = Date.UTC(2026, 4, 4);
export const INPUT = { width: 448, height: 256 };

export const INIT: CameraInit = {
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
  burstFps: 2,
  framesBefore: 41,
  scene: null,
  thresholds: thresholdsWith(),
  way: PLAIN_WAY,
};

export const NOTHING: BurstOutcome = { sent: 0, missed: { gone: 0, undecodable: 0, overBudget: 0 } };

/** A picture of 2 x 2 px. */
export const picture = (over: Partial<StreamPicture> = {}): StreamPicture => ({
  type: 'picture',
  data: new Uint8Array(12),
  width: 2,
  height: 2,
  display: { width: 2, height: 2 },
  at: AT,
  burst: false,
  times: null,
  ...over,
});

interface Over {
  /** Of every model but that of the start. The model `broken` can't be loaded. */
  readonly detectCandidate?: Detector['detect'];
  /** The watch of the product, not the test's. */
  readonly isReal?: boolean;
  /** The processors have time to spare. Default true. */
  readonly hasSpareTime?: () => boolean;
}

/** A camera whose pictures and detector are the test's. */
export async function cameraWorld(
  t: TestContext,
  detect: Detector['detect'],
  own: Partial<CameraInit> = {},
  release: Over = {},
) {
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
  const counted: TrafficCounts[] = [];
  const trafficCounts = defineActor<Extract<TrafficCountsMessage, { type: 'counted' }>>()<null>({
    kind: 'traffic-counts',
    mailbox: MAILBOX,
    start: () => ({ handlers: { counted: ({ counts: minute }) => void counted.push(minute) } }),
  });
  const watch = new FakeWatch();
  const counts = { done: 0, doneOfBursts: 0 };
  const bursts: Extract<IngestMessage, { type: 'burst' }>[] = [];
  const answers: { burst: () => Promise<BurstOutcome> } = { burst: async () => NOTHING };
  type Known = 'spare' | 'follow' | 'unfollow' | 'analysed' | 'burst';
  const ingest = defineActor<Extract<IngestMessage, { type: Known }>>()<null>({
    kind: 'ingest',
    mailbox: MAILBOX,
    start: (ctx) => ({
      handlers: {
        follow: (message) => void asked.push(message),
        spare: () => release.hasSpareTime?.() ?? true,
        unfollow: (message) => void asked.push(message),
        analysed: ({ burst }) => void (counts[burst ? 'doneOfBursts' : 'done'] += 1),
        burst: (message) => {
          bursts.push(message);
          const answer = ctx.defer<BurstOutcome>();
          answers.burst().then(
            (outcome) => answer.resolve(outcome),
            (error: Error) => answer.reject(error),
          );
          return answer;
        },
      },
    }),
  });
  const camera = defineActor<CameraMessage>()<CameraInit>({
    kind: 'camera',
    mailbox: MAILBOX,
    start: async (ctx, init) => {
      const fake = (modelType: string): Detector => ({
        modelType,
        inputSize: INPUT,
        detect: modelType === 'fake' ? detect : (release.detectCandidate ?? detect),
        release: () => Promise.resolve(),
      });
      const open: OpenDetector = async (model) => {
        if (model?.name === 'broken') throw new Error('damaged');
        return fake(model?.name ?? 'fake');
      };
      const detector = await CameraDetector.load(
        { open, native: (work) => ctx.native(work), clock: ctx.clock, log: ctx.log, onSwitched: () => loop.follow() },
        init.way.detector,
      );
      const loop = new CameraLoop(ctx, init, {
        detector,
        open,
        ...(release.isReal === true ? {} : { watch: watch.make }),
      });
      loop.start();
      return {
        handlers: {
          picture: (message) => loop.put(message),
          scene: (settings) => loop.setScene(settings),
        },
        stop: (reason) => loop.stop(reason),
      };
    },
  });
  const outcomes: ReleaseOutcome[] = [];
  const reports = defineActor<ReleaseReport>()<null>({
    kind: 'release-reports',
    mailbox: MAILBOX,
    start: () => ({
      handlers: {
        outcome: ({ outcome }) => {
          outcomes.push(outcome);
          order.push(outcome.type);
        },
        'detector-failed': () => undefined,
      },
    }),
  });
  const parts = [
    child('release-reports', reports, () => null),
    child('publisher', publisher, () => null),
    child('imaging', imaging, () => null),
    child('traffic-counts', trafficCounts, () => null),
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
  return {
    system,
    detections,
    remembered,
    counted,
    outcomes,
    asked,
    counts,
    watch,
    bursts,
    answers,
    order,
    failures,
    ref,
    shown,
    stop,
  };
}
