import { Piscina } from 'piscina';
import type { DryRunJob, DryRunPlay } from './dry-run.types.ts';

const WORKER = new URL('./dry-run-worker.ts', import.meta.url).href;
/** Dry runs that compute at once, and those that wait for them. */
const AT_ONCE = 2;
const MOST_WAITING = 4;
/** Time to play the frames of one dry run in, unless a frame takes very long. */
export const PLAY_MS = 20_000;
/** From the begin of the computation; then its thread is ended. */
const LONGEST_MS = 30_000;
/** A thread without work ends after this. */
const IDLE_MS = 10_000;

/** Every code a {@link DryRunError} can carry. */
export const DRY_RUN_ERRORS = {
  DRY_RUNS_BUSY: 'as many dry runs as may run and wait at once are in hand',
  DRY_RUN_TOO_LONG: 'it did not end in time',
  DRY_RUN_STOPPED: 'the program stops',
} as const;
export type DryRunErrorCode = keyof typeof DRY_RUN_ERRORS;

export class DryRunError extends Error {
  override readonly name = 'DryRunError';
  readonly code: DryRunErrorCode;

  constructor(code: DryRunErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Plays frames through scenes off the main thread: two at once, four wait, a further one is refused. */
export class DryRuns {
  readonly #pool: Piscina<DryRunJob, DryRunPlay>;
  readonly #longestMs: number;
  #inHand = 0;
  #isClosed = false;

  /** `longestMs`: bound of one computation, for tests. */
  constructor(longestMs = LONGEST_MS) {
    this.#longestMs = longestMs;
    this.#pool = new Piscina({
      filename: WORKER,
      minThreads: 0,
      maxThreads: AT_ONCE,
      maxQueue: MOST_WAITING,
      idleTimeout: IDLE_MS,
      concurrentTasksPerWorker: 1,
    });
  }

  /**
   * The outcome of each scene over the frames that `read` gives, or over the newest of them. The place is taken before
   * the frames are read, so that those that wait hold a bounded amount of them. Rejects with {@link DryRunError}, and
   * as `read` does.
   */
  async run(read: () => Promise<DryRunJob>): Promise<DryRunPlay> {
    if (this.#inHand >= AT_ONCE + MOST_WAITING) {
      throw new DryRunError('DRY_RUNS_BUSY', `${this.#inHand} dry runs are in hand, as many as may be at once`);
    }
    this.#inHand += 1;
    try {
      return await this.#play(await read());
    } finally {
      this.#inHand -= 1;
    }
  }

  /** Ends the threads; what is in hand is rejected. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#pool.destroy();
  }

  async #play(job: DryRunJob): Promise<DryRunPlay> {
    // A waiting dry run may need the whole time of the ones before it.
    const signal = AbortSignal.timeout(this.#longestMs * (1 + Math.ceil(this.#pool.queueSize / AT_ONCE)));
    try {
      return await this.#pool.run(job, { signal });
    } catch (thrown) {
      if (this.#isClosed) throw new DryRunError('DRY_RUN_STOPPED', 'the dry runs are stopping', thrown);
      if (!signal.aborted) throw thrown;
      throw new DryRunError('DRY_RUN_TOO_LONG', 'it did not end in time; choose fewer minutes', thrown);
    }
  }
}
