import type { Clock } from './clock.ts';

/**
 * Time stamps for messages. Reading the clock costs as much as a tell, so it is read once per turn of the event loop. A
 * stamp is at most as old as the turn, which the dispatcher ends after some thousand messages.
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
    setImmediate(this.#expire);
    return this.#now;
  }

  readonly #expire = (): void => {
    this.#fresh = false;
  };
}
