import { type Msg, nanos } from 'nats';
import { readBody } from '../../messages/read-body.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { Delivery, Parser, QueueLag } from '../bus.ts';
import { InfraError } from '../infra-error.ts';
import type { NatsLink } from './connection.ts';
import type { Burial } from './dead-letter-writer.ts';
import { type DeliveryInfo, deliveryInfo } from './delivery-info.ts';
import { statusOf } from './headers.ts';
import type { InHand } from './in-hand.ts';

const NS_PER_MS = 1_000_000;
/** A crowd of large bodies is read in turns with everything else. */
const AT_ONCE_MS = 10;
const KILLED = 'killed-its-reader: it was in hand, alone, when a process ended for the second time';
const ACK = new TextEncoder().encode('+ACK');
const WORKING = new TextEncoder().encode('+WPI');

export interface ConsumerOptions<T> {
  readonly stream: string;
  readonly durable: string;
  readonly parser: Parser<T>;
  readonly link: NatsLink;
  readonly log: ActorLog;
  /** Deliveries of one message after which it is given up. */
  readonly mostDeliveries: number;
  readonly bury: (burial: Burial) => Promise<void>;
  readonly onBadBody: () => void;
  /** Null: what ends the process is not looked for. */
  readonly inHand: InHand | null;
}

/** How many messages are asked for, and whether the server keeps the request open for those still to come. */
export type Order =
  | { readonly batch: number; readonly no_wait: true }
  | { readonly batch: number; readonly waitMs: number };

/** A durable consumer on the wire. Wire format: the JetStream API's `CONSUMER.MSG.NEXT` request and its status headers. */
export class DurableConsumer<T> {
  readonly #options: ConsumerOptions<T>;
  readonly #subject: string;

  constructor(options: ConsumerOptions<T>) {
    this.#options = options;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${options.stream}.${options.durable}`;
  }

  order(order: Order, reply: string, onError: (error: unknown) => void): void {
    const { link } = this.#options;
    const max_bytes = mostBytes(link, order.batch);
    const body =
      'no_wait' in order
        ? { ...order, max_bytes }
        : { batch: order.batch, max_bytes, expires: order.waitMs * NS_PER_MS };
    link.wire.send(this.#subject, JSON.stringify(body), { reply }, onError);
  }

  /** The error that a status is: 404 and 408 only say that there is nothing (more), 409 that the order ended early. */
  errorOf(status: Msg): InfraError | undefined {
    const { code, description } = statusOf(status);
    if (code === 404 || code === 408 || code === 409) return undefined;
    const { stream, durable } = this.#options;
    return new InfraError(
      code >= 500 ? 'BUS_DOWN' : 'BUS_REFUSED',
      `the consumer ${durable} of ${stream} answered ${code} ${description}`,
      { stream, durable, code },
    );
  }

  /** Those that can be used; the others become dead letters. */
  async read(messages: readonly Msg[]): Promise<Delivery<T>[]> {
    const { link, mostDeliveries, bury, onBadBody, parser, inHand } = this.#options;
    const deliveries: Delivery<T>[] = [];
    let since = performance.now();
    for (const message of messages) {
      if (performance.now() - since > AT_ONCE_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        since = performance.now();
      }
      const info = deliveryInfo(message.reply ?? '');
      if (info.attempt > mostDeliveries) {
        await bury({ message, info, reason: `delivered ${mostDeliveries} times without success`, unreadable: false });
        continue;
      }
      const key = keyOf(info);
      const turn = inHand?.turn(key) ?? 0;
      if (turn === 'aside') {
        await bury({ message, info, reason: KILLED, unreadable: true });
        inHand?.done(key);
        continue;
      }
      if (turn > 0) {
        say(link, message, nakOf(turn));
        continue;
      }
      inHand?.begin(key);
      try {
        const body = readBody(message.data, parser);
        deliveries.push({
          ...deliveryOf(link, message, info, inHand),
          body,
          deadLetter: async (reason) => {
            await bury({ message, info, reason, unreadable: false });
            inHand?.done(key);
          },
        });
      } catch (thrown) {
        onBadBody();
        inHand?.done(key);
        await bury({ message, info, reason: `the body cannot be used: ${asError(thrown).message}`, unreadable: true });
      }
    }
    return deliveries;
  }

  /** To be delivered again, at once. */
  handBack(message: Msg): void {
    say(this.#options.link, message, nakOf(0));
  }

  /** See `PullConsumer.lag`. */
  async lag(): Promise<QueueLag> {
    const { link, stream, durable } = this.#options;
    const nc = link.require();
    try {
      const jsm = await nc.jetstreamManager({ checkAPI: false });
      const info = await link.whileConnected(jsm.consumers.info(stream, durable));
      return { waiting: info.num_pending, unsettled: info.num_ack_pending };
    } catch (thrown) {
      throw new InfraError(
        'BUS_DOWN',
        `the consumer ${durable} cannot be asked: ${asError(thrown).message}`,
        { durable },
        thrown,
      );
    }
  }
}

/** A request nobody listens to (the server restarts, the consumer is gone) answers 503 and counts as a status too. */
export const isStatus = (message: Msg): boolean => message.data.length === 0 && statusOf(message).code > 0;

/** Of an order of so many messages: real ones have a tenth of this, so only huge ones are handed out in smaller numbers. */
const BYTES_EACH = 64 * 1024;
/** Never below the largest message, which could not be had then at all. */
export const mostBytes = (link: NatsLink, batch: number): number => Math.max(2 * link.maxPayload, batch * BYTES_EACH);

/** `how`: idly for what may come a moment later, as the ack wait is seconds. */
const say = (link: NatsLink, { reply }: Msg, verb: Uint8Array | string, how: 'send' | 'sendIdly' = 'send'): void => {
  // One that cannot be said comes again by itself.
  if (reply !== undefined && reply !== '') link.wire[how](reply, verb);
};

const nakOf = (delayMs: number): string => `-NAK ${JSON.stringify({ delay: nanos(delayMs) })}`;

/** Names a message of a consumer: the time tells it from that of the same sequence of a stream made anew. */
const keyOf = ({ stream, consumer, seq, storedAt }: DeliveryInfo): string => `${stream} ${consumer} ${seq} ${storedAt}`;

function deliveryOf(
  link: NatsLink,
  message: Msg,
  info: DeliveryInfo,
  inHand: InHand | null,
): Omit<Delivery<never>, 'body' | 'deadLetter'> {
  const { attempt, seq, storedAt } = info;
  return {
    subject: message.subject,
    attempt,
    seq,
    storedAt,
    begin: () => inHand?.begin(keyOf(info)),
    ack: () => {
      inHand?.done(keyOf(info));
      say(link, message, ACK, 'sendIdly');
    },
    nak: (delayMs) => say(link, message, nakOf(delayMs)),
    working: () => say(link, message, WORKING, 'sendIdly'),
  };
}
