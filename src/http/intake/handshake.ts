import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';
import { HttpError } from '../errors/http-error.ts';
import { refuseOnSocket } from '../errors/raw-refusal.ts';

/** Answers WebSocket handshakes of another version, or with invalid headers, in the shape of all errors. */
export function answerBadHandshakes(server: WebSocketServer): void {
  server.on('wsClientError', (error: Error, socket: Duplex) => {
    refuseOnSocket(
      socket,
      new HttpError('BAD_REQUEST', `upgrade: this is not a valid WebSocket handshake (${error.message})`, {
        field: 'upgrade',
        headers: { 'sec-websocket-version': '13, 8' },
      }),
    );
  });
}
