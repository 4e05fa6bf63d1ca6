import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { InfraError } from './infra-error.ts';

export interface PipelineOptions<T> {
  /** Most under way at once. */
  readonly window: number;
  /** Wait before what failed is sent again, in ms. */
  readonly retryMs: number;
  readonly clock: Clock;
  /** Ends it: nothing more is sent, and what is under way is not waited for. */
  readonly signal: AbortSignal;
  /** The next to be sent; null when there is none now. */
  readonly next: () => T | null;
  /** Resolves when it arrived. What it rejects with sends it again, for as long as that takes. */
  readonly send: (item: T) => Promise<void>;
  /** Called when something failed after all went well, and when all goes well again. */
  readonly onAway: (error: Error) => void;
  readonly onBack: () => void;
}

interface Job<T> {
  readonly number: number;
  readonly item: T;
}

/**
 * Sends many at once and in order. When one fails it is sent again before everything after it that was not sent yet;
 * until something arrives only one at a time is tried, so that neither a receiver that is away is hammered nor one that
 * is back overrun.
 */
export class Pipeline<T> {
  readonly #options: PipelineOptions<T>;
  readonly #failed: Job<T>[] = [];
  #numbers = 0;
  #underWay = 0;
  #away = false;
  #timer: TimerHandle | null = null;
  #waiters: (() => void)[] = [];

  constructor(options: PipelineOptions<T>) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#end(), { once: true });
  }

  /** Under way, and to be sent again. */
  get size(): number {
    return this.#underWay + this.#failed.length;
  }

  /** True while what is sent does not arrive. */
  get away(): boolean {
    return this.#away;
  }

  /** Sends what there is, as far as the window goes. Call it whenever `next` may have something. */
  pump(): void {
    const { window, signal, next } = this.#options;
    while (!signal.aborted && this.#timer === null && this.#underWay < (this.#away ? 1 : window)) {
      const again = this.#failed.shift();
      const item = again === undefined ? next() : again.item;
      if (item === null) return;
      void this.#send(again ?? { number: (this.#numbers += 1), item });
    }
  }

  /** Resolves when something that was under way has ended, or all has. */
  change(): Promise<void> {
    return this.#options.signal.aborted ? Promise.resolve() : new Promise((resolve) => this.#waiters.push(resolve));
  }

  async #send(job: Job<T>): Promise<void> {
    this.#underWay += 1;
    try {
      await this.#options.send(job.item);
      this.#underWay -= 1;
      this.#arrived();
    } catch (thrown) {
      this.#underWay -= 1;
      this.#again(job, asError(thrown));
    }
    this.#wake();
    this.pump();
  }

  #arrived(): void {
    if (!this.#away || this.#options.signal.aborted) return;
    this.#away = false;
    this.#options.onBack();
  }

  #again(job: Job<T>, error: Error): void {
    const { clock, retryMs, signal, onAway } = this.#options;
    if (signal.aborted) return;
    const before = this.#failed.findIndex(({ number }) => number > job.number);
    this.#failed.splice(before < 0 ? this.#failed.length : before, 0, job);
    if (!this.#away) onAway(error);
    this.#away = true;
    this.#timer ??= clock.setTimeout(() => {
      this.#timer = null;
      this.pump();
    }, retryMs);
  }

  #end(): void {
    if (this.#timer !== null) this.#options.clock.clearTimeout(this.#timer);
    this.#timer = null;
    this.#failed.length = 0;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}

/** A refusal may pass (a stream being set up); this many of one message do not. */
const REFUSALS = 5;

/** Counts a refusal by the bus against `item`: true when it is one too many. What is no refusal passes with time. */
export function isRefusedForGood(thrown: unknown, item: { refusals: number }): thrown is InfraError {
  if (!(thrown instanceof InfraError) || thrown.code !== 'BUS_REFUSED') return false;
  item.refusals += 1;
  return item.refusals >= REFUSALS;
}
