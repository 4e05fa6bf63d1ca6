import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { after, before } from 'node:test';
import type { HttpServer, HttpServerOptions } from '../../src/http/server.ts';
import { FakeWorld, fakeServer } from './http-fakes.ts';
import { until } from './until.ts';

/** A connection on which a test writes what it likes. */
export class RawConnection {
  readonly socket: Socket;
  received = '';
  closed = false;

  /** @param from the address of this machine to come from */
  constructor(port: number, from?: string) {
    this.socket = connect({ port, host: '127.0.0.1', ...(from === undefined ? {} : { localAddress: from }) });
    this.socket.setNoDelay(true);
    this.socket.on('data', (data) => (this.received += data.toString('latin1')));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => (this.closed = true));
  }

  write(data: string | Uint8Array): this {
    this.socket.write(data);
    return this;
  }

  /** Status of the first reply, 0 when the connection ended without one. */
  async status(ms = 30_000): Promise<number> {
    await until('a reply', () => this.received.includes('\r\n\r\n') || this.closed, ms);
    return Number(/^HTTP\/1\.1 (\d+)/u.exec(this.received)?.[1] ?? 0);
  }

  /** The JSON body of the first reply. */
  async json(ms = 30_000): Promise<Record<string, unknown>> {
    const body = await until('a whole reply', () => bodyOf(this.received) ?? (this.closed ? '' : null), ms);
    return body === '' ? {} : (JSON.parse(body) as Record<string, unknown>);
  }

  end(): void {
    this.socket.destroy();
  }
}

function bodyOf(reply: string): string | null {
  const at = reply.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/iu.exec(reply)?.[1];
  if (at === -1 || length === undefined || reply.length < at + 4 + Number(length)) return null;
  return reply.slice(at + 4, at + 4 + Number(length));
}

export interface Served {
  readonly server: HttpServer;
  readonly base: string;
  readonly world: FakeWorld;
  /** Opens a connection, closed at the end of the test. */
  readonly raw: (from?: string) => RawConnection;
}

/** A server over a fake world, on a port of its own until the test ends. */
export async function serve(
  t: { readonly after: (end: () => Promise<void>) => void },
  options: Partial<HttpServerOptions> = {},
  world = new FakeWorld().add('north'),
): Promise<Served> {
  const server = await fakeServer(world, options);
  const open: RawConnection[] = [];
  t.after(async () => {
    for (const connection of open) connection.end();
    await server.close();
  });
  const base = await server.listen('127.0.0.1', 0);
  const raw = (from?: string): RawConnection => {
    const connection = new RawConnection(Number(new URL(base).port), from);
    open.push(connection);
    return connection;
  };
  return { server, base, world, raw };
}

/** As {@link serve}, one for all tests of the suite that calls this. */
export function served(): () => Served {
  const ends: (() => Promise<void>)[] = [];
  let made: Served | null = null;
  before(async () => void (made = await serve({ after: (end) => ends.push(end) })));
  after(() => Promise.all(ends.map((end) => end())));
  return () => made ?? assert.fail('it is not started yet');
}

/** Request line and headers as they go over the wire, with what ends them. */
export const head = (...lines: readonly string[]): string => `${lines.join('\r\n')}\r\n\r\n`;

/** A request to open a WebSocket. */
export const upgrade = (path: string, ...more: readonly string[]): string =>
  head(
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ...more,
  );
