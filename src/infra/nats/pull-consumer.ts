import type { Consumer, ConsumerMessages, JsMsg } from 'nats';
import type { PullConsumerMessagesImpl } from 'nats/lib/jetstream/consumer.js';
import { readBody } from '../../messages/read-body.ts';
import { systemClock } from '../../runtime/clock.ts';
import { asError } from '../../runtime/errors.ts';
import { settlesWithin } from '../../runtime/time-limit.ts';
import type { Delivery, Parser, PullConsumer, QueueLag } from '../bus.ts';
import type { NatsLink } from './connection.ts';
import type { DeadLetterWriter } from './dead-letter-writer.ts';
import type { InHand } from './in-hand.ts';
import { asInfraError } from './nats-errors.ts';
import { storedAtOf } from './read.ts';

/** The client accepts no shorter expiry of a request. Requests are ended by our own timer, at or before it. */
const LEAST_EXPIRY_MS = 1_000;
/** A server that has messages ready sends the first one within this time. */
const READY_MS = 50;
/**
 * It sends the others right after the first. Waiting longer for one that another node has taken would keep the first
 * from its caller; a message that is already on its way is returned in any case.
 */
const NEXT_MS = 5;
/** Messages of one request: 64 MB when each has 1 MB, the most that a server takes by default. */
const MOST_AT_ONCE = 64;
/** A server that does not confirm the end of a request within this time is not waited for. */
const DRAIN_MS = 500;
/** After parsing bodies for this long, other tasks of the event loop run first. */
const PARSE_MS = 10;
const KILLED = 'killed-its-reader: it was in hand, alone, when a process ended for the second time';

export interface PullConsumerOptions<T> {
  readonly stream: string;
  readonly durable: string;
  readonly parser: Parser<T>;
  readonly link: NatsLink;
  /** Deliveries of one message after which it becomes a dead letter. */
  readonly mostDeliveries: number;
  readonly deadLetters: DeadLetterWriter;
  readonly onBadBody: () => void;
  /** Null: messages that end the process are not looked for. */
  readonly inHand: InHand | null;
}

/** A durable consumer of JetStream. Each call is one request of the client's own consumer. */
export class JetStreamPull<T> implements PullConsumer<T> {
  readonly #options: PullConsumerOptions<T>;
  readonly #open = new Set<ConsumerMessages>();
  #consumer: Promise<Consumer> | null = null;

  constructor(options: PullConsumerOptions<T>) {
    this.#options = options;
  }

  receive(max: number, waitMs: number, signal?: AbortSignal): AsyncGenerator<Delivery<T>> {
    return this.#request(max, waitMs, signal);
  }

  async fetch(max: number, waitMs: number, signal?: AbortSignal): Promise<readonly Delivery<T>[]> {
    const deliveries: Delivery<T>[] = [];
    try {
      for await (const delivery of this.#request(max, Math.max(READY_MS, waitMs), signal, true))
        deliveries.push(delivery);
    } catch (thrown) {
      // Messages that arrived before NATS went down are not left to their ack wait.
      if (deliveries.length === 0) throw thrown;
    }
    return deliveries;
  }

  async lag(): Promise<QueueLag> {
    const { link, stream, durable } = this.#options;
    const info = await link.call(`asking for the consumer ${durable}`, () => link.jsm.consumers.info(stream, durable));
    return { waiting: info.num_pending, unsettled: info.num_ack_pending };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map(drain));
  }

  /** `onlyReady`: ends once it has the messages that were ready when the first one arrived. */
  async *#request(max: number, waitMs: number, signal?: AbortSignal, onlyReady = false): AsyncGenerator<Delivery<T>> {
    const { link, durable } = this.#options;
    const messages = await this.#ask(max, waitMs);
    this.#open.add(messages);
    const iterator = messages[Symbol.asyncIterator]();
    const end = (): void => void drain(messages);
    let timer = setTimeout(end, waitMs);
    const unlisten = link.onChange(() => void messages.close());
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted === true) end();
    let busyMs = 0;
    try {
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
        if (busyMs > PARSE_MS) {
          await new Promise((resolve) => setImmediate(resolve));
          busyMs = 0;
        }
        const began = performance.now();
        const delivery = await this.#read(next.value);
        busyMs += performance.now() - began;
        if (delivery === null) continue;
        if (onlyReady) {
          clearTimeout(timer);
          if (next.value.info.pending === 0) end();
          else timer = setTimeout(end, NEXT_MS);
        }
        yield delivery;
      }
      link.require();
    } catch (thrown) {
      this.#consumer = null;
      throw asInfraError(thrown, `fetching for ${durable}`);
    } finally {
      clearTimeout(timer);
      unlisten();
      signal?.removeEventListener('abort', end);
      this.#open.delete(messages);
      // A caller that stopped half-way leaves the rest to other nodes.
      await drain(messages);
      for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) next.value.nak();
    }
  }

  async #ask(max: number, waitMs: number): Promise<ConsumerMessages> {
    const { link, stream, durable } = this.#options;
    try {
      const consumer = await link.call(
        `opening the consumer ${durable}`,
        () => (this.#consumer ??= link.js.consumers.get(stream, durable)),
      );
      return await consumer.fetch({
        max_messages: Math.min(max, MOST_AT_ONCE),
        expires: Math.max(LEAST_EXPIRY_MS, waitMs),
      });
    } catch (thrown) {
      this.#consumer = null;
      throw thrown;
    }
  }

  /** Null for a message that became a dead letter, or that is delivered again a moment later. */
  async #read(message: JsMsg): Promise<Delivery<T> | null> {
    const { link, mostDeliveries, deadLetters, onBadBody, parser, inHand } = this.#options;
    link.topics.received(message.subject);
    const { stream, consumer, streamSequence: seq, deliveryCount: attempt } = message.info;
    if (attempt > mostDeliveries) {
      await deadLetters.write({ message, reason: `delivered ${mostDeliveries} times without success` });
      return null;
    }
    // The time tells it from the message of the same sequence in a stream that was created again.
    const key = `${stream} ${consumer} ${seq} ${storedAtOf(message)}`;
    const delay = inHand?.delay(key) ?? 0;
    if (delay === 'aside') {
      await deadLetters.write({ message, reason: KILLED, unreadable: true });
      inHand?.done(key);
      return null;
    }
    if (delay > 0) {
      message.nak(delay);
      return null;
    }
    inHand?.begin(key);
    try {
      return {
        subject: message.subject,
        attempt,
        seq,
        storedAt: storedAtOf(message),
        body: readBody(message.data, parser),
        begin: () => inHand?.begin(key),
        ack: () => {
          inHand?.done(key);
          message.ack();
        },
        nak: (delayMs) => message.nak(delayMs),
        deadLetter: async (reason) => {
          await deadLetters.write({ message, reason });
          inHand?.done(key);
        },
        working: () => message.working(),
      };
    } catch (thrown) {
      onBadBody();
      inHand?.done(key);
      const reason = `the body cannot be used: ${asError(thrown).message}`;
      await deadLetters.write({ message, reason, unreadable: true });
      return null;
    }
  }
}

/**
 * Ends a request; messages that the server sent before it heard so still arrive. The client's own `close` unsubscribes
 * at once, and such a message would be lost until its ack wait is over. Never rejects.
 */
async function drain(messages: ConsumerMessages): Promise<void> {
  const { sub } = messages as PullConsumerMessagesImpl;
  if (!sub.isClosed()) await settlesWithin(systemClock, sub.drain(), DRAIN_MS);
  void messages.close();
}
