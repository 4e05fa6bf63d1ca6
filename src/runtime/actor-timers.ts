import type { Clock, TimerHandle } from './clock.ts';

/** The named timers of one incarnation. A new timer replaces the one of the same name. */
export class ActorTimers {
  readonly #clock: Clock;
  readonly #pending = new Map<string, TimerHandle>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `fire` once, after `ms`. */
  once(name: string, ms: number, fire: () => void): void {
    this.#set(name, ms, () => {
      this.#pending.delete(name);
      fire();
    });
  }

  /** Calls `fire` every `ms`, unless the tick before is not handled yet; `onHandled` says when it is. */
  every(name: string, ms: number, fire: (onHandled: () => void) => void): void {
    let unhandled = false;
    const tick = (): void => {
      this.#set(name, ms, tick);
      if (unhandled) return;
      unhandled = true;
      fire(() => {
        unhandled = false;
      });
    };
    this.#set(name, ms, tick);
  }

  clear(name: string): void {
    const timer = this.#pending.get(name);
    if (timer === undefined) return;
    this.#clock.clearTimeout(timer);
    this.#pending.delete(name);
  }

  clearAll(): void {
    for (const timer of this.#pending.values()) this.#clock.clearTimeout(timer);
    this.#pending.clear();
  }

  #set(name: string, ms: number, fire: () => void): void {
    this.clear(name);
    this.#pending.set(name, this.#clock.setTimeout(fire, ms));
  }
}
