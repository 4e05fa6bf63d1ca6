import { headers as newHeaders, type JsMsg } from 'nats';
import { deadLetterHeaders, subjects } from '../../messages/subjects.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { LineLimit } from '../line-limit.ts';
import { redeliveryDelay } from '../redelivery.ts';
import type { NatsLink } from './connection.ts';
import { type DeadLetterCount, DeadLetterCounts } from './dead-letter-counts.ts';
import { asInfraError } from './nats-errors.ts';
import { headerBytes, headersOf, MOST_HEADER_BYTES } from './headers.ts';
import { storedAtOf } from './read.ts';
import { MSG_ID, store } from './send.ts';

const REASON_CHARS = 500;
/** Characters of a reason that are read at all. */
const LOOKED_AT = 4 * REASON_CHARS;
/** Bytes kept of a body that cannot be parsed: enough to recognise it. Other bodies are kept whole, for a replay. */
const KEPT_BYTES = 64 * 1024;
/** Bytes of the server's limit that headers and protocol take. */
const BESIDE_BODY = 2 * 1024;
const LOG_EVERY_MS = 1_000;

export interface DeadLetterOrder {
  readonly message: JsMsg;
  readonly reason: string;
  /** No reader can parse it: of a huge body only the beginning is kept. Default false. */
  readonly unreadable?: boolean;
}

/**
 * Stores messages that cannot be handled in the stream of dead letters: the original bytes and headers, and the reason.
 * A message too large to be kept whole is cut and marked so; it can be shown, but not replayed.
 */
export class DeadLetterWriter {
  readonly #options: { readonly link: NatsLink; readonly log: ActorLog };
  readonly #counts = new DeadLetterCounts();
  readonly #lines = new LineLimit(LOG_EVERY_MS);
  #total = 0;

  constructor(options: { readonly link: NatsLink; readonly log: ActorLog }) {
    this.#options = options;
  }

  /** One entry for each consumer that had any. */
  counts(): readonly DeadLetterCount[] {
    return this.#counts.list();
  }

  /**
   * Stores the dead letter, then ends the message. Never rejects: when it cannot be stored, the message is delivered
   * again.
   */
  async write({ message, reason, unreadable = false }: DeadLetterOrder): Promise<void> {
    const { stream, consumer, streamSequence: seq, deliveryCount: deliveries } = message.info;
    const { link, log } = this.#options;
    const why = oneLine(reason);
    const fields = { subject: message.subject, stream, consumer, seq, deliveries, reason: why };
    try {
      // The time tells it from the message of the same sequence in a stream created again.
      const id = `${stream}:${consumer}:${seq}:${storedAtOf(message)}`;
      const most = Math.min(unreadable ? KEPT_BYTES : Infinity, link.maxPayload - MOST_HEADER_BYTES - BESIDE_BODY);
      const body = message.data.subarray(0, most);
      const stored = await store(link, subjects.deadLetter(stream, consumer), body, {
        headers: deadHeaders(message, why, message.data.length - body.length),
        id,
      });
      message.term(why);
      if (stored.duplicate) return;
      this.#counts.add({ stream, consumer, total: 1 });
      this.#total += 1;
      if (this.#lines.mayLog())
        log.error(
          { ...fields, deadLetter: stored.seq, soFar: this.#total },
          `a message on ${message.subject} was given up and is dead letter ${stored.seq}: ${why}; ` +
            `see gantry dlq show ${stored.seq}`,
        );
    } catch (thrown) {
      message.nak(redeliveryDelay(deliveries));
      log.warn(
        { ...fields, err: asInfraError(thrown, 'storing a dead letter').message },
        `a message on ${message.subject} cannot be handled (${why}) ` +
          'and cannot become a dead letter now; it is delivered again',
      );
    }
  }
}

function deadHeaders(message: JsMsg, why: string, missing: number): ReturnType<typeof newHeaders> {
  const { stream, consumer, deliveryCount } = message.info;
  const made = newHeaders();
  const original = headersOf(message);
  for (const [name, value] of original) if (name !== MSG_ID) made.set(name, value);
  made.set(deadLetterHeaders.reason, why);
  made.set(deadLetterHeaders.subject, message.subject);
  made.set(deadLetterHeaders.stream, stream);
  made.set(deadLetterHeaders.consumer, consumer);
  made.set(deadLetterHeaders.deliveries, String(deliveryCount));
  made.set(deadLetterHeaders.msgId, original.get(MSG_ID) ?? '');
  const cut = [
    missing > 0 ? `${missing} bytes of the body` : '',
    original.size === 0 && headerBytes(message) > 0 ? 'headers' : '',
  ].filter((part) => part !== '');
  if (cut.length > 0) made.set(deadLetterHeaders.cut, cut.join(', '));
  return made;
}

/** A header is one line. */
const oneLine = (text: string): string =>
  text.slice(0, LOOKED_AT).replaceAll(/\s+/gu, ' ').trim().slice(0, REASON_CHARS);
