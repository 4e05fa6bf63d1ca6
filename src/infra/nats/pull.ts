import { createInbox, type Msg, nanos, type Subscription } from 'nats';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { Delivery, Parser, PullConsumer } from '../bus.ts';
import { InfraError } from '../errors.ts';
import type { NatsLink } from './connection.ts';
import { type DeliveryInfo, deliveryInfo } from './delivery-info.ts';
import { asInfraError } from './errors.ts';

const NS_PER_MS = 1_000_000;
/** How much longer than the server we wait for its own word that nothing came. */
const GRACE_MS = 500;

export interface PullOptions<T> {
  readonly stream: string;
  readonly durable: string;
  readonly parser: Parser<T>;
  readonly link: NatsLink;
  readonly log: ActorLog;
  /** Deliveries of one message after which it is given up. */
  readonly mostDeliveries: number;
  readonly bury: (message: Msg, info: DeliveryInfo, reason: string) => Promise<void>;
  readonly onBadBody: () => void;
}

/**
 * Pulls with JetStream's request API directly: first whatever is there (`no_wait`), and only when there is nothing one
 * message with a wait. So a fetch returns with the first message, and no message is ever on its way to a fetch that has
 * returned. Wire format: the JetStream API's `CONSUMER.MSG.NEXT` request and its status headers.
 */
export class JetStreamPull<T> implements PullConsumer<T> {
  readonly #options: PullOptions<T>;
  readonly #subject: string;

  constructor(options: PullOptions<T>) {
    this.#options = options;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${options.stream}.${options.durable}`;
  }

  async fetch(max: number, waitMs: number, signal?: AbortSignal): Promise<readonly Delivery<T>[]> {
    const ready = await this.#request({ batch: max, no_wait: true }, max, 2_000);
    if (ready.length > 0 || waitMs <= 0 || signal?.aborted === true) return this.#parse(ready);
    return this.#parse(await this.#request({ batch: 1, expires: waitMs * NS_PER_MS }, 1, waitMs, signal));
  }

  async lag(): Promise<{ readonly waiting: number; readonly unsettled: number }> {
    const { link, stream, durable } = this.#options;
    const nc = link.require();
    try {
      const jsm = await nc.jetstreamManager({ checkAPI: false });
      const info = await link.whileConnected(jsm.consumers.info(stream, durable));
      return { waiting: info.num_pending, unsettled: info.num_ack_pending };
    } catch (thrown) {
      throw new InfraError('BUS_DOWN', `the consumer ${durable} cannot be asked: ${asError(thrown).message}`, { durable }, thrown);
    }
  }

  async #request(request: object, max: number, waitMs: number, signal?: AbortSignal): Promise<Msg[]> {
    const { link } = this.#options;
    const nc = link.require();
    const inbox = createInbox();
    const subscription = nc.subscribe(inbox);
    const messages: Msg[] = [];
    const end = (): void => close(subscription);
    const timer = setTimeout(end, waitMs + GRACE_MS);
    // A request is gone with its connection: nobody answers it after a reconnect.
    const unlisten = link.onChange(end);
    // The server hears that nobody listens any more, and what it sent before is still taken.
    const leave = (): void => void subscription.drain().catch(end);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      nc.publish(this.#subject, JSON.stringify(request), { reply: inbox });
      for await (const message of subscription) {
        if (isStatus(message)) {
          this.#check(message);
          break;
        }
        messages.push(message);
        if (messages.length >= max) break;
      }
    } catch (thrown) {
      // What came is ours to settle, whatever happened after it.
      if (messages.length === 0) throw asInfraError(thrown, `fetching for ${this.#options.durable}`);
    } finally {
      clearTimeout(timer);
      unlisten();
      signal?.removeEventListener('abort', leave);
      end();
    }
    if (messages.length === 0) link.require();
    return messages;
  }

  /** 404 and 408 say that there is nothing (more), 409 that the request ended early; anything else is an error. */
  #check(status: Msg): void {
    const code = status.headers?.code ?? 0;
    if (code === 404 || code === 408 || code === 409) return;
    const { stream, durable } = this.#options;
    throw new InfraError(code >= 500 ? 'BUS_DOWN' : 'BUS_REFUSED', `the consumer ${durable} of ${stream} answered ${code} ${status.headers?.description ?? ''}`, { stream, durable, code });
  }

  async #parse(messages: readonly Msg[]): Promise<Delivery<T>[]> {
    const { mostDeliveries, bury, onBadBody, parser } = this.#options;
    const deliveries: Delivery<T>[] = [];
    for (const message of messages) {
      const info = deliveryInfo(message.reply ?? '');
      if (info.attempt > mostDeliveries) {
        await bury(message, info, `delivered ${mostDeliveries} times without success`);
        continue;
      }
      try {
        const body = parser.parse(message.json());
        deliveries.push({ ...deliveryOf(message, info), body, bury: (reason) => bury(message, info, reason) });
      } catch (thrown) {
        onBadBody();
        await bury(message, info, `the body cannot be used: ${asError(thrown).message}`);
      }
    }
    return deliveries;
  }
}

/** A request nobody listens to (the server restarts, the consumer is gone) answers 503 and counts as a status too. */
export const isStatus = (message: Msg): boolean => message.headers !== undefined && message.headers.code > 0;

function close(subscription: Subscription): void {
  if (!subscription.isClosed()) subscription.unsubscribe();
}

function deliveryOf(message: Msg, { attempt, seq, storedAt }: DeliveryInfo): Omit<Delivery<never>, 'body' | 'bury'> {
  const say = (verb: string): void => void message.respond(verb);
  return {
    subject: message.subject,
    attempt,
    seq,
    storedAt,
    ack: () => say('+ACK'),
    nak: (delayMs) => say(`-NAK ${JSON.stringify({ delay: nanos(delayMs) })}`),
    term: (reason) => say(`+TERM ${reason}`),
    working: () => say('+WPI'),
  };
}
