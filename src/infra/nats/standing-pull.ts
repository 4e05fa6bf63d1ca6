import type { Msg } from 'nats';
import type { Delivery, PullConsumer, QueueLag } from '../bus.ts';
import { type ConsumerOptions, DurableConsumer, isStatus } from './consumer.ts';
import type { NatsLink } from './connection.ts';
import { asInfraError } from './nats-errors.ts';
import { statusOf } from './headers.ts';
import { OrderInbox } from './order-inbox.ts';

/** An order is open this long at the server, which then says what of it was not used. */
const ORDER_MS = 10_000;
const GRACE_MS = 1_000;
/** After the server ended one for reasons of its own. */
const AGAIN_MS = 250;

/**
 * Pulls ahead: orders stand at the server, which sends each message as it comes, and another order goes out when half of
 * what may be ahead is used up. For who takes everything: a message costs no request of its own, and no wait for one.
 */
export class StandingPull<T> implements PullConsumer<T> {
  readonly #link: NatsLink;
  readonly #durable: string;
  readonly #consumer: DurableConsumer<T>;
  readonly #ahead: number;
  #inbox: OrderInbox | null = null;
  #unlisten: (() => void) | null = null;
  /** Ordered and still to come. */
  #owed = 0;
  /** When something was ordered or came, by `performance.now()`. */
  #heardAt = 0;
  #arrived: Msg[] = [];
  /** Why an order ended; told to the next fetch. */
  #error: unknown = undefined;
  #waiting: (() => void) | null = null;
  #again: NodeJS.Timeout | null = null;
  #closed = false;

  /** `ahead`: messages ordered, or here and not fetched, at most. */
  constructor(options: ConsumerOptions<T>, ahead: number) {
    this.#link = options.link;
    this.#durable = options.durable;
    this.#ahead = ahead;
    this.#consumer = new DurableConsumer(options);
  }

  /** One at a time. */
  async fetch(max: number, waitMs: number, signal?: AbortSignal): Promise<readonly Delivery<T>[]> {
    if (this.#arrived.length === 0) await this.#arrival(waitMs, signal);
    const messages = this.#arrived.splice(0, max);
    const error = this.#error;
    this.#error = undefined;
    // What came is ours to settle, whatever happened after it.
    if (messages.length > 0) this.#order();
    else if (error !== undefined) throw asInfraError(error, `fetching for ${this.#durable}`);
    else this.#link.require();
    return this.#consumer.read(messages);
  }

  lag(): Promise<QueueLag> {
    return this.#consumer.lag();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#leave();
    for (const message of this.#arrived.splice(0)) this.#consumer.handBack(message);
    this.#waiting?.();
  }

  /** Resolves with the first message, an error, at the end of the wait, or after the abort when all has come. */
  async #arrival(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted === true || this.#closed) return;
    this.#link.require();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    const leave = (): void => void this.#leave().then(resolve);
    signal?.addEventListener('abort', leave, { once: true });
    this.#waiting = resolve;
    try {
      this.#order();
      await promise;
    } finally {
      this.#waiting = null;
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
    }
  }

  #order(): void {
    if (this.#closed || this.#again !== null || this.#link.state !== 'connected') return;
    const now = performance.now();
    // The server is silent beyond the end of every order: they were lost.
    if (this.#owed > 0 && now - this.#heardAt > ORDER_MS + GRACE_MS) this.#owed = 0;
    const batch = this.#ahead - this.#owed - this.#arrived.length;
    if (batch < this.#ahead / 2) return;
    this.#unlisten ??= this.#link.onChange((state) => {
      if (state === 'connected') return;
      this.#owed = 0;
      this.#waiting?.();
    });
    this.#inbox ??= new OrderInbox(this.#link, (message) => this.#came(message));
    this.#owed += batch;
    this.#heardAt = now;
    this.#consumer.order({ batch, waitMs: ORDER_MS }, this.#inbox.reply, (error) => {
      this.#owed -= batch;
      this.#failed(error);
    });
  }

  #came(message: Msg): void {
    this.#heardAt = performance.now();
    if (isStatus(message)) {
      this.#owed = Math.max(0, this.#owed - unusedOf(message));
      const error = this.#consumer.errorOf(message);
      if (error !== undefined) this.#failed(error);
      else if (statusOf(message).code === 409) this.#rest();
      else if (this.#waiting !== null) this.#order();
      return;
    }
    this.#owed = Math.max(0, this.#owed - 1);
    this.#arrived.push(message);
    this.#waiting?.();
  }

  #failed(error: unknown): void {
    this.#error = error;
    this.#waiting?.();
  }

  #rest(): void {
    this.#again ??= setTimeout(() => {
      this.#again = null;
      if (this.#waiting !== null) this.#order();
    }, AGAIN_MS);
  }

  /** Ends every order; resolves when what was on its way has come. */
  async #leave(): Promise<void> {
    if (this.#again !== null) clearTimeout(this.#again);
    this.#again = null;
    this.#unlisten?.();
    this.#unlisten = null;
    const inbox = this.#inbox;
    this.#inbox = null;
    await inbox?.leave();
    this.#owed = 0;
  }
}

/** What the server says that is left of the order it ends; all of it when it does not say. */
const unusedOf = (status: Msg): number => {
  const said = statusOf(status).get('Nats-Pending-Messages');
  return said === '' ? Infinity : Number(said);
};
