import { AckPolicy, type ConsumerConfig, createInbox, DeliverPolicy, type JetStreamManager, nanos } from 'nats';
import { z } from 'zod';
import type { BodyBounds } from '../../messages/bounds.ts';
import { readBody } from '../../messages/read-body.ts';
import type { ReadOptions, StoredMessage } from '../bus.ts';
import { InfraError } from '../infra-error.ts';
import type { NatsLink } from './connection.ts';
import { isStatus, mostBytes } from './consumer.ts';
import { deliveryInfo, isAckSubject } from './delivery-info.ts';
import { apiError, asInfraError } from './nats-errors.ts';
import { type Headers, headersOf, parseHeaders } from './headers.ts';

const ANSWER_MS = 3_000;
const BATCH = 500;
/** How long the server keeps a consumer that its reader did not take away. */
const LEFT_BEHIND_MS = 10_000;

/** A stored message, its body not yet looked at. */
export interface RawMessage extends Omit<StoredMessage<unknown>, 'body'> {
  readonly data: Uint8Array;
  /** Read when asked for. */
  headers(): Headers;
}

/** A consumer for one reader: nothing is acked, nothing is written to disk, gone by itself when nobody asks. */
export const readerConfig = (
  from: { readonly seq: number } | { readonly time: number },
  filter: string | undefined,
): Partial<ConsumerConfig> => ({
  ack_policy: AckPolicy.None,
  mem_storage: true,
  num_replicas: 1,
  inactive_threshold: nanos(LEFT_BEHIND_MS),
  ...('seq' in from
    ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, from.seq) }
    : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(from.time).toISOString() }),
  ...(filter === undefined ? {} : { filter_subject: filter }),
});

export interface RawReadOptions extends Omit<ReadOptions<unknown>, 'parser'> {
  /** Without the bodies. */
  readonly headersOnly?: boolean;
}

/**
 * What a stream holds now, oldest first: what `use` makes of each of at most `limit` messages, as they come, so that no
 * more bytes than those of one request are held. Null leaves one out. Rejects `BUS_DOWN`, `BUS_REFUSED`.
 */
export async function readStream<T>(
  link: NatsLink,
  jsm: JetStreamManager,
  { stream, filter, from, limit, headersOnly = false }: RawReadOptions,
  use: (message: RawMessage) => T | null,
): Promise<T[]> {
  link.require();
  const found: T[] = [];
  let read = 0;
  try {
    const { name, num_pending } = await link.whileConnected(
      jsm.consumers.add(stream, { ...readerConfig(from, filter), headers_only: headersOnly }),
    );
    try {
      const wanted = Math.min(limit, num_pending);
      while (read < wanted) {
        const batch = await nextBatch(
          link,
          `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`,
          Math.min(BATCH, wanted - read),
        );
        if (batch.length === 0) break;
        read += batch.length;
        for (const message of batch) {
          const used = use(message);
          if (used !== null) found.push(used);
        }
      }
    } finally {
      // Left behind, it goes by itself.
      jsm.consumers.delete(stream, name).catch(() => undefined);
    }
  } catch (thrown) {
    throw asInfraError(thrown, `reading ${stream}`);
  }
  return found;
}

/** The newest message on `subject`; null when there is none. */
export function readLast(link: NatsLink, stream: string, subject: string): Promise<RawMessage | null> {
  return readOne(link, stream, { last_by_subj: subject });
}

/** The message of this sequence; null when there is none. */
export function readSeq(link: NatsLink, stream: string, seq: number): Promise<RawMessage | null> {
  return readOne(link, stream, { seq });
}

async function readOne(
  link: NatsLink,
  stream: string,
  query: { readonly seq: number } | { readonly last_by_subj: string },
): Promise<RawMessage | null> {
  link.require();
  try {
    const { error, message } = readBody(
      (await link.wire.ask(`$JS.API.STREAM.MSG.GET.${stream}`, JSON.stringify(query), ANSWER_MS)).data,
      Answer,
      ANSWER,
    );
    if (error?.err_code === NO_MESSAGE) return null;
    if (error !== undefined) throw apiError(error, `reading ${stream}`);
    if (message === undefined) throw new Error('the answer is not one of JetStream');
    const { subject, seq, time, data = '', hdrs = '' } = message;
    return {
      subject,
      seq,
      storedAt: Date.parse(time),
      data: Buffer.from(data, 'base64'),
      headers: () => parseHeaders(Buffer.from(hdrs, 'base64')),
    };
  } catch (thrown) {
    throw asInfraError(thrown, `reading ${stream}`);
  }
}

/** JetStream's code for a message that is not there, which a missing stream is not. */
const NO_MESSAGE = 10_037;
/** Its answer to a request for one message; bytes are base64. */
const Answer = z.object({
  error: z.object({ code: z.int(), err_code: z.int().optional(), description: z.string().optional() }).optional(),
  message: z
    .object({
      subject: z.string(),
      seq: z.int(),
      time: z.string(),
      data: z.string().optional(),
      hdrs: z.string().optional(),
    })
    .optional(),
});
/** The largest message that an operator may allow, in base64. */
const ANSWER: BodyBounds = { bytes: 96 * 1024 * 1024, parts: 100, depth: 4 };

function nextBatch(link: NatsLink, subject: string, batch: number): Promise<RawMessage[]> {
  const nc = link.require();
  const inbox = createInbox();
  return link.whileConnected(
    new Promise((resolve, reject) => {
      const messages: RawMessage[] = [];
      const end = (): void => {
        clearTimeout(timer);
        if (!subscription.isClosed()) subscription.unsubscribe();
        resolve(messages);
      };
      const timer = setTimeout(() => {
        reject(new InfraError('BUS_DOWN', `${subject} did not answer within ${ANSWER_MS} ms`, { subject }));
        end();
      }, ANSWER_MS);
      const subscription = nc.subscribe(inbox, {
        callback: (error, message) => {
          if (error !== null || isStatus(message)) {
            end();
            return;
          }
          if (!isAckSubject(message.reply ?? '')) return;
          const { seq, storedAt } = deliveryInfo(message.reply ?? '');
          messages.push({
            subject: message.subject,
            seq,
            storedAt,
            data: message.data,
            headers: () => headersOf(message),
          });
          if (messages.length >= batch) end();
        },
      });
      nc.publish(subject, JSON.stringify({ batch, max_bytes: mostBytes(link, 1), no_wait: true }), { reply: inbox });
    }),
  );
}
