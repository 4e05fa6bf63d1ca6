import type { Clock, TimerHandle } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { InfraError } from './infra-error.ts';

export interface SenderOptions<T> {
  readonly clock: Clock;
  /** Most items under way at once. */
  readonly window: number;
  /** Takes the next item to send; null when there is none now. */
  readonly next: () => T | null;
  /** Number of items that `next` still has. */
  readonly waiting: () => number;
  /** Resolves when the item has arrived. After a rejection it is sent again, for as long as the receiver is down. */
  readonly send: (item: T) => Promise<void>;
  /** Gets an item that NATS refused five times (`BUS_REFUSED`); it is not sent again. Default: it is, for ever. */
  readonly onRefused?: (item: T, error: InfraError) => void;
  /** Called at the first failure, and again only after `onUp`. */
  readonly onDown?: (error: Error) => void;
  /** Called at the first arrival after a failure. */
  readonly onUp?: () => void;
}

const RETRY_MS = 250;
/** A few refusals may be temporary, as those of a stream that is being set up. */
const MOST_REFUSALS = 5;

interface Job<T> {
  readonly number: number;
  readonly item: T;
  refusals: number;
}

/**
 * Sends many items at once, in order. A failed item is sent again before any later item that was not sent yet. After a
 * failure one item at a time is tried, every 250 ms until one arrives: a receiver that is down is not hammered, and one
 * that has just come back is not overrun.
 */
export class Sender<T> {
  readonly #options: SenderOptions<T>;
  /** To be sent again, in order. */
  readonly #failed: Job<T>[] = [];
  #numbers = 0;
  #underWay = 0;
  #down = false;
  #ended = false;
  #retry: TimerHandle | null = null;
  #waiters: (() => void)[] = [];

  constructor(options: SenderOptions<T>) {
    this.#options = options;
  }

  /** Items that have not arrived: waiting, under way or to be sent again. */
  get size(): number {
    return this.#options.waiting() + this.#underWay + this.#failed.length;
  }

  /** True from the first failure until an item arrives. */
  get down(): boolean {
    return this.#down;
  }

  /** True after `stop`. An item that was under way then may still arrive. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Sends as many items as the window allows. Call it whenever `next` may have one. */
  pump(): void {
    const { window, next } = this.#options;
    while (!this.#ended && this.#retry === null && this.#underWay < (this.#down ? 1 : window)) {
      const failed = this.#failed.shift();
      const item = failed === undefined ? next() : failed.item;
      if (item === null) return;
      void this.#send(failed ?? { number: (this.#numbers += 1), item, refusals: 0 });
    }
  }

  /** Sends items for at most `flushMs`, while the receiver is up, then nothing more. */
  async stop(flushMs: number): Promise<void> {
    const { clock } = this.#options;
    const timer = clock.setTimeout(() => this.#end(), flushMs);
    while (flushMs > 0 && this.size > 0 && !this.#down && !this.#ended)
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    clock.clearTimeout(timer);
    this.#end();
  }

  async #send(job: Job<T>): Promise<void> {
    this.#underWay += 1;
    try {
      await this.#options.send(job.item);
      this.#underWay -= 1;
      this.#arrived();
    } catch (thrown) {
      this.#underWay -= 1;
      this.#failedToSend(job, asError(thrown));
    }
    this.#wake();
    this.pump();
  }

  #arrived(): void {
    if (!this.#down || this.#ended) return;
    this.#down = false;
    this.#options.onUp?.();
  }

  #failedToSend(job: Job<T>, error: Error): void {
    const { clock, onRefused, onDown } = this.#options;
    if (this.#ended) return;
    if (error instanceof InfraError && error.code === 'BUS_REFUSED' && onRefused !== undefined) {
      job.refusals += 1;
      if (job.refusals >= MOST_REFUSALS) {
        onRefused(job.item, error);
        return this.#arrived();
      }
    }
    const later = this.#failed.findIndex(({ number }) => number > job.number);
    this.#failed.splice(later < 0 ? this.#failed.length : later, 0, job);
    const wasDown = this.#down;
    this.#down = true;
    if (!wasDown) onDown?.(error);
    this.#retry ??= clock.setTimeout(() => {
      this.#retry = null;
      this.pump();
    }, RETRY_MS);
  }

  #end(): void {
    this.#ended = true;
    if (this.#retry !== null) this.#options.clock.clearTimeout(this.#retry);
    this.#retry = null;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#waiters.splice(0)) wake();
  }
}
