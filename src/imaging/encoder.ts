import { Piscina } from 'piscina';
import type { EncodedFrame, EncodeJob } from './encode-job.ts';

export interface EncoderOptions {
  /** Threads, default 2. */
  readonly threads?: number;
  /** Jobs that may wait; one more is refused. Default 64. */
  readonly maxQueue?: number;
}

/** JPEG encoding off every actor's thread, on a bounded pool shared by all cameras. */
export class Encoder {
  readonly #pool: Piscina<EncodeJob, EncodedFrame>;

  constructor(options: EncoderOptions = {}) {
    const { threads = 2, maxQueue = 64 } = options;
    this.#pool = new Piscina({
      filename: new URL('./encode-worker.ts', import.meta.url).href,
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

  /** `job.data` moves to the pool and cannot be used afterwards. Rejects when the queue is full or on `signal`. */
  encode(job: EncodeJob, signal: AbortSignal): Promise<EncodedFrame> {
    return this.#pool.run(job, { transferList: [job.data.buffer], signal });
  }

  close(): Promise<void> {
    return this.#pool.close({ force: false });
  }
}
