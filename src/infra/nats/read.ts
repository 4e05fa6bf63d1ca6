import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JsMsg, nanos, NatsError, type StoredMsg } from 'nats';
import type { ReadOptions } from '../bus.ts';
import type { NatsLink } from './connection.ts';

/** The client accepts no shorter expiry. */
const EXPIRES_MS = 1_000;
/** Bytes of one request; its messages are at most the client's 100. */
const BATCH_BYTES = 8 * 1024 * 1024;
/** The server removes a consumer without requests after this long. */
const INACTIVE_MS = 10_000;
const NS_PER_MS = 1_000_000;
/** JetStream's code for a message that is not there; a missing stream has another. */
const NO_MESSAGE = 10_037;

/** A consumer of one reader: no acks, nothing on disk. */
export const readerConfig = (
  from: { readonly seq: number } | { readonly time: number },
  filter: string | undefined,
): Partial<ConsumerConfig> => ({
  ack_policy: AckPolicy.None,
  mem_storage: true,
  num_replicas: 1,
  inactive_threshold: nanos(INACTIVE_MS),
  ...('seq' in from
    ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(1, from.seq) }
    : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: new Date(from.time).toISOString() }),
  ...(filter === undefined ? {} : { filter_subject: filter }),
});

/**
 * When the server stored a message, epoch ms. May be a millisecond off `StoredMsg.time`: the client rounds nanoseconds.
 */
export const storedAtOf = ({ info }: JsMsg): number => Math.floor(info.timestampNanos / NS_PER_MS);

/** Bytes that the server may send for one request: never below the largest message. */
export const requestBytes = ({ maxPayload }: NatsLink): number => Math.max(2 * maxPayload, BATCH_BYTES);

export interface RawReadOptions extends Omit<ReadOptions<unknown>, 'parser'> {
  /** Without the bodies. */
  readonly headersOnly?: boolean;
}

/**
 * Reads the messages that a stream holds now, oldest first. Returns the results of `use` for at most `limit` messages,
 * without those that are null. Messages are used as they arrive and not kept. Rejects `BUS_DOWN`, `BUS_REFUSED`.
 */
export function readStream<T>(
  link: NatsLink,
  { stream, filter, from, limit, headersOnly = false }: RawReadOptions,
  use: (message: JsMsg) => T | null,
): Promise<T[]> {
  return link.call(`reading ${stream}`, async () => {
    const { name, num_pending } = await link.jsm.consumers.add(stream, {
      ...readerConfig(from, filter),
      headers_only: headersOnly,
    });
    const found: T[] = [];
    try {
      const consumer = await link.js.consumers.get(stream, name);
      const wanted = Math.min(limit, num_pending);
      for (let read = 0, before = -1; read < wanted && read > before;) {
        before = read;
        for await (const message of await consumer.fetch({ max_bytes: requestBytes(link), expires: EXPIRES_MS })) {
          read += 1;
          const used = use(message);
          if (used !== null) found.push(used);
          if (read >= wanted || message.info.pending === 0) break;
        }
      }
    } finally {
      // A consumer that is not deleted here expires by itself, once it is inactive.
      link.jsm.consumers.delete(stream, name).catch(() => undefined);
    }
    return found;
  });
}

/**
 * The message of this sequence, or the newest on a subject; null when there is none. Rejects `BUS_DOWN`, `BUS_REFUSED`.
 */
export function readOne(
  link: NatsLink,
  stream: string,
  which: { readonly seq: number } | { readonly last_by_subj: string },
): Promise<StoredMsg | null> {
  return link.call(`reading ${stream}`, async () => {
    try {
      return await link.jsm.streams.getMessage(stream, which);
    } catch (thrown) {
      if (thrown instanceof NatsError && thrown.api_error?.err_code === NO_MESSAGE) return null;
      throw thrown;
    }
  });
}
