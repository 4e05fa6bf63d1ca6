import type { Clock } from './clock.ts';

/**
 * Time stamps for messages, cheap in bursts: the clock is read once per turn of the microtask queue. A stamp is at most
 * as old as the burst of synchronous work it was taken in.
 */
export class CoarseClock {
  readonly #clock: Clock;
  #now = 0;
  #fresh = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    if (this.#fresh) return this.#now;
    this.#now = this.#clock.now();
    this.#fresh = true;
    queueMicrotask(this.#expire);
    return this.#now;
  }

  readonly #expire = (): void => {
    this.#fresh = false;
  };
}
