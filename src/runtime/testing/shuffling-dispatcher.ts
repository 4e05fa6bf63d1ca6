import type { Dispatcher, Runnable } from '../dispatcher.ts';

/** Most messages that an actor handles in one step. */
const SLICE = 4;

/**
 * Runs actors in a random order, a random number of messages at a time, and only when `step` is called: any
 * interleaving that the event loop could bring. With the same random numbers a run is the same again.
 */
export class ShufflingDispatcher implements Dispatcher {
  readonly #random: () => number;
  readonly #ready: Runnable[] = [];

  /** @param random in [0, 1), seeded */
  constructor(random: () => number) {
    this.#random = random;
  }

  schedule(runnable: Runnable): void {
    if (runnable.scheduled) return;
    runnable.scheduled = true;
    this.#ready.push(runnable);
  }

  /** Runs one of the actors that have messages. False when none has. */
  step(): boolean {
    const [runnable] = this.#ready.splice(this.#below(this.#ready.length), 1);
    if (runnable === undefined) return false;
    runnable.scheduled = false;
    runnable.run(1 + this.#below(SLICE));
    if (runnable.hasWork()) this.schedule(runnable);
    return true;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}
