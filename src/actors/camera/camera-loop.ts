import type { Detection, EarlierMoment, PublishedGroup } from '../../messages/detection.ts';
import { cropImageId, frameImageId, newRequestId, newTraceId, type RequestId } from '../../messages/ids.ts';
import { IMAGES_WITHIN_MS } from '../../infra/image-wait.ts';
import type { ActorContext } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { transfer } from '../../runtime/transfer.ts';
import { CameraSource } from '../../source/camera-source.ts';
import { type Analyser, createAnalyser, type FrameAnalysis } from '../../vision/analyse.ts';
import { markedCrops } from '../../vision/crop.ts';
import type { Detector } from '../../vision/detector.ts';
import type { Frame } from '../../vision/frame.ts';
import { CAMERA_REGISTRY } from '../camera-registry.ts';
import { IMAGING } from '../imaging.ts';
import { PUBLISHER } from '../publisher.ts';
import type { CameraInit, CameraMessage } from './camera.types.ts';
import { EarlierMoments } from './earlier-moments.ts';
import { NewestFrame, type TakenFrame } from './newest-frame.ts';

const MAX_WIDTH = 1280;

/**
 * Takes the newest picture of one camera, analyses it and sends the detection to the publisher, again and again. The
 * imaging actor makes the JPEGs meanwhile, and stores them under the ids that the detection has already.
 */
export class CameraLoop {
  readonly #ctx: ActorContext<CameraMessage>;
  readonly #init: CameraInit;
  readonly #detector: Detector;
  readonly #analyser: Analyser;
  readonly #source: CameraSource;
  readonly #frames = new NewestFrame();
  readonly #moments = new EarlierMoments();
  #frameNumber: number;
  /** Settles when the JPEGs of the previous frame are stored or given up. Never rejects. */
  #pictures: Promise<void> = Promise.resolve();
  #running: Promise<void> = Promise.resolve();

  /** The caller keeps the detector, and releases it. */
  constructor(ctx: ActorContext<CameraMessage>, init: CameraInit, detector: Detector) {
    this.#ctx = ctx;
    this.#init = init;
    this.#detector = detector;
    // A group that an earlier incarnation saw is another one: its verdict must not go to the new one.
    const suffix = `-${runName(ctx.clock.now())}`;
    this.#analyser = createAnalyser({ detector, groupIdentity: { suffix } });
    this.#frameNumber = init.framesBefore;
    const registry = ctx.ref(CAMERA_REGISTRY);
    const { ffmpeg, url, intervalMs, allow, previewSocket, cameraId } = init;
    this.#source = new CameraSource({
      ffmpeg,
      url,
      intervalMs,
      maxWidth: MAX_WIDTH,
      allow,
      previewSocket,
      clock: ctx.clock,
      onFrame: (frame) => this.#frames.put({ frame, at: ctx.clock.now() }),
      onState: (state, message) => {
        registry.tell({ type: 'status', cameraId, state, message });
        this.#report(state);
      },
      onProcess: (event, pid) => (event === 'began' ? ctx.ownProcess(pid) : ctx.disownProcess(pid)),
    });
  }

  /** Opens the stream. An analysis that throws fails the actor. */
  start(): void {
    this.#source.start();
    this.#running = this.#run().catch((thrown: unknown) => this.#ctx.fail(asError(thrown)));
  }

  /** Ends ffmpeg and waits for the analysis in progress, whose detection is still published. */
  async stop(): Promise<void> {
    this.#frames.close();
    await this.#source.stop();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (;;) {
      const taken = await this.#frames.take();
      if (taken === null) return;
      const { frame, at } = taken;
      const analysis = await this.#analyser.analyse(frame, at, (work) => this.#ctx.native(work));
      const detectionLatency = (this.#ctx.clock.now() - at) / 1000;
      // At most one frame of each camera is in the JPEG pool: a pool that is too slow slows the cameras down.
      await this.#pictures;
      this.#publish(taken, analysis, detectionLatency);
      this.#report('online');
    }
  }

  #publish({ frame, at }: TakenFrame, { objects, groups }: FrameAnalysis, detectionLatency: number): void {
    const requestId = newRequestId();
    this.#frameNumber += 1;
    const { freshnessSeconds, prompt } = this.#init;
    const moments = this.#moments.add(requestId, groups, at);
    const detection: Detection = {
      requestId,
      cameraId: this.#init.cameraId,
      timestamp: new Date(at).toISOString(),
      traceId: newTraceId(),
      frameNumber: this.#frameNumber,
      detectedObjects: objects,
      trafficGroups: groups.map((group, i) => ({
        ...group,
        cropId: cropImageId(requestId, group.groupIndex),
        ...earlierOf(moments[i]),
      })),
      imageWidth: frame.width,
      imageHeight: frame.height,
      imageId: frameImageId(requestId),
      detectionLatency,
      modelType: this.#detector.modelType,
      ...(freshnessSeconds === undefined ? {} : { freshnessSeconds }),
      ...(prompt === undefined ? {} : { prompt }),
    };
    this.#ctx.ref(PUBLISHER).tell({ type: 'publish', detection });
    this.#pictures = this.#store(requestId, frame, { objects, groups });
  }

  /** Never rejects. A frame whose pictures cannot be stored still counts: boxes and rules need none. */
  async #store(requestId: RequestId, { data, width, height }: Frame, analysis: FrameAnalysis): Promise<void> {
    const { cameraId } = this.#init;
    const regions = markedCrops(analysis, width, height);
    try {
      await this.#ctx
        .ref(IMAGING)
        .ask(
          { type: 'store', requestId, data: transfer(ownMemory(data)), width, height, regions },
          { timeoutMs: IMAGES_WITHIN_MS },
        );
    } catch (thrown) {
      const { message } = asError(thrown);
      this.#ctx.log.warn(
        { cameraId, requestId, err: message },
        `camera ${cameraId}: the pictures of a frame are given up: ${message}`,
      );
    }
  }

  #report(state: string): void {
    const { mode: decode, pid: ffmpeg } = this.#source;
    this.#ctx.report({ state, frames: this.#frameNumber, skipped: this.#frames.replaced, decode, ffmpeg });
  }
}

const earlierOf = (moments: readonly EarlierMoment[] = []): Pick<PublishedGroup, 'earlier'> =>
  moments.length === 0 ? {} : { earlier: [...moments] };

const RUN_NAME_LENGTH = 5;

/** Tells the starts of a camera apart: tenths of a second in base 36, repeated after 70 days. */
const runName = (now: number): string =>
  (Math.floor(now / 100) % 36 ** RUN_NAME_LENGTH).toString(36).padStart(RUN_NAME_LENGTH, '0');

/** The pixels in a buffer that holds nothing else, so that it can be transferred. */
function ownMemory(data: Uint8Array): Uint8Array<ArrayBuffer> {
  return data.buffer instanceof ArrayBuffer && data.byteLength === data.buffer.byteLength
    ? new Uint8Array(data.buffer)
    : new Uint8Array(data);
}
