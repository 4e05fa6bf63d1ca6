import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { addressGroup, plainAddress, type AddressRanges } from '../../infra/address-ranges.ts';
import type { Clock } from '../../runtime/clock.ts';
import { HttpError } from '../errors/http-error.ts';
import { LINGER_MS, refuseOnSocket } from '../errors/raw-refusal.ts';
import type { HttpLimits } from '../http-limits.ts';
import type { App } from '../server.types.ts';
import { BodyPace } from './body-pace.ts';
import { Connections } from './connections.ts';
import { readJsonBytes } from './json-body.ts';
import type { Refusals } from './intake-refusals.ts';

/** Most characters of the headers `Host` and `Origin`. A DNS name has at most 253. */
const MAX_NAME_HEADER = 300;

export interface IntakeOptions {
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly trusted: AddressRanges;
  readonly refusals: Refusals;
}

/** Bounds connections, upgrades, headers and bodies before anything reads them. */
export function installIntake(app: App, { limits, clock, trusted, refusals }: IntakeOptions): void {
  limitConnections(app.server, limits, trusted, refusals);
  answerOddRequests(app.server);
  const pace = new BodyPace(clock, limits);
  refusals.mirror('slow', () => pace.cut);

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    // An empty chunked body counts as no body.
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    const bytes = typeof body === 'string' ? Buffer.from(body) : body;
    const read = readJsonBytes(bytes, 'body', request.routeOptions.config.jsonParts);
    if (read instanceof HttpError) done(read);
    else done(null, read.value);
  });

  app.addHook('onRequest', async (request, reply) => {
    // The client may send the body or not, whatever the answer: the connection cannot be reused.
    if (request.headers.expect !== undefined) reply.header('connection', 'close');
    // Node takes the first of several; a proxy may have checked another.
    if (hostsOf(request.raw) > 1) throw new HttpError('BAD_REQUEST', 'host: must be given once', { field: 'host' });
    for (const name of ['host', 'origin'] as const) {
      const value = request.headers[name] ?? '';
      if (value.length > MAX_NAME_HEADER) {
        throw new HttpError(
          'BAD_REQUEST',
          `${name}: must have at most ${MAX_NAME_HEADER} characters, not ${value.length}`,
          { field: name },
        );
      }
    }
    if (request.ws && request.routeOptions.config.upgrades !== true) {
      refusals.count('upgrade');
      throw new HttpError('UPGRADE_REFUSED', 'upgrade: only /ws and /ws/live/{cameraId} speak WebSocket', {
        field: 'upgrade',
        value: 'websocket',
      });
    }
  });

  app.addHook('preParsing', async (request, reply) => {
    const { raw } = request;
    if (raw.complete || !hasBody(raw)) return;
    // The body is asked for only now that the request is allowed and has its place.
    if (raw.headers.expect !== undefined) reply.raw.writeContinue();
    const { socket } = raw;
    const unwatch = pace.watch(
      () => socket.bytesRead,
      () => {
        if (reply.sent) socket.destroy();
        else
          void reply
            .header('connection', 'close')
            .send(
              new HttpError(
                'REQUEST_TIMEOUT',
                `body: arrived too slowly, with less than ${limits.paceBytes} bytes in ${limits.paceMs / 1_000} s`,
                { field: 'body' },
              ),
            );
      },
    );
    raw.once('end', unwatch);
    raw.once('close', unwatch);
  });
  // Node would read a refused body to its end. Instead, stop reading, leave the client time to read why, and
  // disconnect.
  app.addHook('onSend', async ({ raw, ws }, reply, payload) => {
    // A body that was read is whole, also where no socket tells so.
    if (ws || raw.complete || raw.readableEnded || !hasBody(raw) || reply.statusCode < 400) return payload;
    raw.read(0);
    reply.raw.once('finish', () => setTimeout(() => raw.complete || raw.socket.destroy(), LINGER_MS).unref());
    return payload;
  });
  app.addHook('onClose', async () => pace.stop());
}

const hostsOf = ({ rawHeaders }: IncomingMessage): number =>
  rawHeaders.filter((each, at) => at % 2 === 0 && each.length === 4 && each.toLowerCase() === 'host').length;

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;

function limitConnections(server: Server, limits: HttpLimits, trusted: AddressRanges, refusals: Refusals): void {
  const connections = new Connections(limits);
  refusals.mirror('idle', () => connections.dropped);
  // A second bound behind ours, for connections accepted but not counted yet.
  server.maxConnections = limits.maxConnections * 2;
  server.prependListener('connection', (socket: Socket) => {
    const address = plainAddress(socket.remoteAddress);
    // Closed already.
    if (address === null) return;
    if (!connections.add(socket, addressGroup(address), trusted.has(address))) {
      refusals.count('connections');
      refuseOnSocket(
        socket,
        new HttpError('TOO_MANY', 'too many connections are open from this address, or in all: close some', {
          headers: { 'retry-after': '5' },
        }),
      );
      return;
    }
    socket.once('close', () => connections.remove(socket));
  });
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    connections.begin(socket);
    response.once('close', () => connections.end(socket));
  });
  // A WebSocket counts as a request until it closes.
  server.prependListener('upgrade', ({ socket }: IncomingMessage) => connections.begin(socket));
}

/** Answers requests for which Node would send an empty body, or just disconnect. */
function answerOddRequests(server: Server): void {
  // Node would ask for the body at once; our hooks decide first.
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    server.emit('request', request, response);
  });
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const { socket } = response;
    if (socket !== null)
      refuseOnSocket(socket, new HttpError('EXPECTATION_FAILED', 'expect: must be 100-continue', { field: 'expect' }));
  });
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    refuseOnSocket(
      socket,
      new HttpError('METHOD_NOT_ALLOWED', 'method: CONNECT is not supported', {
        field: 'method',
        value: 'CONNECT',
        headers: { allow: 'GET' },
      }),
    );
  });
}

/** Answers input that is no HTTP request, or does not arrive in time. */
export function clientErrorHandler(refusals: Refusals) {
  return (error: Error & { readonly code?: string }, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || socket.destroyed) {
      socket.destroy();
      return;
    }
    const answer = clientError(error.code ?? '');
    refusals.count(answer.code === 'REQUEST_TIMEOUT' ? 'slow' : 'malformed');
    refuseOnSocket(socket, answer, replyBegun(socket));
  };
}

function clientError(code: string): HttpError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpError('REQUEST_TIMEOUT', 'the request did not arrive in time');
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpError('HEADERS_TOO_LARGE', 'headers: must have at most 16 kB in all', { field: 'headers' });
  return new HttpError('BAD_REQUEST', `this is not a valid HTTP request (${code.slice(0, 50)})`);
}

/** Node keeps the current reply on its socket, in a private field; there is no public way to it here. */
function replyBegun(socket: Socket): boolean {
  const reply: unknown = Reflect.get(socket, '_httpMessage');
  return typeof reply === 'object' && reply !== null && 'headersSent' in reply && reply.headersSent === true;
}
