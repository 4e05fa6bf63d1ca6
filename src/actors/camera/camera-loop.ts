import type { MetricRecorder } from '../../infra/metric-table.ts';
import { StageCpu } from '../../infra/stage-cpu.ts';
import type { CountedBin } from '../../messages/counted-bin.ts';
import type { Detection, EarlierMoment, PublishedGroup, StageTimes } from '../../messages/detection.ts';
import { cropImageId, frameImageId, newRequestId, newTraceId } from '../../messages/new-ids.ts';
import type { ActorContext, StopReason } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { markedCrops } from '../../vision/crop.ts';
import type { FrameSize } from '../../vision/frame.ts';
import { IMAGING } from '../imaging.types.ts';
import { INGEST, type StreamPicture } from '../ingest.types.ts';
import { PUBLISHER } from '../publisher.types.ts';
import { RELEASE_REPORTS } from '../release-reports.types.ts';
import { TRAFFIC_COUNTS } from '../traffic-counts.types.ts';
import type { OpenDetector, SwitchableDetector } from './camera-detector.ts';
import { CameraRelease } from './camera-release.ts';
import type { CameraInit, CameraSettings } from './camera.types.ts';
import { EarlierMoments, type Subject } from './earlier-moments.ts';
import { LookBacks } from './look-backs.ts';
import {
  type FrameAnalysis,
  PictureAnalyser,
  type PictureAnalyserOptions,
  type PictureOutcome,
} from './picture-analyser.ts';
import { PictureQueue, type TakenPicture } from './picture-queue.ts';

/** In px. Boxes are in px of a picture of at most this width, the one that people and models see. */
const MAX_WIDTH = 1280;
/** The ingest has 12 s of a stream: with a longer interval, a snapshot could not be made at any time. */
const RARE_MS = 10_000;

type CameraContext = Pick<ActorContext<never>, 'ref' | 'clock' | 'native' | 'report' | 'fail' | 'metrics' | 'log'>;

/** The caller keeps the detector, and releases it. */
export interface CameraLoopParts {
  readonly detector: SwitchableDetector;
  /** For a release in the shadow. */
  readonly open: OpenDetector;
  /** Tests replace it. */
  readonly watch?: PictureAnalyserOptions['watch'];
}

/** The newest picture that was analysed, without its pixels. */
interface NewestPicture {
  readonly size: FrameSize;
  readonly display: FrameSize;
  readonly at: number;
  /** From its arrival to the end of its analysis. */
  readonly latencySeconds: number;
  /** Null for a picture of a look-back. */
  readonly stages: StageTimes | null;
}

/**
 * Takes the newest picture of one camera, analyses it and sends the detection to the publisher, again and again. A
 * picture of a look-back is analysed when no regular one waits; where it changes an incident, the newest frame is
 * published again. JPEGs of a frame are made only when somebody asks for them by the ids that the detection has, so it
 * tells the imaging actor which ids there are.
 */
