import { headers as newHeaders, type JsMsg } from 'nats';
import { deadLetterHeaders, headers, streams, subjects } from '../../messages/subjects.ts';
import { InfraError } from '../infra-error.ts';
import type { NatsLink } from './connection.ts';
import { headersOf } from './headers.ts';
import { readOne, readStream, storedAtOf } from './read.ts';
import { MSG_ID, store } from './send.ts';

/** Most dead letters read for a list; the stream itself is bounded by bytes and age. */
const MOST_LISTED = 100_000;

/** A dead letter as a list shows it. */
export interface DeadLetterSummary {
  /** Sequence among the dead letters. */
  readonly id: number;
  /** Epoch ms. */
  readonly at: number;
  readonly stream: string;
  readonly consumer: string;
  /** Where the message was published, and is published again by a replay. */
  readonly subject: string;
  readonly reason: string;
  readonly deliveries: number;
  /** Null for a message that carried none. */
  readonly cameraId: string | null;
  readonly requestId: string | null;
  readonly traceId: string | null;
}

export interface DeadLetter extends DeadLetterSummary {
  /** Of the original message. */
  readonly headers: Readonly<Record<string, string>>;
  /** The original bytes, whether they can be parsed or not. */
  readonly body: Uint8Array;
  /** Names the missing parts of a message that was too large to be kept whole; null when it is whole. */
  readonly cut: string | null;
}

const OURS: ReadonlySet<string> = new Set(Object.values(deadLetterHeaders));

/** Lists, shows and replays dead letters. Every method rejects `BUS_DOWN` while NATS is down. */
export class DeadLetterBox {
  readonly #link: NatsLink;

  constructor(link: NatsLink) {
    this.#link = link;
  }

  /** The newest `limit` dead letters, newest first; only those of `stream` when it is given. */
  async list({
    stream,
    limit,
  }: {
    readonly stream?: string;
    readonly limit: number;
  }): Promise<readonly DeadLetterSummary[]> {
    const filter = stream === undefined ? undefined : subjects.deadLettersOf(stream);
    const found = await readStream(
      this.#link,
      {
        stream: streams.deadLetters,
        ...(filter === undefined ? {} : { filter }),
        from: { seq: 1 },
        limit: MOST_LISTED,
        headersOnly: true,
      },
      summaryOf,
    );
    return found.slice(-limit).toReversed();
  }

  /** When the newest was stored, epoch ms; null when there is none. */
  async newestAt(): Promise<number | null> {
    return (
      (await readOne(this.#link, streams.deadLetters, { last_by_subj: subjects.deadLetters }))?.time.getTime() ?? null
    );
  }

  /** Null when there is none of this id, or no longer. */
  async get(id: number): Promise<DeadLetter | null> {
    const range = { stream: streams.deadLetters, from: { seq: id }, limit: 1 };
    const [letter] = await readStream(this.#link, range, (message) => (message.seq === id ? letterOf(message) : null));
    return letter ?? null;
  }

  /**
   * Publishes the original bytes on their subject again, and deletes the dead letter once they are stored. False when
   * there is none of this id, or no longer. Two replays at once publish it once: the new message id names the dead
   * letter.
   */
  async replay(id: number): Promise<boolean> {
    const letter = await this.get(id);
    if (letter === null) return false;
    if (letter.cut !== null)
      throw new InfraError(
        'BUS_REFUSED',
        `dead letter ${id} cannot be replayed: it was too large to be kept whole (missing: ${letter.cut})`,
        { id },
      );
    if (letter.subject === '')
      throw new InfraError('BUS_REFUSED', `dead letter ${id} does not say where it came from`, { id });
    const again = newHeaders();
    for (const [name, value] of Object.entries(letter.headers)) if (name !== MSG_ID) again.set(name, value);
    await store(this.#link, letter.subject, letter.body, {
      headers: again,
      id: `${letter.headers[MSG_ID] ?? ''}:replay:${id}`,
    });
    await this.#link.call(`replaying dead letter ${id}`, () =>
      this.#link.jsm.streams.deleteMessage(streams.deadLetters, id, false),
    );
    return true;
  }
}

function letterOf(message: JsMsg): DeadLetter {
  const of = headersOf(message);
  const original = Object.fromEntries([...of].filter(([name]) => !OURS.has(name) && name !== MSG_ID));
  return {
    ...summaryOf(message),
    headers: { ...original, [MSG_ID]: of.get(deadLetterHeaders.msgId) ?? '' },
    body: message.data,
    cut: of.get(deadLetterHeaders.cut) ?? null,
  };
}

function summaryOf(message: JsMsg): DeadLetterSummary {
  const { stream, consumer, subject, reason, deliveries } = deadLetterHeaders;
  const of = headersOf(message);
  const get = (name: string): string => of.get(name) ?? '';
  return {
    id: message.seq,
    at: storedAtOf(message),
    stream: get(stream),
    consumer: get(consumer),
    subject: get(subject),
    reason: get(reason),
    deliveries: Number(get(deliveries)),
    cameraId: of.get(headers.cameraId) || null,
    requestId: of.get(headers.requestId) || null,
    traceId: of.get(headers.traceId) || null,
  };
}
