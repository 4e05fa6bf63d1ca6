import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { HttpError } from './http-error.ts';

/** Headers of replies that bypass the hooks. */
export const PLAIN_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
};

/** Time for a refused client to read the reply, in ms; then its connection is dropped. */
export const LINGER_MS = 1_000;

/**
 * Answers on a raw socket, in the shape of every other error, and ends it.
 *
 * @param begun a reply has begun already: the socket is destroyed, and nothing is written into that reply
 */
export function refuseOnSocket(socket: Duplex, error: HttpError, begun = false): void {
  socket.on('error', () => undefined);
  if (socket.destroyed) return;
  if (begun || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = JSON.stringify(error.body());
  const headers = {
    connection: 'close',
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    ...PLAIN_HEADERS,
    ...error.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${error.statusCode} ${STATUS_CODES[error.statusCode] ?? ''}\r\n${lines.join('')}\r\n${body}`);
  // Discards further input, so that the client reads the reply before the connection ends.
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
