import type { Socket } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import { CameraId } from '../../messages/ids.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import { signedInOf } from '../access/authenticator.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import type { AlarmPort } from '../alarm-port.ts';
import type { OpenConnections } from '../access/open-connections.ts';
import { HttpError } from '../errors/http-error.ts';
import { sendAlarms } from '../feed/alarm-feed.ts';
import type { ConnectionLimit } from '../feed/connection-limit.ts';
import type { Heartbeat } from '../feed/heartbeat.ts';
import type { FeedSocket } from '../feed/viewer.ts';
import { clientOf } from '../intake/client-address.ts';
import type { LiveFeed } from '../live-feed.ts';
import type { CameraPort } from '../ports.ts';
import type { Previews } from '../preview.ts';
import { LIVE_KINDS } from '../preview/fan-out.ts';
import { TicketQuery } from '../schemas/tickets-schema.ts';
import { alarmScopeOf } from './alarms-routes.ts';
import type { App } from '../server.types.ts';

export interface SocketDeps {
  readonly feed: LiveFeed;
  readonly open: Pick<OpenConnections, 'add'>;
  readonly previews: Previews;
  readonly connections: ConnectionLimit;
  readonly heartbeat: Heartbeat;
  readonly cameras: Pick<CameraPort, 'get'>;
  readonly alarms: Pick<AlarmPort, 'list' | 'watch'>;
  readonly scope: Pick<CameraScope, 'sees'>;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly trusted: AddressRanges;
  /** Unsent bytes above which a client that still sends pings is dropped; video sends more ahead. */
  readonly maxUnsent: { readonly feed: number; readonly live: number };
}

/** Close code of a connection that its client may not have (RFC 6455, 7.4.1). */
const POLICY = 1008;

const LiveParams = z.object({ cameraId: CameraId });
/** `h264`: MPEG-TS with the camera's own H.264. `mpeg1`: for JSMpeg. */
const LiveQuery = TicketQuery.extend({ video: z.enum(LIVE_KINDS).default('mpeg1') });

/** `/ws`: the live feed. `/ws/live/{cameraId}`: live video. */
export function socketRoutes(app: App, deps: SocketDeps): void {
  const { feed, open, connections } = deps;
  const limited = async (request: FastifyRequest): Promise<void> => {
    if (!request.ws)
      throw new HttpError('UPGRADE_REQUIRED', 'upgrade: this address accepts only WebSockets', {
        field: 'upgrade',
        headers: { upgrade: 'websocket' },
      });
    const reason = connections.refusal(clientOf(request, deps.trusted));
    if (reason !== null) throw new HttpError('TOO_MANY', reason);
  };

  const schema = { hide: true, querystring: TicketQuery };
  const feedRoute = {
    websocket: true,
    config: { access: 'viewer', scope: 'filtered', upgrades: true },
    schema,
    preHandler: limited,
  } as const;
  app.get('/ws', feedRoute, (socket, request) => {
    if (!admit(socket, request, deps, deps.maxUnsent.feed)) return;
    const viewer = feed.connect(feedSocket(socket, request.raw.socket), request.principal);
    const forget = open.add(signedInOf(request), (reason) => {
      feed.disconnect(viewer);
      socket.close(POLICY, reason);
    });
    const mine = alarmScopeOf(request.principal, deps.scope);
    const endAlarms = sendAlarms(deps.alarms, mine, viewer.outbox, deps.clock);
    socket.on('message', (data, binary) => viewer.receive(binary ? null : textOf(data)));
    socket.on('pong', () => feed.alive(viewer));
    socket.on('close', () => {
      forget();
      endAlarms();
      feed.disconnect(viewer);
    });
  });
  liveRoute(app, deps, limited);
}

function liveRoute(app: App, deps: SocketDeps, limited: (request: FastifyRequest) => Promise<void>): void {
  const { open, previews } = deps;
  app.get(
    '/ws/live/:cameraId',
    {
      websocket: true,
      config: { access: 'viewer', scope: 'camera', upgrades: true },
      schema: { hide: true, params: LiveParams, querystring: LiveQuery },
      preHandler: async (request) => {
        await limited(request);
        const { cameraId } = request.params;
        if ((await deps.cameras.get(cameraId)) === null) {
          throw new HttpError('UNKNOWN_CAMERA', `cameraId: there is no camera ${cameraId}`, {
            field: 'cameraId',
            value: cameraId,
          });
        }
        const refusal = previews.refusal(cameraId, request.query.video);
        if (refusal !== null) throw refusal;
      },
    },
    (socket, request) => {
      if (!admit(socket, request, deps, deps.maxUnsent.live)) return;
      const { cameraId } = request.params;
      const { video } = request.query;
      // Since the check above, another viewer may have taken the last place.
      const refusal = previews.refusal(cameraId, video);
      if (refusal !== null) {
        socket.close(1013, refusal.message.slice(0, 100));
        return;
      }
      const leave = previews.watch(cameraId, video, {
        get bufferedAmount() {
          return socket.bufferedAmount;
        },
        send: (data) => socket.send(data, { binary: true }, () => undefined), // failures emit 'close'
        close: (code, reason) => socket.close(code, reason),
      });
      const forget = open.add(
        signedInOf(request),
        (reason) => {
          leave();
          socket.close(POLICY, reason);
        },
        cameraId,
      );
      deps.heartbeat.add(socket);
      socket.on('pong', () => deps.heartbeat.alive(socket));
      socket.on('close', () => {
        forget();
        leave();
        deps.heartbeat.remove(socket);
      });
    },
  );
}

/** Counts the socket until it closes, and attaches the listeners that every socket needs. False when it was refused. */
function admit(socket: WebSocket, request: FastifyRequest, deps: SocketDeps, maxUnsent: number): boolean {
  const client = clientOf(request, deps.trusted);
  // An oversized or malformed frame also emits 'close', with its code.
  socket.on('error', ({ message }) => {
    deps.log.debug({ client, error: message }, `a WebSocket of ${client} failed: ${message}`);
  });
  const reason = deps.connections.refusal(client);
  if (reason !== null) {
    socket.close(1013, reason);
    return false;
  }
  socket.on('close', deps.connections.take(client));
  // For a client that sends pings and reads nothing, pongs would pile up without bound.
  socket.on('ping', (data) => {
    if (socket.bufferedAmount > maxUnsent) socket.terminate();
    else socket.pong(data);
  });
  return true;
}

const AS_TEXT = { binary: false } as const;

/** @param connection under the WebSocket: messages for many viewers, framed once, are written to it directly */
const feedSocket = (socket: WebSocket, connection: Socket): FeedSocket => ({
  get bufferedAmount() {
    return connection.writableLength;
  },
  send: (text, done) => socket.send(text, AS_TEXT, done),
  sendFrame: (frame, done) => {
    // Nothing may follow a close frame. Without compression, the WebSocket itself writes each message in one go.
    if (socket.readyState === socket.OPEN) connection.write(frame, done);
    else process.nextTick(done);
  },
  ping: () => socket.ping(),
  close: (code, reason) => socket.close(code, reason),
  terminate: () => socket.terminate(),
});

const textOf = (data: RawData): string =>
  (Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : Buffer.from(data)).toString('utf8');
