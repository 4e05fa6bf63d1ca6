import { createInbox, type Msg, type NatsConnection, NatsError } from 'nats';
import { clipped } from '../../messages/bounds.ts';
import { BodyError, readBody } from '../../messages/read-body.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import type { Answered, Parser, Requests } from '../bus.ts';
import { InfraError } from '../infra-error.ts';
import { LineLimit } from '../line-limit.ts';
import { headerBytes, MOST_HEADER_BYTES } from './headers.ts';
import type { NatsBus } from './nats-bus.ts';
import { checkSize } from './send.ts';

const NO_RESPONDERS = 503;
const LOG_EVERY_MS = 1_000;

/**
 * The first answer to a request over plain NATS, a status without body included. Not by the client's `request`, which
 * reads the headers of every answer whatever their number, and anyone may have sent it. Rejects with the client's
 * error, `TIMEOUT` when none comes.
 */
export function requestOnce(nc: NatsConnection, subject: string, payload: string, timeoutMs: number): Promise<Msg> {
  return new Promise((resolve, reject) => {
    const inbox = createInbox();
    nc.subscribe(inbox, {
      max: 1,
      timeout: timeoutMs,
      callback: (error, message) => (error === null ? resolve(message) : reject(error)),
    });
    nc.publish(subject, payload, { reply: inbox });
  });
}

/** {@link Requests} over plain NATS. */
export class NatsRequests implements Requests {
  readonly #bus: NatsBus;
  readonly #log: ActorLog;
  readonly #lines = new LineLimit(LOG_EVERY_MS);

  constructor(bus: NatsBus, log: ActorLog) {
    this.#bus = bus;
    this.#log = log;
  }

  ask<T>(subject: string, body: object, parser: Parser<T>, timeoutMs: number): Promise<Answered<T>> {
    const { link } = this.#bus;
    return link.call(`asking on ${subject}`, async () => {
      const payload = JSON.stringify(body);
      checkSize(link, subject, payload);
      const message = await requestOnce(link.nc, subject, payload, timeoutMs).catch(orSilent);
      if (message === null) return { outcome: 'silent' };
      const isStatus = message.data.length === 0 && headerBytes(message) <= MOST_HEADER_BYTES;
      if (isStatus && message.headers?.code === NO_RESPONDERS) return { outcome: 'nobody' };
      try {
        return { outcome: 'answered', body: readBody(message.data, parser) };
      } catch (thrown) {
        this.#bus.badBody(`the answer on ${subject}`, thrown);
        if (!(thrown instanceof BodyError)) throw thrown;
        throw new InfraError('BUS_REFUSED', `the answer on ${subject} cannot be used: ${thrown.message}`, {}, thrown);
      }
    });
  }

  answer<T>(subject: string, parser: Parser<T>, handler: (body: T) => Promise<object | null>): () => void {
    const subscription = this.#bus.link.nc.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        let body: T;
        try {
          body = readBody(message.data, parser);
        } catch (thrown) {
          this.#bus.badBody(message.subject, thrown);
          return;
        }
        handler(body)
          .then((answer) => {
            if (answer !== null) this.#respond(message, answer);
          })
          .catch((thrown: unknown) => this.#failed(message.subject, thrown));
      },
    });
    return () => subscription.unsubscribe();
  }

  #respond(message: Msg, answer: object): void {
    const payload = JSON.stringify(answer);
    checkSize(this.#bus.link, message.subject, payload);
    message.respond(payload);
  }

  /** The asker hears nothing, and asks again if it wants to. */
  #failed(subject: string, thrown: unknown): void {
    if (!this.#lines.mayLog()) return;
    const err = clipped(asError(thrown).message);
    this.#log.warn({ subject, err }, `a request on ${subject} could not be answered: ${err}`);
  }
}

function orSilent(thrown: unknown): null {
  if (thrown instanceof NatsError && thrown.code === 'TIMEOUT') return null;
  throw thrown;
}
