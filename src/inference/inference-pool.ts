import { Piscina } from 'piscina';
import type { LocatedModel } from '../messages/model.ts';
import type { Frame } from '../vision/frame.ts';
import { DetectorError } from '../vision/vision-error.ts';
import type { RawDetection } from '../vision/vision.types.ts';
import type { DetectorFacts, InferenceJob, InferenceResult, InferenceSettings } from './inference-job.ts';

const WORKER = new URL('./inference-worker.ts', import.meta.url).href;

export interface InferencePoolOptions extends InferenceSettings {
  /** Detectors, each in a thread of its own; they are loaded when they are needed. */
  readonly threads: number;
  /** Pictures that may wait; one more is refused. Default 512: a camera has one at a time. */
  readonly maxQueue?: number;
}

/** Detectors that all cameras of a process share: whoever asks first is served first. */
export class InferencePool {
  readonly #pool: Piscina<InferenceJob, InferenceResult>;
  readonly #maxQueue: number;
  #isClosed = false;

  constructor({ threads, maxQueue = 512, model, confidence, iou }: InferencePoolOptions) {
    const settings: InferenceSettings = { model, confidence, iou };
    this.#maxQueue = maxQueue;
    this.#pool = new Piscina({
      filename: WORKER,
      minThreads: 1,
      maxThreads: threads,
      maxQueue,
      // A thread that ended would have to load its detector again.
      idleTimeout: Infinity,
      concurrentTasksPerWorker: 1,
      workerData: settings,
    });
  }

  /** Pictures waiting for a thread. */
  get waiting(): number {
    return this.#pool.queueSize;
  }

  /** Loads a detector of the model (default: that of the pool), if need be. Rejects as `createDetector`. */
  async describe(model: LocatedModel | null = null): Promise<DetectorFacts> {
    return (await this.#run({ type: 'describe', model })).facts;
  }

  /**
   * As `Detector.detect`. The memory of the frame moves to the pool. Rejects `INFERENCE_FAILED` too when the thread
   * ended meanwhile, `BUSY` when too many pictures wait, and `RELEASED` after `close`.
   */
  async detect(
    frame: Frame & { readonly data: Uint8Array<ArrayBuffer> },
    model: LocatedModel | null = null,
  ): Promise<RawDetection[]> {
    return (await this.#run({ type: 'detect', frame, model }, [frame.data.buffer])).detections;
  }

  /** Waits for the picture that each thread has; those that wait are rejected. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#pool.close({ force: true });
  }

  async #run(job: InferenceJob, transferList: ArrayBuffer[] = []): Promise<InferenceResult & { readonly ok: true }> {
    if (this.waiting >= this.#maxQueue)
      throw new DetectorError('BUSY', `${this.waiting} pictures wait for the shared detectors`);
    let result: InferenceResult;
    try {
      result = await this.#pool.run(job, { transferList });
    } catch (error) {
      if (this.#isClosed) throw new DetectorError('RELEASED', 'the shared detectors are stopping', {}, error);
      const message = error instanceof Error ? error.message : String(error);
      throw new DetectorError('INFERENCE_FAILED', `a shared detector ended: ${message}`, {}, error);
    }
    if (!result.ok) throw new DetectorError(result.code, result.message);
    return result;
  }
}
