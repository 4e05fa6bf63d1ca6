/**
 * A server with viewers, in a process of its own: Gantry's HTTP server and live feed, or bare `ws` that broadcasts the
 * same.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer, type WebSocket } from 'ws';
import { encode } from '../../src/http/feed/feed-protocol.ts';
import { fakeServer, FakeWorld } from '../../tests/support/http-fakes.ts';
import { sceneAt, type ServerOrder, type ServerReport, type Subject } from './protocol.ts';

/** A connection with more unsent bytes holds the publisher back when it is as fast as the connections take it. */
const FULL_BYTES = 128 * 1024;
const MANY = 10_000;

interface Served {
  readonly url: string;
  readonly sockets: () => Iterable<Pick<WebSocket, 'bufferedAmount'>>;
  readonly publish: (number: number) => void;
  readonly droppedFrames: () => number;
}

async function gantry(): Promise<Served> {
  const server = await fakeServer(new FakeWorld(), {
    limits: { maxSockets: MANY, maxSocketsPerIp: MANY, maxConnections: MANY, heartbeatMs: 600_000 },
  });
  const url = await server.listen('127.0.0.1', 0);
  server.feed.begin('bench', 0);
  return {
    url: `${url.replace('http', 'ws')}/ws`,
    sockets: () => server.app.websocketServer.clients,
    publish: (number) => void server.feed.publish(sceneAt(number), { seq: number + 1, through: number + 1 }),
    droppedFrames: () => server.figures().droppedFrames,
  };
}

async function bare(): Promise<Served> {
  const http = createServer();
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`,
    sockets: () => server.clients,
    publish: (number) => {
      const message = encode({ type: 'detection_result', offset: `bench-${number + 1}`, data: sceneAt(number) });
      for (const client of server.clients) client.send(message, { binary: false });
    },
    droppedFrames: () => 0,
  };
}

const served = await ((process.argv[2] as Subject) === 'Gantry' ? gantry() : bare());
let order: ServerOrder['publish'] = null;
let published = 0;
let cpu = process.cpuUsage();

const full = (): boolean => {
  for (const { bufferedAmount } of served.sockets()) if (bufferedAmount > FULL_BYTES) return true;
  return false;
};

async function publish(current: NonNullable<ServerOrder['publish']>): Promise<void> {
  const began = performance.now();
  for (let count = 0; order === current; count += 1) {
    if (current.rate === 'saturation') while (order === current && full()) await delay(1);
    else await delay(Math.max(0, began + (count * 1_000) / current.rate - performance.now()));
    if (order !== current) return;
    served.publish(published);
    published += 1;
    await turn();
  }
}

process.on('message', (message: ServerOrder) => {
  order = message.publish;
  const used = process.cpuUsage(cpu);
  cpu = process.cpuUsage();
  process.send?.({
    published,
    cpuMs: (used.user + used.system) / 1_000,
    droppedFrames: served.droppedFrames(),
  } satisfies ServerReport);
  if (order !== null) void publish(order);
});
process.on('disconnect', () => process.exit(0));
process.send?.({ url: served.url });
