import type { JsMsg, Msg } from 'nats';
import type { JsMsgImpl } from 'nats/lib/jetstream/jsmsg.js';
import type { MsgImpl } from 'nats/lib/nats-base-client/msg.js';

/**
 * Headers with more bytes are not parsed: the client's parser is quadratic in their number (5,000 short ones take 0.4
 * s). Ours, with those that the server adds, have less than 1 kB.
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

/** The headers of a message; empty when they have more than {@link MOST_HEADER_BYTES}. Never throws. */
export function headersOf(message: Msg | JsMsg): Headers {
  const bytes = headerBytes(message);
  if (bytes === 0 || bytes > MOST_HEADER_BYTES) return new Map();
  try {
    return new Map([...(message.headers ?? [])].map(([name, values]) => [name, values[0] ?? '']));
  } catch {
    // The client refuses a name or a value.
    return new Map();
  }
}
