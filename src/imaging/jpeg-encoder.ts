import { Piscina } from 'piscina';
import type { EncodeJob } from './encode-job.ts';
import type { ShrinkJob } from './shrink-worker.ts';

const ENCODE = new URL('./encode-worker.ts', import.meta.url).href;
const SHRINK = new URL('./shrink-worker.ts', import.meta.url).href;

export interface EncoderOptions {
  /** Threads, default 2. */
  readonly threads?: number;
  /** Jobs that may wait; one more is refused. Default 64. */
  readonly maxQueue?: number;
}

/** JPEG encoding on a bounded thread pool that all cameras share. */
export class Encoder {
  readonly #pool: Piscina<EncodeJob | ShrinkJob, Uint8Array>;

  constructor(options: EncoderOptions = {}) {
    const { threads = 2, maxQueue = 64 } = options;
    this.#pool = new Piscina({
      filename: ENCODE,
      minThreads: 1,
      maxThreads: threads,
      maxQueue,
      idleTimeout: 30_000,
      concurrentTasksPerWorker: 1,
    });
  }

  /** Jobs waiting for a thread. */
  get waiting(): number {
    return this.#pool.queueSize;
  }

  /**
   * The JPEG of a picture with its marks. `job.data` moves to the pool and cannot be used afterwards. Rejects when the
   * queue is full, and on `signal`.
   */
  encode(job: EncodeJob, signal: AbortSignal): Promise<Uint8Array> {
    return this.#pool.run(job, { transferList: [job.data.buffer], signal });
  }

  /** As `shrinkJpeg`, in the pool; a JPEG that fits is returned as it is. Rejects as `encode` too. */
  async shrink(jpeg: Uint8Array, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
    if (jpeg.byteLength <= maxBytes) return jpeg;
    return this.#pool.run({ jpeg, maxBytes }, { filename: SHRINK, signal });
  }

  close(): Promise<void> {
    return this.#pool.close({ force: false });
  }
}
