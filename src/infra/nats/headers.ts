import type { JsMsg, Msg } from 'nats';
import type { JsMsgImpl } from 'nats/lib/jetstream/jsmsg.js';
import type { MsgImpl } from 'nats/lib/nats-base-client/msg.js';

/**
 * The client's own reading of headers is quadratic in their number (5,000 short ones: 0.4 s), so larger ones are not
 * read at all. Ours, with those that the server adds, have below 1 kB.
 */
export const MOST_HEADER_BYTES = 8 * 1024;

/** First value by name. */
export type Headers = ReadonlyMap<string, string>;

/** Bytes of its headers. */
export function headerBytes(message: Msg | JsMsg): number {
  const inner = 'info' in message ? (message as JsMsgImpl).msg : message;
  const { subject, reply = '', data } = inner;
  return (inner as MsgImpl).size() - Buffer.byteLength(subject) - Buffer.byteLength(reply) - data.length;
}

/** None where it has none, or more than {@link MOST_HEADER_BYTES}. Never throws. */
export function headersOf(message: Msg | JsMsg): Headers {
  const bytes = headerBytes(message);
  if (bytes === 0 || bytes > MOST_HEADER_BYTES) return new Map();
  try {
    return new Map([...(message.headers ?? [])].map(([name, values]) => [name, values[0] ?? '']));
  } catch {
    // A name that the client does not take for one.
    return new Map();
  }
}
