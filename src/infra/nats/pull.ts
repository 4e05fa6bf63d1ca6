import { createInbox, type Msg, nanos, type NatsConnection, type Subscription } from 'nats';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { Delivery, Parser, PullConsumer } from '../bus.ts';
import { InfraError } from '../errors.ts';
import type { NatsLink } from './connection.ts';

const NS_PER_MS = 1_000_000;
/** How much longer than the server we wait for its own word that nothing came. */
const GRACE_MS = 500;

export interface PullOptions<T> {
  readonly stream: string;
  readonly durable: string;
  readonly parser: Parser<T>;
  readonly link: NatsLink;
  readonly log: ActorLog;
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

  async fetch(max: number, waitMs: number): Promise<readonly Delivery<T>[]> {
    const ready = await this.#request({ batch: max, no_wait: true }, max, 2_000);
    if (ready.length > 0 || waitMs <= 0) return this.#parse(ready);
    return this.#parse(await this.#request({ batch: 1, expires: waitMs * NS_PER_MS }, 1, waitMs));
  }

  async lag(): Promise<{ readonly waiting: number; readonly unsettled: number }> {
    const nc = this.#options.link.require();
    try {
      const jsm = await nc.jetstreamManager({ checkAPI: false });
      const info = await jsm.consumers.info(this.#options.stream, this.#options.durable);
      return { waiting: info.num_pending, unsettled: info.num_ack_pending };
    } catch (thrown) {
      throw new InfraError('BUS_DOWN', `the consumer ${this.#options.durable} cannot be asked: ${asError(thrown).message}`, { durable: this.#options.durable }, thrown);
    }
  }

  async #request(request: object, max: number, waitMs: number): Promise<Msg[]> {
    const nc = this.#options.link.require();
    const inbox = createInbox();
    const subscription = nc.subscribe(inbox);
    const messages: Msg[] = [];
    const timer = setTimeout(() => subscription.unsubscribe(), waitMs + GRACE_MS);
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
    } finally {
      clearTimeout(timer);
      close(subscription, nc);
    }
    return messages;
  }

  /** 404 and 408 say that there is nothing (more), 409 that the request ended early; anything else is an error. */
  #check(status: Msg): void {
    const code = status.headers?.code ?? 0;
    if (code === 404 || code === 408 || code === 409) return;
    const { stream, durable } = this.#options;
    throw new InfraError('BUS_REFUSED', `the consumer ${durable} of ${stream} answered ${code} ${status.headers?.description ?? ''}`, { stream, durable, code });
  }

  #parse(messages: readonly Msg[]): Delivery<T>[] {
    const deliveries: Delivery<T>[] = [];
    for (const message of messages) {
      const delivery = deliveryOf(message);
      try {
        deliveries.push({ ...delivery, body: this.#options.parser.parse(message.json()) });
      } catch (thrown) {
        delivery.term('the body does not parse');
        this.#options.onBadBody();
        this.#options.log.error({ subject: message.subject, err: asError(thrown).message }, `a message on ${message.subject} does not parse and was given up`);
      }
    }
    return deliveries;
  }
}

/** A request nobody listens to (the server restarts, the consumer is gone) answers 503 and counts as a status too. */
const isStatus = (message: Msg): boolean => message.headers !== undefined && message.headers.code > 0;

function close(subscription: Subscription, nc: NatsConnection): void {
  if (!nc.isClosed()) subscription.unsubscribe();
}

function deliveryOf(message: Msg): Omit<Delivery<never>, 'body'> {
  const say = (verb: string): void => void message.respond(verb);
  return {
    subject: message.subject,
    attempt: deliveryCount(message.reply ?? ''),
    ack: () => say('+ACK'),
    nak: (delayMs) => say(`-NAK ${JSON.stringify({ delay: nanos(delayMs) })}`),
    term: (reason) => say(`+TERM ${reason}`),
    working: () => say('+WPI'),
  };
}

/** `$JS.ACK.<stream>.<consumer>.<delivered>...`, with two tokens more (domain, account) on newer servers. */
function deliveryCount(ackSubject: string): number {
  const tokens = ackSubject.split('.');
  return Number(tokens[tokens.length >= 11 ? 6 : 4] ?? 1);
}
