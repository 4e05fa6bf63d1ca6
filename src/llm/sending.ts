import { randomBytes } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';

/** Published by Node's fetch (undici) when it writes a request's head to the socket: after any wait for a connection. */
const CHANNEL = 'undici:client:sendHeaders';
const SPAN = /\r\ntraceparent: 00-[0-9a-f]{32}-([0-9a-f]{16})-/i;

const waiting = new Map<string, () => void>();
let listening = false;
/** The channel has spoken for at least one of our requests, so its silence means that nothing was sent. */
let proven = false;

function listen(): void {
  if (listening) return;
  listening = true;
  subscribe(CHANNEL, (message) => {
    if (waiting.size === 0 || typeof message !== 'object' || message === null || !('headers' in message) || typeof message.headers !== 'string') return;
    const spanId = SPAN.exec(message.headers)?.[1];
    if (spanId === undefined) return;
    proven = true;
    waiting.get(spanId)?.();
    waiting.delete(spanId);
  });
}

/**
 * Watches one request for the moment it leaves. Its `traceparent` header must carry `spanId`, by which it is known.
 * `end` is to be called when the call is over; while it is not proven that the moment can be seen at all, it reports
 * the request as sent, so that a permit is never taken for unused by mistake.
 */
export function watchSending(onSent: (() => void) | undefined): { readonly spanId: string; readonly end: () => void } {
  listen();
  const spanId = randomBytes(8).toString('hex');
  waiting.set(spanId, () => onSent?.());
  return {
    spanId,
    end: () => {
      if (waiting.delete(spanId) && !proven) onSent?.();
    },
  };
}
