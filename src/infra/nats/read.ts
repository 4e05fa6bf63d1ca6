import { AckPolicy, type ConsumerConfig, createInbox, DeliverPolicy, type JetStreamManager, type Msg, nanos, NatsError } from 'nats';
import type { ReadOptions, StoredMessage } from '../bus.ts';
import { InfraError } from '../errors.ts';
import type { NatsLink } from './connection.ts';
import { isStatus } from './consumer.ts';
import { deliveryInfo } from './delivery-info.ts';
import { asInfraError } from './errors.ts';

const ANSWER_MS = 3_000;
const BATCH = 500;
/** How long the server keeps a consumer that its reader did not take away. */
const LEFT_BEHIND_MS = 10_000;

/** A stored message, its body not yet looked at. */
export type RawMessage = Omit<StoredMessage<unknown>, 'body'> & { readonly message: Pick<Msg, 'data' | 'headers'> };

/** A consumer for one reader: nothing is acked, nothing is written to disk, gone by itself when nobody asks. */
export const readerConfig = (from: { readonly seq: number } | { readonly time: number }, filter: string | undefined): Partial<ConsumerConfig> => ({
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

/** What a stream holds now, oldest first, at most `limit`. Rejects `BUS_DOWN`, `BUS_REFUSED`. */
export async function readStream(link: NatsLink, jsm: JetStreamManager, { stream, filter, from, limit, headersOnly = false }: RawReadOptions): Promise<RawMessage[]> {
  link.require();
  const found: RawMessage[] = [];
  try {
    const { name, num_pending } = await link.whileConnected(jsm.consumers.add(stream, { ...readerConfig(from, filter), headers_only: headersOnly }));
    try {
      const wanted = Math.min(limit, num_pending);
      while (found.length < wanted) {
        const batch = await nextBatch(link, `$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, Math.min(BATCH, wanted - found.length));
        if (batch.length === 0) break;
        found.push(...batch);
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
export async function readLast(link: NatsLink, jsm: JetStreamManager, stream: string, subject: string): Promise<RawMessage | null> {
  return readOne(link, jsm, stream, { last_by_subj: subject });
}

/** The message of this sequence; null when there is none. */
export async function readSeq(link: NatsLink, jsm: JetStreamManager, stream: string, seq: number): Promise<RawMessage | null> {
  return readOne(link, jsm, stream, { seq });
}

async function readOne(link: NatsLink, jsm: JetStreamManager, stream: string, query: { readonly seq: number } | { readonly last_by_subj: string }): Promise<RawMessage | null> {
  link.require();
  try {
    const { subject, seq, time, data, header } = await link.whileConnected(jsm.streams.getMessage(stream, query));
    return { subject, seq, storedAt: time.getTime(), message: { data, headers: header } };
  } catch (thrown) {
    if (thrown instanceof NatsError && thrown.code === '404' && thrown.api_error?.err_code === NO_MESSAGE) return null;
    throw asInfraError(thrown, `reading ${stream}`);
  }
}

/** JetStream's code for a message that is not there, which a missing stream is not. */
const NO_MESSAGE = 10_037;

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
          const { seq, storedAt } = deliveryInfo(message.reply ?? '');
          messages.push({ subject: message.subject, seq, storedAt, message });
          if (messages.length >= batch) end();
        },
      });
      nc.publish(subject, JSON.stringify({ batch, no_wait: true }), { reply: inbox });
    }),
  );
}
