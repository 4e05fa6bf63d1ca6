import { headers as newHeaders, type Msg } from 'nats';
import { deadLetterHeaders, subjects } from '../../messages/subjects.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { LineLimit } from '../line-limit.ts';
import { redeliveryDelay } from '../redelivery.ts';
import type { NatsLink } from './connection.ts';
import { type DeadLetterCount, DeadLetterCounts } from './dead-letter-counts.ts';
import type { DeliveryInfo } from './delivery-info.ts';
import { asInfraError } from './nats-errors.ts';
import { headerBytes, headersOf, MOST_HEADER_BYTES } from './headers.ts';
import { MSG_ID, store } from './send.ts';

const REASON_CHARS = 500;
/** Of a text that is not looked at any further. */
const LOOKED_AT = 4 * REASON_CHARS;
/** Bytes kept of a body that no reader takes: enough to see what it is. Others are kept whole, to be replayed. */
const KEPT_BYTES = 64 * 1024;
/** Bytes for the server's limit that headers and protocol take. */
const BESIDE_BODY = 2 * 1024;
const LOG_EVERY_MS = 1_000;

export interface GravediggerOptions {
  readonly link: NatsLink;
  readonly log: ActorLog;
}

export interface Burial {
  readonly message: Msg;
  readonly info: DeliveryInfo;
  readonly reason: string;
  /** The reader did not take it: of a huge one only the beginning is kept. */
  readonly unreadable: boolean;
}

/**
 * Puts what cannot be handled among the dead letters: its bytes and headers as they came, and why. What is too large to be
 * kept whole is cut and marked so; it can be looked at, not replayed.
 */
export class Gravedigger {
  readonly #options: GravediggerOptions;
  readonly #counts = new DeadLetterCounts();
  readonly #lines = new LineLimit(LOG_EVERY_MS);
  #total = 0;

  constructor(options: GravediggerOptions) {
    this.#options = options;
  }

  /** One entry for each consumer that had any. */
  counts(): readonly DeadLetterCount[] {
    return this.#counts.list();
  }

  /** Stores the dead letter, then ends the message. Never rejects: when it cannot be stored, the message is delivered again. */
  async bury({ message, info, reason, unreadable }: Burial): Promise<void> {
    const { stream, consumer, seq, attempt } = info;
    const { link, log } = this.#options;
    const why = oneLine(reason);
    const fields = { subject: message.subject, stream, consumer, seq, deliveries: attempt, reason: why };
    try {
      // The time tells this message from that of the same sequence of a stream made anew.
      const id = `${stream}:${consumer}:${seq}:${info.storedAt}`;
      const most = Math.min(unreadable ? KEPT_BYTES : Infinity, link.maxPayload - MOST_HEADER_BYTES - BESIDE_BODY);
      const body = message.data.subarray(0, most);
      const stored = await store(link, subjects.deadLetter(stream, consumer), body, {
        headers: deadHeaders(message, info, why, message.data.length - body.length),
        id,
      });
      message.respond(`+TERM ${why}`);
      if (stored.duplicate) return;
      this.#counts.add({ stream, consumer, total: 1 });
      this.#total += 1;
      if (this.#lines.mayLog())
        log.error(
          { ...fields, deadLetter: stored.seq, soFar: this.#total },
          `a message on ${message.subject} was given up and is dead letter ${stored.seq}: ${why}; see npm run gantry -- dlq show ${stored.seq}`,
        );
    } catch (thrown) {
      if (!link.nc.isClosed())
        message.respond(`-NAK ${JSON.stringify({ delay: redeliveryDelay(attempt) * 1_000_000 })}`);
      log.warn(
        { ...fields, err: asInfraError(thrown, 'storing a dead letter').message },
        `a message on ${message.subject} cannot be handled (${why}) and cannot be put among the dead letters now; it comes again`,
      );
    }
  }
}

function deadHeaders(
  message: Msg,
  { stream, consumer, attempt }: DeliveryInfo,
  why: string,
  missing: number,
): ReturnType<typeof newHeaders> {
  const made = newHeaders();
  const original = headersOf(message);
  for (const [name, value] of original) if (name !== MSG_ID) made.set(name, value);
  made.set(deadLetterHeaders.reason, why);
  made.set(deadLetterHeaders.subject, message.subject);
  made.set(deadLetterHeaders.stream, stream);
  made.set(deadLetterHeaders.consumer, consumer);
  made.set(deadLetterHeaders.deliveries, String(attempt));
  made.set(deadLetterHeaders.msgId, original.get(MSG_ID) ?? '');
  const cut = [
    missing > 0 ? `${missing} bytes of the body` : '',
    original.size === 0 && headerBytes(message) > 0 ? 'headers' : '',
  ].filter((part) => part !== '');
  if (cut.length > 0) made.set(deadLetterHeaders.cut, cut.join(', '));
  return made;
}

/** Headers hold one line each. */
const oneLine = (text: string): string =>
  text.slice(0, LOOKED_AT).replaceAll(/\s+/gu, ' ').trim().slice(0, REASON_CHARS);
