import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';
import { HttpError } from '../errors/http-error.ts';
import { refuseOnSocket } from '../errors/raw-refusal.ts';

/** A WebSocket of another version, or whose headers break the protocol: answered as everything else is. */
export function answerBadHandshakes(server: WebSocketServer): void {
  server.on('wsClientError', (error: Error, socket: Duplex) => {
    refuseOnSocket(
      socket,
      new HttpError('BAD_REQUEST', `upgrade: this is no valid WebSocket handshake (${error.message})`, {
        field: 'upgrade',
        headers: { 'sec-websocket-version': '13, 8' },
      }),
    );
  });
}
