import websocket from '@fastify/websocket';
import Fastify from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { safeParse, type $ZodType } from 'zod/v4/core';
import { AddressRanges } from '../infra/address-ranges.ts';
import type { FeedFigures } from '../infra/metrics.ts';
import type { SourceAllow } from '../infra/source-policy.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { localTarget, readBasePath } from './access/base-path.ts';
import { readAllowedHosts, readOrigins } from './access/hosts.ts';
import { Tickets } from './access/tickets.ts';
import { installDocs } from './docs.ts';
import { installErrorHandling, MAX_PARAMETER, refuseUnrouted } from './errors/handler.ts';
import type { RouteTable } from './errors/route-table.ts';
import { invalidInput } from './errors/validation.ts';
import { ConnectionLimit } from './feed/connection-limit.ts';
import { Heartbeat } from './feed/heartbeat.ts';
import { answerBadHandshakes } from './intake/handshake.ts';
import { clientErrorHandler, installIntake } from './intake/install.ts';
import { type Refusal, Refusals } from './intake/intake-refusals.ts';
import { Uploads } from './intake/uploads.ts';
import { DEFAULT_LIMITS, type HttpLimits } from './http-limits.ts';
import { LiveFeed } from './live-feed.ts';
import type { HttpPorts } from './ports.ts';
import { Previews } from './preview.ts';
import { ffmpegEncoder } from './preview/preview-encoder.ts';
import { cameraRoutes } from './resources/cameras-routes.ts';
import { imageRoutes } from './resources/images-routes.ts';
import { keyRoutes } from './resources/keys-routes.ts';
import { healthRoutes, operationRoutes } from './resources/operations-routes.ts';
import { DEFAULT_WEB_ROOT, pageRoutes } from './resources/pages-routes.ts';
import { probeRoutes } from './resources/probes-routes.ts';
import { supervisorRoutes } from './resources/supervisor-routes.ts';
import { socketRoutes } from './resources/sockets-routes.ts';
import { alertRoutes } from './resources/alerts-routes.ts';
import { deadLetterRoutes } from './resources/dead-letters-routes.ts';
import { ticketRoutes } from './resources/tickets-routes.ts';
import { assessmentRoutes } from './resources/assessments-routes.ts';
import { usageRoutes } from './resources/usage-routes.ts';
import { installSecurity } from './security.ts';
import type { App } from './server.types.ts';

/** Frames of one WebSocket message: each is kept by itself until the last has come. */
const MAX_FRAGMENTS = 64;

export interface HttpServerOptions {
  readonly log: ActorLog;
  /** Shown in the API's description. */
  readonly version: string;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** When set, /api, /ws and /metrics need `Authorization: Bearer`; pictures and WebSockets may take `?ticket=`. */
  readonly token?: string | null;
  /** Hosts that cameras may be read from: names, `*.example.org`, addresses, CIDR. Default: all but link-local ones. */
  readonly sourceAllow?: SourceAllow | null;
  /** Public names that this server answers to when there is no token, and whose pages may use it. Default: none. */
  readonly allowedHosts?: readonly string[];
  /** Origins whose pages may use the API and the WebSockets. Default: none. */
  readonly corsOrigins?: readonly string[];
  /** Origins whose pages may show ours in a frame. Default: none. */
  readonly embedOrigins?: readonly string[];
  /** Prefix of every address outside, e.g. `/gantry`, whether a proxy takes it off or not. Default: none. */
  readonly basePath?: string;
  /** For live video; null refuses it. */
  readonly ffmpegPath: string | null;
  /** Default: the project's `web` folder. */
  readonly webRoot?: string;
  readonly limits?: Partial<HttpLimits>;
  /** Proxies whose `X-Forwarded-For` is believed. Default: none. */
  readonly trustedProxies?: AddressRanges;
  /** Which aggregates go out as `alert`. Default: `maxRiskLevel` high. */
  readonly isAlert?: (aggregate: Aggregate) => boolean;
}

export interface HttpServer {
  readonly app: App;
  /** What aggregates and statuses are given to. */
  readonly feed: LiveFeed;
  /** Resolves to the address, e.g. `http://127.0.0.1:8080`. Port 0 takes a free one. */
  readonly listen: (host: string, port: number) => Promise<string>;
  readonly figures: () => FeedFigures;
  /** What was refused since the start, by reason. */
  readonly refused: () => Readonly<Record<Refusal, number>>;
  /** Tells viewers, ends encoders and open requests, closes the port. */
  readonly close: () => Promise<void>;
}

