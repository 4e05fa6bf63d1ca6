/** Something with messages to handle. `run` handles at most `budget` of them and returns how many it did. */
export interface Runnable {
  run(budget: number): number;
  /** True while there is more to do right now. */
  hasWork(): boolean;
}

/** Decides when actors of this thread run. */
export interface Dispatcher {
  schedule(runnable: Runnable): void;
}

const SLICE = 64;
const TURN_BUDGET = 2048;

/**
 * Runs actors in turn, a slice of messages each, in a microtask, so that a tell to an idle actor costs no trip through
 * the event loop; after {@link TURN_BUDGET} messages it yields to I/O and timers, so that chatty actors starve nobody.
 */
export class EventLoopDispatcher implements Dispatcher {
  readonly #queue: Runnable[] = [];
  readonly #queued = new Set<Runnable>();
  #scheduled = false;
  #budget = TURN_BUDGET;

  schedule(runnable: Runnable): void {
    if (this.#queued.has(runnable)) return;
    this.#queued.add(runnable);
    this.#queue.push(runnable);
    this.#wake();
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    if (this.#budget > 0) {
      queueMicrotask(this.#drain);
      return;
    }
    setImmediate(() => {
      this.#budget = TURN_BUDGET;
      this.#drain();
    });
  }

  readonly #drain = (): void => {
    this.#scheduled = false;
    // What is scheduled while this runs waits for the next round: the queue's length is taken now.
    const round = this.#queue.splice(0);
    for (const runnable of round) {
      this.#queued.delete(runnable);
      this.#budget -= runnable.run(SLICE);
      if (runnable.hasWork()) this.schedule(runnable);
    }
    if (this.#queue.length > 0) this.#wake();
  };
}