export class CameraLoop {
  readonly #ctx: CameraContext;
  readonly #init: CameraInit;
  readonly #detector: SwitchableDetector;
  readonly #release: CameraRelease;
  readonly #analyser: PictureAnalyser;
  readonly #lookBacks: LookBacks;
  readonly #cpu: StageCpu;
  readonly #pictures = new PictureQueue();
  readonly #moments = new EarlierMoments();
  #newest: NewestPicture | null = null;
  #frameNumber: number;
  /** Pictures of look-backs analysed. */
  #burst = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(ctx: CameraContext, init: CameraInit, { detector, open, watch }: CameraLoopParts) {
    this.#ctx = ctx;
    this.#init = init;
    this.#detector = detector;
    const { cameraId, intervalMs, confidence, stillSeconds, burstFps, way, scene, thresholds } = init;
    // A group that an earlier incarnation saw is another one: its verdict must not go to the new one.
    const run = runName(ctx.clock.now());
    const shared = { cameraId, run, confidence, burstFps };
    this.#release = new CameraRelease(
      {
        ...shared,
        ctx,
        intervalMs,
        open,
        watch,
        hasDetectorOf: ({ detector: model }) => detector.isThe(model),
        tell: (outcome) => void ctx.ref(RELEASE_REPORTS).tell({ type: 'outcome', outcome }),
      },
      way,
      scene,
    );
    this.#analyser = new PictureAnalyser({
      ...shared,
      detector,
      stillSeconds,
      scene,
      thresholds,
      onProblem: (problem) => ctx.log.warn({ cameraId }, `scene of camera ${cameraId}: ${problem}`),
      ...(watch === undefined ? {} : { watch }),
    });
    this.#lookBacks = new LookBacks(ctx, cameraId);
    this.#cpu = new StageCpu(ctx.metrics, 'cameras');
    this.#frameNumber = init.framesBefore;
  }

  /** Asks for the stream. An analysis that throws fails the actor. */
  start(): void {
    // Of an earlier incarnation, which may have ended in the middle of a picture: its place would be held for 3 s.
    this.#sayDone(false);
    this.#sayDone(true);
    this.follow();
    this.#running = this.#run().catch((thrown: unknown) => this.#ctx.fail(asError(thrown)));
  }

  /**
   * Asks the ingest for the stream, or to go on with it. To be repeated within `FOLLOW_LEASE_MS`: that tries a detector
   * again that could not be loaded.
   */
  renew(): void {
    this.#detector.want(this.#release.way.detector);
    this.follow();
  }

  /** Asks the ingest for pictures of the detector's size. */
  follow(): void {
    const { cameraId, settings, intervalMs } = this.#init;
    this.#ctx.ref(INGEST).tell({ type: 'follow', cameraId, settings, intervalMs, fit: this.#detector.inputSize });
  }

  /** A picture of the stream, or of a look-back. */
  put({ data, width, height, display, at, burst, times }: StreamPicture): void {
    this.#pictures.put({ frame: { data, width, height, display: withinWidth(display) }, display, at, burst, times });
  }

  /** From the next picture on. The stream, tracks and incidents go on. */
  setScene({ scene, thresholds, way }: CameraSettings): void {
    this.#analyser.setScene({ scene, thresholds });
    this.#detector.want(way.detector);
    this.#release.set(way, scene);
  }

  /** Waits for the analysis in progress, whose detection is still published. A restart keeps the stream. */
  async stop(reason: StopReason): Promise<void> {
    this.#pictures.close();
    if (reason !== 'restart') this.#ctx.ref(INGEST).tell({ type: 'unfollow', cameraId: this.#init.cameraId });
    await this.#running;
    await this.#release.close();
    this.#tellCounts(this.#analyser.finish());
  }

  async #run(): Promise<void> {
    for (;;) {
      const taken = await this.#pictures.take();
      if (taken === null) return;
      const still = this.#analyser.stillFrames;
      const { frame, at, burst } = taken;
      const begunAt = this.#ctx.clock.now();
      const outcome = await this.#analyser.analyse(frame, at, burst, (work) => this.#ctx.native(work));
      this.#count(burst, this.#analyser.stillFrames - still);
      const detectMs = this.#detector.takeMs();
      const published = this.#show(taken, outcome, begunAt, detectMs);
      this.#tellCounts(outcome.counts);
      this.#sayDone(burst);
      if (outcome.burst !== null) this.#lookBacks.ask(outcome.burst);
      this.#release.observe({ taken, outcome, published, detectMs });
      this.#report();
    }
  }

  /** Publishes the newest frame: for each regular picture, and when a picture of a look-back changed an incident. */
  #show(
    { frame, display, at, burst, times }: TakenPicture,
    { newest, isNewest, changed }: PictureOutcome,
    begunAt: number,
    detectMs: number,
  ): Detection | null {
    if (isNewest) {
      const now = this.#ctx.clock.now();
      const stages = times === null ? null : stagesOf(times, at, begunAt, detectMs, now);
      this.#newest = { size: frame.display, display, at, latencySeconds: (now - at) / 1000, stages };
    }
    return this.#newest !== null && (!burst || changed) ? this.#publish(this.#newest, newest) : null;
  }

  #publish({ size, display, at, latencySeconds, stages }: NewestPicture, analysis: FrameAnalysis): Detection {
    const { objects, groups, incidents } = analysis;
    const requestId = newRequestId(at);
    this.#frameNumber += 1;
    const { cameraId, intervalMs, freshnessSeconds, prompt } = this.#init;
    const isRare = intervalMs > RARE_MS;
    const release = this.#release.mark;
    const moments = this.#moments.add(requestId, subjectsOf(analysis), at);
    const { width, height } = size;
    const detection: Detection = {
      requestId,
      cameraId,
      timestamp: new Date(at).toISOString(),
      traceId: newTraceId(),
      frameNumber: this.#frameNumber,
      detectedObjects: objects,
      incidents: incidents.map((incident, i) => ({
        ...incident,
        cropId: cropImageId(requestId, incident.subjectIndex),
        ...earlierOf(moments[groups.length + i]),
      })),
      trafficGroups: groups.map((group, i) => ({
        ...group,
        cropId: cropImageId(requestId, group.groupIndex),
        ...earlierOf(moments[i]),
      })),
      imageWidth: width,
      imageHeight: height,
      imageId: frameImageId(requestId),
      detectionLatency: latencySeconds,
      modelType: this.#detector.modelType,
      ...(stages === null ? {} : { stages }),
      ...(freshnessSeconds === undefined ? {} : { freshnessSeconds }),
      ...(prompt === undefined ? {} : { prompt }),
      ...(release === null ? {} : { release }),
    };
    const regions = markedCrops(analysis, width, height);
    // Before the detection: whoever reads that may ask for its pictures at once.
    this.#ctx.ref(IMAGING).tell({ type: 'remember', cameraId, requestId, at, display, width, height, regions, isRare });
    this.#ctx.ref(PUBLISHER).tell({ type: 'publish', detection });
    return detection;
  }

  #tellCounts(bins: readonly CountedBin[]): void {
    const { cameraId } = this.#init;
    for (const bin of bins) {
      const counts = { ...bin, cameraId, countId: newRequestId(this.#ctx.clock.now()) };
      this.#ctx.ref(TRAFFIC_COUNTS).tell({ type: 'counted', counts });
    }
  }

  #count(burst: boolean, still: number): void {
    const metrics: MetricRecorder = this.#ctx.metrics;
    const labels = { camera_id: this.#init.cameraId };
    if (still > 0) metrics.inc('inference_skipped_total', still, labels);
    if (!burst) return;
    this.#burst += 1;
    metrics.inc('burst_pictures_analysed_total', 1, labels);
  }

  #sayDone(burst: boolean): void {
    this.#ctx.ref(INGEST).tell({ type: 'analysed', cameraId: this.#init.cameraId, burst });
  }

  #report(): void {
    this.#cpu.note();
    const { replaced, dropped } = this.#pictures;
    const { stillFrames } = this.#analyser;
    this.#ctx.report({
      frames: this.#frameNumber,
      skipped: replaced,
      still: stillFrames,
      burst: this.#burst,
      burstDropped: dropped,
    });
  }
}

