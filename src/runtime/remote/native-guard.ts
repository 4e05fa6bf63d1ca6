import { RuntimeError } from '../errors.ts';

const DOOMED = -1;

/**
 * Tells, across threads and without a race, whether a thread is inside native code. Terminating a thread while native
 * code runs in it aborts the whole process. So the host terminates it only after {@link NativeGuard.doom} returned
 * true, and the thread enters native code only by {@link NativeGuard.run}, which rejects from then on.
 */
export class NativeGuard {
  readonly buffer: SharedArrayBuffer;
  readonly #state: Int32Array;

  constructor(buffer: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.buffer = buffer;
    this.#state = new Int32Array(buffer);
  }

  /** Native calls in flight. */
  inFlight(): number {
    return Math.max(0, Atomics.load(this.#state, 0));
  }

  /** Thread side: runs `work` as native. Rejects `STOPPING` once the thread is doomed. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.#enter();
    try {
      return await work();
    } finally {
      Atomics.sub(this.#state, 0, 1);
    }
  }

  /** Host side: claims the thread for termination. False while native code runs in it; ask again later. */
  doom(): boolean {
    const before = Atomics.compareExchange(this.#state, 0, 0, DOOMED);
    return before === 0 || before === DOOMED;
  }

  #enter(): void {
    for (;;) {
      const count = Atomics.load(this.#state, 0);
      if (count === DOOMED)
        throw new RuntimeError('STOPPING', 'this thread is being ended; native code may not be entered');
      if (Atomics.compareExchange(this.#state, 0, count, count + 1) === count) return;
    }
  }
}
