import type { Clock, TimerHandle } from '../runtime/clock.ts';

/** Calls `tick` every `intervalMs` after {@link start}, until it returns false or {@link stop} is called. */
export class Ticker {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #tick: () => boolean;
  #timer: TimerHandle | null = null;

  constructor(clock: Clock, intervalMs: number, tick: () => boolean) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#tick = tick;
  }

  /** Changes nothing while it runs already. */
  start(): void {
    this.#timer ??= this.#clock.setTimeout(() => {
      this.#timer = null;
      if (this.#tick()) this.start();
    }, this.#intervalMs);
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer);
    this.#timer = null;
  }
}
