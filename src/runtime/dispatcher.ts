/** Something with messages to handle. */
export interface Runnable {
  /** Set while it is in the dispatcher's queue. Only the dispatcher writes it. */
  scheduled: boolean;
  /** Handles at most `budget` messages and returns how many it did. */
  run(budget: number): number;
  /** True while there is more to do right now. */
  hasWork(): boolean;
}

/** Decides when actors of this thread run. */
export interface Dispatcher {
  schedule(runnable: Runnable): void;
}

const SLICE = 256;
const TURN_BUDGET = 8_192;

/**
 * Runs actors in turn, a slice of messages each, in a microtask: a tell to an idle actor costs no trip through the
 * event loop. After {@link TURN_BUDGET} messages it yields to I/O and timers, so that busy actors starve nothing.
 */
export class EventLoopDispatcher implements Dispatcher {
  #queue: Runnable[] = [];
  #awake = false;
  #budget = TURN_BUDGET;

  schedule(runnable: Runnable): void {
    if (runnable.scheduled) return;
    runnable.scheduled = true;
    this.#queue.push(runnable);
    if (!this.#awake) this.#wake();
  }

  #wake(): void {
    this.#awake = true;
    if (this.#budget > 0) queueMicrotask(this.#drain);
    else setImmediate(this.#refill);
  }

  readonly #refill = (): void => {
    this.#budget = TURN_BUDGET;
    this.#drain();
  };

  readonly #drain = (): void => {
    // Actors that are scheduled meanwhile run in the next round.
    const round = this.#queue;
    this.#queue = [];
    for (const runnable of round) {
      runnable.scheduled = false;
      // Each costs at least one, so that many actors without work use the budget up too.
      this.#budget -= runnable.run(SLICE) + 1;
      if (runnable.hasWork()) this.schedule(runnable);
    }
    this.#awake = false;
    if (this.#queue.length > 0) this.#wake();
  };
}
