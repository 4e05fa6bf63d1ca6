import { monotonicMs } from './clock.ts';
import { RecentMost } from './recent-most.ts';

const TICK_MS = 20;
/** Timers fire up to so much late on an idle machine; it is no delay. */
const TIMER_MS = 1;

/**
 * How late this thread's event loop runs its timers, because it works or because the machine gives it no core. Costs 50
 * short timers a second, until `stop`.
 */
export class LoopDelay {
  readonly #recent: RecentMost;
  readonly #timer: NodeJS.Timeout;
  #tickAt = monotonicMs();

  /** Delays are remembered for `spanMs`. */
  constructor(spanMs: number) {
    this.#recent = new RecentMost(spanMs);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#timer.unref();
  }

  /** The longest delay lately in ms, one that has not ended among them. */
  mostMs(): number {
    const now = monotonicMs();
    return Math.max(this.#recent.most(now), this.#lateMs(now));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const now = monotonicMs();
    this.#recent.add(this.#lateMs(now), now);
    this.#tickAt = now;
  }

  #lateMs(now: number): number {
    return Math.max(0, now - this.#tickAt - TICK_MS - TIMER_MS);
  }
}