/** Builds the server; nothing listens until `listen`. */
export async function createHttpServer(ports: HttpPorts, options: HttpServerOptions): Promise<HttpServer> {
  const { log } = options;
  const limits: HttpLimits = { ...DEFAULT_LIMITS, ...options.limits };
  const clock = options.clock ?? systemClock;
  const refusals = new Refusals();
  const trusted = options.trustedProxies ?? new AddressRanges([]);
  const basePath = readBasePath(options.basePath ?? '');
  const corsOrigins = readOrigins('GANTRY_CORS_ORIGINS', options.corsOrigins ?? []);
  const embedOrigins = readOrigins('GANTRY_EMBED_ORIGINS', options.embedOrigins ?? []);
  const token = options.token ?? null;
  const tickets = await Tickets.open(token, clock);
  let closing = false;
  const app = Fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveMs,
    forceCloseConnections: true,
    http: {
      maxHeaderSize: 16 * 1024,
      headersTimeout: limits.headersTimeoutMs,
      // How often Node looks for requests that are late.
      connectionsCheckingInterval: 1_000,
      // A request without Host is refused in the shape of all errors, and let through where a probe asks.
      requireHostHeader: false,
      // Another protocol that a client would like to speak is no reason to refuse this one.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    },
    rewriteUrl: (request) => {
      const { path, host } = localTarget(request.url ?? '/', basePath);
      if (host !== null) request.headers.host = host;
      return path;
    },
    routerOptions: { maxParamLength: MAX_PARAMETER, ignoreTrailingSlash: true },
    clientErrorHandler: clientErrorHandler(refusals),
    frameworkErrors: refuseUnrouted,
  }).withTypeProvider<ZodTypeProvider>();

  const feed = new LiveFeed({
    cameras: ports.cameras,
    clock,
    log,
    limits,
    basePath,
    ...(options.isAlert === undefined ? {} : { isAlert: options.isAlert }),
  });
  const previews = new Previews({
    previewSource: (cameraId) => ports.cameras.previewSource(cameraId),
    start: options.ffmpegPath === null ? null : ffmpegEncoder(options.ffmpegPath),
    clock,
    log,
    maxPreviews: limits.maxPreviews,
    graceMs: limits.previewGraceMs,
  });
  const connections = new ConnectionLimit(limits.maxSockets, limits.maxSocketsPerIp);
  const heartbeat = new Heartbeat(clock, limits.heartbeatMs);

  app.setValidatorCompiler<$ZodType>(({ schema, httpPart }) => (data) => {
    const parsed = safeParse(schema, data);
    return parsed.success
      ? { value: parsed.data }
      : { error: invalidInput(parsed.error.issues, data, httpPart ?? 'request') };
  });
  app.setSerializerCompiler(serializerCompiler);
  const routes: RouteTable = new Map();
  app.addHook('onRoute', ({ url, method }) => {
    const methods = routes.get(url) ?? new Set<string>();
    for (const each of [method].flat()) methods.add(each);
    routes.set(url, methods);
  });
  // Before every hook that may refuse a request: the plugin's own hooks close the socket of a refused upgrade.
  await app.register(websocket, {
    options: {
      maxPayload: limits.messageBytes,
      maxFragments: MAX_FRAGMENTS,
      perMessageDeflate: false,
      autoPong: false,
    },
    // Viewers are told by `close` below, each with a reason; what is left is dropped.
    preClose: async () => {
      for (const socket of app.websocketServer.clients) socket.terminate();
      app.websocketServer.close();
    },
  });
  answerBadHandshakes(app.websocketServer);
  installIntake(app, { limits, clock, trusted, refusals });
  const allowedHosts = readAllowedHosts(options.allowedHosts ?? []);
  installSecurity(app, { token, tickets, allowedHosts, corsOrigins, embedOrigins, basePath, routes });
  installErrorHandling(app, log, routes, limits.bodyBytes);

  await installDocs(app, { version: options.version, basePath, embedOrigins });
  cameraRoutes(app, {
    ports,
    sourceAllow: options.sourceAllow ?? null,
    onRemoved: (cameraId) => {
      feed.forget(cameraId);
      previews.forget(cameraId);
    },
  });
  alertRoutes(app, ports.cameras, clock);
  deadLetterRoutes(app, ports.deadLetters);
  imageRoutes(app, ports.images);
  supervisorRoutes(app, { supervision: ports.supervision, trusted, refusals });
  operationRoutes(app, ports);
  const { assessments } = ports;
  await assessmentRoutes(app, { assessments, uploads: new Uploads(limits), trusted, refusals });
  keyRoutes(app, ports.keys);
  usageRoutes(app, (day) => ports.usage(day));
  healthRoutes(app, ports);
  probeRoutes(app, () => !closing && ports.ready());
  ticketRoutes(app, tickets);
  const { cameras } = ports;
  socketRoutes(app, { feed, previews, connections, heartbeat, cameras, log, trusted, maxUnsent: limits.softBytes });
  await pageRoutes(app, options.webRoot ?? DEFAULT_WEB_ROOT, basePath);

  return {
    app,
    feed,
    listen: (host, port) => app.listen({ host, port }),
    figures: () => {
      const { viewers, droppedFrames, closedSlow, gaps, replayed, lagging, bytesWaiting } = feed.figures();
      return {
        viewers,
        droppedFrames,
        closedSlow,
        gaps,
        replayed,
        lagging,
        bytesWaiting,
        previewViewers: previews.figures().viewers,
        refusedViewers: connections.refused,
      };
    },
    refused: () => refusals.figures(),
    close: async () => {
      closing = true;
      feed.close();
      previews.close();
      heartbeat.stop();
      // One turn for the close frames to leave before connections are cut.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await app.close();
    },
  };
}
