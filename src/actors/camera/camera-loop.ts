import type { MetricRecorder } from '../../infra/metric-table.ts';
import type { Detection, EarlierMoment, PublishedGroup } from '../../messages/detection.ts';
import { cropImageId, frameImageId, newRequestId, newTraceId } from '../../messages/new-ids.ts';
import type { ActorContext, StopReason } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { type Analyser, createAnalyser, type FrameAnalysis } from '../../vision/analyse.ts';
import { markedCrops } from '../../vision/crop.ts';
import type { FrameSize } from '../../vision/frame.ts';
import type { Detector } from '../../vision/vision.types.ts';
import { IMAGING } from '../imaging.types.ts';
import { INGEST, type StreamPicture } from '../ingest.types.ts';
import { PUBLISHER } from '../publisher.types.ts';
import type { CameraInit } from './camera.types.ts';
import { EarlierMoments } from './earlier-moments.ts';
import { NewestPicture, type TakenPicture } from './newest-picture.ts';

/** In px. Boxes are in px of a picture of at most this width, the one that people and models see. */
const MAX_WIDTH = 1280;
/** The ingest has 12 s of a stream: with a longer interval, a snapshot could not be made at any time. */
const RARE_MS = 10_000;

type CameraContext = Pick<ActorContext<never>, 'ref' | 'clock' | 'native' | 'report' | 'fail' | 'metrics'>;

/**
 * Takes the newest picture of one camera, analyses it and sends the detection to the publisher, again and again. JPEGs
 * of it are made only when somebody asks for them by the ids that the detection has, so it tells the imaging actor
 * which ids there are.
 */
export class CameraLoop {
  readonly #ctx: CameraContext;
  readonly #init: CameraInit;
  readonly #detector: Detector;
  readonly #analyser: Analyser;
  readonly #pictures = new NewestPicture();
  readonly #moments = new EarlierMoments();
  #frameNumber: number;
  /** Pictures of look-backs received. */
  #burst = 0;
  #running: Promise<void> = Promise.resolve();

  /** The caller keeps the detector, and releases it. */
  constructor(ctx: CameraContext, init: CameraInit, detector: Detector) {
    this.#ctx = ctx;
    this.#init = init;
    this.#detector = detector;
    // A group that an earlier incarnation saw is another one: its verdict must not go to the new one.
    const suffix = `-${runName(ctx.clock.now())}`;
    this.#analyser = createAnalyser({ detector, groupIdentity: { suffix }, stillSeconds: init.stillSeconds });
    this.#frameNumber = init.framesBefore;
  }

  /** Asks for the stream. An analysis that throws fails the actor. */
  start(): void {
    // Of an earlier incarnation, which may have ended in the middle of a picture: its place would be held for 3 s.
    this.#sayDone();
    this.follow();
    this.#running = this.#run().catch((thrown: unknown) => this.#ctx.fail(asError(thrown)));
  }

  /** Asks the ingest for the stream, or to go on with it. To be repeated within `FOLLOW_LEASE_MS`. */
  follow(): void {
    const { cameraId, settings, intervalMs } = this.#init;
    this.#ctx.ref(INGEST).tell({ type: 'follow', cameraId, settings, intervalMs, fit: this.#detector.inputSize });
  }

  /** A picture of the stream. Those of a look-back are only counted. */
  put({ data, width, height, display, at, burst }: StreamPicture): void {
    if (burst) {
      this.#burst += 1;
      this.#report();
    } else this.#pictures.put({ frame: { data, width, height, display: withinWidth(display) }, display, at });
  }

  /** Waits for the analysis in progress, whose detection is still published. A restart keeps the stream. */
  async stop(reason: StopReason): Promise<void> {
    this.#pictures.close();
    if (reason !== 'restart') this.#ctx.ref(INGEST).tell({ type: 'unfollow', cameraId: this.#init.cameraId });
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      const taken = await this.#pictures.take();
      if (taken === null) return;
      const still = this.#analyser.stillFrames;
      const analysis = await this.#analyser.analyse(taken.frame, taken.at, (work) => this.#ctx.native(work));
      this.#countStill(this.#analyser.stillFrames - still);
      this.#publish(taken, analysis);
      this.#sayDone();
      this.#report();
    }
  }

  #publish({ frame, display, at }: TakenPicture, { objects, groups }: FrameAnalysis): void {
    const requestId = newRequestId(at);
    this.#frameNumber += 1;
    const { cameraId, intervalMs, freshnessSeconds, prompt } = this.#init;
    const isRare = intervalMs > RARE_MS;
    const moments = this.#moments.add(requestId, groups, at);
    const { width, height } = frame.display;
    const detection: Detection = {
      requestId,
      cameraId,
      timestamp: new Date(at).toISOString(),
      traceId: newTraceId(),
      frameNumber: this.#frameNumber,
      detectedObjects: objects,
      trafficGroups: groups.map((group, i) => ({
        ...group,
        cropId: cropImageId(requestId, group.groupIndex),
        ...earlierOf(moments[i]),
      })),
      imageWidth: width,
      imageHeight: height,
      imageId: frameImageId(requestId),
      detectionLatency: (this.#ctx.clock.now() - at) / 1000,
      modelType: this.#detector.modelType,
      ...(freshnessSeconds === undefined ? {} : { freshnessSeconds }),
      ...(prompt === undefined ? {} : { prompt }),
    };
    const regions = markedCrops({ objects, groups }, width, height);
    // Before the detection: whoever reads that may ask for its pictures at once.
    this.#ctx.ref(IMAGING).tell({ type: 'remember', cameraId, requestId, at, display, width, height, regions, isRare });
    this.#ctx.ref(PUBLISHER).tell({ type: 'publish', detection });
  }

  #countStill(frames: number): void {
    const metrics: MetricRecorder = this.#ctx.metrics;
    if (frames > 0) metrics.inc('inference_skipped_total', frames, { camera_id: this.#init.cameraId });
  }

  #sayDone(): void {
    this.#ctx.ref(INGEST).tell({ type: 'analysed', cameraId: this.#init.cameraId });
  }

  #report(): void {
    const { replaced } = this.#pictures;
    const { stillFrames } = this.#analyser;
    this.#ctx.report({ frames: this.#frameNumber, skipped: replaced, still: stillFrames, burst: this.#burst });
  }
}

/** The size scaled down to {@link MAX_WIDTH}. */
function withinWidth({ width, height }: FrameSize): FrameSize {
  if (width <= MAX_WIDTH) return { width, height };
  return { width: MAX_WIDTH, height: Math.max(1, Math.round((height * MAX_WIDTH) / width)) };
}

const earlierOf = (moments: readonly EarlierMoment[] = []): Pick<PublishedGroup, 'earlier'> =>
  moments.length === 0 ? {} : { earlier: [...moments] };

const RUN_NAME_LENGTH = 5;

/** Tells the starts of a camera apart: tenths of a second in base 36, repeated after 70 days. */
const runName = (now: number): string =>
  (Math.floor(now / 100) % 36 ** RUN_NAME_LENGTH).toString(36).padStart(RUN_NAME_LENGTH, '0');