/** The size scaled down to {@link MAX_WIDTH}. */
function withinWidth({ width, height }: FrameSize): FrameSize {
  if (width <= MAX_WIDTH) return { width, height };
  return { width: MAX_WIDTH, height: Math.max(1, Math.round((height * MAX_WIDTH) / width)) };
}

/** Times are epoch ms: of the picture's arrival, and of the beginning and end of its analysis. */
function stagesOf(
  { queuedMs, decodeMs }: NonNullable<TakenPicture['times']>,
  at: number,
  begunAt: number,
  detectMs: number,
  endedAt: number,
): StageTimes {
  const waitMs = Math.max(0, begunAt - at - queuedMs - decodeMs);
  return { queuedMs, decodeMs, waitMs, detectMs, trackMs: Math.max(0, endedAt - begunAt - detectMs) };
}

/** Groups, then incidents. */
const subjectsOf = ({ groups, incidents }: FrameAnalysis): Subject[] => [
  ...groups.map(({ groupId, groupIndex, unchangedSince }) => ({
    id: groupId,
    subjectIndex: groupIndex,
    unchangedSince,
  })),
  ...incidents.map(({ incidentId, subjectIndex }) => ({ id: incidentId, subjectIndex })),
];

const earlierOf = (moments: readonly EarlierMoment[] = []): Pick<PublishedGroup, 'earlier'> =>
  moments.length === 0 ? {} : { earlier: [...moments] };

const RUN_NAME_LENGTH = 5;

/** Tells the starts of a camera apart: tenths of a second in base 36, repeated after 70 days. */
const runName = (now: number): string =>
  (Math.floor(now / 100) % 36 ** RUN_NAME_LENGTH).toString(36).padStart(RUN_NAME_LENGTH, '0');
