import type { Msg } from 'nats';
import type { Delivery, PullConsumer, QueueLag } from '../bus.ts';
import { type ConsumerOptions, DurableConsumer, isStatus, type Order } from './consumer.ts';
import type { NatsLink } from './connection.ts';
import { deliveryInfo } from './delivery-info.ts';
import { asInfraError } from './nats-errors.ts';
import { OrderInbox } from './order-inbox.ts';

/** How much longer than the server we wait for its own word that nothing came. */
const GRACE_MS = 500;
const READY_MS = 2_000;

/** An inbox with the order it takes messages for; null between two. */
interface Slot {
  readonly inbox: OrderInbox;
  taker: { take(message: Msg): void; end(how: 'clean' | 'left', error?: unknown): void } | null;
}

/**
 * Pulls when asked, and no message is ever on its way to a fetch that has returned: so what is not fetched here is there
 * for others. What is ready is asked for at once (`no_wait`); when there is nothing, one message with a wait. Each
 * message tells whether there are more, so mostly one request is enough. An inbox is kept for the next order when the
 * server ended the last one, and given up when it did not.
 */
export class JetStreamPull<T> implements PullConsumer<T> {
  readonly #link: NatsLink;
  readonly #durable: string;
  readonly #consumer: DurableConsumer<T>;
  readonly #slots = new Set<Slot>();
  #unlisten: (() => void) | null = null;
  /** By what the last message said, there is more. */
  #more = true;

  constructor(options: ConsumerOptions<T>) {
    this.#link = options.link;
    this.#durable = options.durable;
    this.#consumer = new DurableConsumer(options);
  }

  async *receive(max: number, waitMs: number, signal?: AbortSignal): AsyncGenerator<Delivery<T>> {
    const until = performance.now() + waitMs;
    for (let left = max; left > 0 && signal?.aborted !== true;) {
      const batch = await this.fetch(left, Math.max(1, until - performance.now()), signal);
      yield* batch;
      left -= batch.length;
      if (performance.now() >= until) return;
    }
  }

  async fetch(max: number, waitMs: number, signal?: AbortSignal): Promise<readonly Delivery<T>[]> {
    if (this.#more || waitMs <= 0) {
      const ready = await this.#request({ batch: max, no_wait: true }, READY_MS);
      if (ready.length > 0 || waitMs <= 0 || signal?.aborted === true) return this.#consumer.read(ready);
    }
    return this.#consumer.read(await this.#request({ batch: 1, waitMs }, waitMs, signal));
  }

  lag(): Promise<QueueLag> {
    return this.#consumer.lag();
  }

  async close(): Promise<void> {
    this.#unlisten?.();
    this.#unlisten = null;
    await Promise.all([...this.#slots].map((slot) => this.#leave(slot)));
  }

  async #request(order: Order, waitMs: number, signal?: AbortSignal): Promise<Msg[]> {
    const slot = this.#freeSlot();
    const messages: Msg[] = [];
    const { promise, resolve, reject } = Promise.withResolvers<Msg[]>();
    const end = (how: 'clean' | 'left', error?: unknown): void => {
      if (slot.taker !== taker) return;
      slot.taker = null;
      if (how === 'left') void this.#leave(slot);
      // What came is ours to settle, whatever happened after it.
      if (messages.length > 0 || (error === undefined && this.#link.state === 'connected')) resolve(messages);
      else reject(asInfraError(error ?? this.#link.away(), `fetching for ${this.#durable}`));
    };
    const take = (message: Msg): void => {
      if (!isStatus(message)) {
        this.#more = deliveryInfo(message.reply ?? '').pending > 0;
        messages.push(message);
        if (messages.length >= order.batch) end('clean');
        return;
      }
      this.#more = false;
      end('clean', this.#consumer.errorOf(message));
    };
    const taker = { take, end };
    slot.taker = taker;
    const timer = setTimeout(() => end('left'), waitMs + GRACE_MS);
    // The server hears that nobody listens any more, and what it sent before is still taken.
    const leave = (): void => void this.#leave(slot);
    signal?.addEventListener('abort', leave, { once: true });
    this.#consumer.order(order, slot.inbox.reply, (error) => end('clean', error));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', leave);
    }
  }

  #freeSlot(): Slot {
    for (const slot of this.#slots) if (slot.taker === null) return slot;
    // Nobody answers an order after a reconnect.
    this.#unlisten ??= this.#link.onChange((state) => {
      if (state !== 'connected') for (const { taker } of this.#slots) taker?.end('clean');
    });
    const inbox = new OrderInbox(this.#link, (message) => {
      if (slot.taker !== null) slot.taker.take(message);
      // Too late for its fetch.
      else if (!isStatus(message)) this.#consumer.handBack(message);
    });
    const slot: Slot = { inbox, taker: null };
    this.#slots.add(slot);
    return slot;
  }

  async #leave(slot: Slot): Promise<void> {
    this.#slots.delete(slot);
    await slot.inbox.leave();
    slot.taker?.end('clean');
  }
}
