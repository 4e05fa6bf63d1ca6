import { headers as newHeaders, type Msg } from 'nats';
import { deadLetterHeaders, subjects } from '../../messages/subjects.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { redeliveryDelay } from '../redelivery.ts';
import type { NatsLink } from './connection.ts';
import { type DeadLetterCount, DeadLetterCounts } from './dead-letter-counts.ts';
import type { DeliveryInfo } from './delivery-info.ts';
import { asInfraError } from './errors.ts';
import { MSG_ID, store } from './send.ts';

const REASON_CHARS = 500;

export interface GravediggerOptions {
  readonly link: NatsLink;
  readonly log: ActorLog;
}

/** Puts what cannot be handled among the dead letters: its bytes and headers as they came, and why. */
export class Gravedigger {
  readonly #options: GravediggerOptions;
  readonly #counts = new DeadLetterCounts();

  constructor(options: GravediggerOptions) {
    this.#options = options;
  }

  /** One entry for each consumer that had any. */
  counts(): readonly DeadLetterCount[] {
    return this.#counts.list();
  }

  /** Stores the dead letter, then ends the message. Never rejects: when it cannot be stored, the message is delivered again. */
  async bury(message: Msg, info: DeliveryInfo, reason: string): Promise<void> {
    const { stream, consumer, seq, attempt } = info;
    const { link, log } = this.#options;
    const why = oneLine(reason);
    const fields = { subject: message.subject, stream, consumer, seq, deliveries: attempt, reason: why };
    try {
      // The time tells this message from that of the same sequence of a stream made anew.
      const id = `${stream}:${consumer}:${seq}:${info.storedAt}`;
      const stored = await store(link, subjects.deadLetter(stream, consumer), message.data, { headers: deadHeaders(message, info, why), id });
      message.respond(`+TERM ${why}`);
      if (stored.duplicate) return;
      this.#counts.add({ stream, consumer, total: 1 });
      log.error({ ...fields, deadLetter: stored.seq }, `a message on ${message.subject} was given up and is dead letter ${stored.seq}: ${why}; see gantry dlq show ${stored.seq}`);
    } catch (thrown) {
      if (!link.nc.isClosed()) message.respond(`-NAK ${JSON.stringify({ delay: redeliveryDelay(attempt) * 1_000_000 })}`);
      log.warn({ ...fields, err: asInfraError(thrown, 'storing a dead letter').message }, `a message on ${message.subject} cannot be handled (${why}) and cannot be put among the dead letters now; it comes again`);
    }
  }
}

function deadHeaders(message: Msg, { stream, consumer, attempt }: DeliveryInfo, why: string): ReturnType<typeof newHeaders> {
  const made = newHeaders();
  for (const [name, values] of message.headers ?? []) {
    if (name !== MSG_ID) for (const value of values) made.append(name, value);
  }
  made.set(deadLetterHeaders.reason, why);
  made.set(deadLetterHeaders.subject, message.subject);
  made.set(deadLetterHeaders.stream, stream);
  made.set(deadLetterHeaders.consumer, consumer);
  made.set(deadLetterHeaders.deliveries, String(attempt));
  made.set(deadLetterHeaders.msgId, message.headers?.get(MSG_ID) ?? '');
  return made;
}

/** Headers hold one line each. */
const oneLine = (text: string): string => text.replaceAll(/\s+/gu, ' ').trim().slice(0, REASON_CHARS);
