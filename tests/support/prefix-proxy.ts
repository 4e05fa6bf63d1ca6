import { createServer, type IncomingMessage, request } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';

/**
 * A reverse proxy that shows a server under `prefix`, as operators set one up: it rewrites `Host`, and takes the prefix
 * off or passes it on. Anything beside the prefix is answered 404. Resolves to its address without the prefix.
 */
export async function prefixProxy(
  target: string,
  prefix: string,
  strip: boolean,
): Promise<{ readonly url: string; close(): void }> {
  const inside = (url: string): string | null => {
    const rest = url.startsWith(prefix) ? url.slice(prefix.length) : null;
    if (rest === null || !/^(?:[/?]|$)/u.test(rest)) return null;
    return strip ? (rest.startsWith('/') ? rest : `/${rest}`) : url;
  };
  const forward = (incoming: IncomingMessage, path: string) => {
    const url = new URL(target);
    const headers = { ...incoming.headers, host: url.host };
    return request({ host: url.hostname, port: url.port, method: incoming.method, path, headers });
  };
  const sockets = new Set<Socket>();
  const server = createServer((incoming, reply) => {
    const path = inside(incoming.url ?? '');
    if (path === null) {
      reply.writeHead(404).end();
      return;
    }
    const outgoing = forward(incoming, path);
    outgoing.on('response', (answer) => {
      reply.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(reply);
    });
    outgoing.on('error', () => reply.destroy());
    incoming.pipe(outgoing);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket) => {
    const outgoing = forward(incoming, inside(incoming.url ?? '') ?? '/nothing');
    outgoing.on('upgrade', (answer, upstream: Socket, begun: Buffer) => {
      const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}`);
      socket.write(['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n'));
      // The first message may come in one packet with the head.
      socket.write(begun);
      upstream.on('error', () => socket.destroy()).on('close', () => socket.destroy());
      socket.on('close', () => upstream.destroy());
      upstream.pipe(socket);
      socket.pipe(upstream);
    });
    outgoing.on('response', (answer) =>
      socket.end(`HTTP/1.1 ${answer.statusCode} Refused\r\nconnection: close\r\n\r\n`),
    );
    outgoing.on('error', () => socket.destroy());
    outgoing.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { url: `http://127.0.0.1:${port}`, close };
}
