import { AddressRanges } from '../infra/address-ranges.ts';
import type { FeedFigures } from '../infra/metrics.ts';
import type { SourceAllow } from '../infra/source-policy.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { systemClock, type Clock } from '../runtime/clock.ts';
import { readBasePath } from './access/base-path.ts';
import { type AllowedHosts, readAllowedHosts, readOrigins } from './access/hosts.ts';
import { Tickets } from './access/tickets.ts';
import { createApp, recordRoutes } from './create-app.ts';
import { installDocs } from './docs.ts';
import { installErrorHandling } from './errors/handler.ts';
import { ConnectionLimit } from './feed/connection-limit.ts';
import { Heartbeat } from './feed/heartbeat.ts';
import { installIntake } from './intake/install.ts';
import { type Refusal, Refusals } from './intake/intake-refusals.ts';
import { Uploads } from './intake/uploads.ts';
import { DEFAULT_LIMITS, type HttpLimits } from './http-limits.ts';
import { LiveFeed } from './live-feed.ts';
import type { HttpPorts } from './ports.ts';
import { Previews } from './preview.ts';
import { ffmpegEncoder } from './preview/preview-encoder.ts';
import { tapReader } from './preview/tap-reader.ts';
import { cameraFrameRoutes } from './resources/camera-frames-routes.ts';
import { cameraRoutes } from './resources/cameras-routes.ts';
import { imageRoutes } from './resources/images-routes.ts';
import { PictureReader } from './resources/picture-reader.ts';
import { keyRoutes } from './resources/keys-routes.ts';
import { healthRoutes, operationRoutes } from './resources/operations-routes.ts';
import { DEFAULT_WEB_ROOT, pageRoutes } from './resources/pages-routes.ts';
import { probeRoutes } from './resources/probes-routes.ts';
import { supervisorRoutes } from './resources/supervisor-routes.ts';
import { socketRoutes } from './resources/sockets-routes.ts';
import { alertRoutes } from './resources/alerts-routes.ts';
import { clipRoutes } from './resources/clips-routes.ts';
import { deadLetterRoutes } from './resources/dead-letters-routes.ts';
import { ticketRoutes } from './resources/tickets-routes.ts';
import { assessmentRoutes } from './resources/assessments-routes.ts';
import { budgetRoutes } from './resources/budget-routes.ts';
import { usageRoutes } from './resources/usage-routes.ts';
import { installSecurity } from './security.ts';
import type { App } from './server.types.ts';

export interface HttpServerOptions {
  readonly log: ActorLog;
  /** Shown in the API's description. */
  readonly version: string;
  /** Default: the machine's clock. */
  readonly clock?: Clock;
  /** When set, /api, /ws and /metrics need `Authorization: Bearer`; pictures and WebSockets may take `?ticket=`. */
  readonly token?: string | null;
  /** Hosts that cameras may be on: names, `*.example.org`, addresses, CIDR. Default: all but link-local ones. */
  readonly sourceAllow?: SourceAllow | null;
  /** Public names that this server answers to when no token is set, and whose pages may use it. Default: none. */
  readonly allowedHosts?: readonly string[];
  /** Origins whose pages may use the API and the WebSockets. Default: none. */
  readonly corsOrigins?: readonly string[];
  /** Origins whose pages may show ours in a frame. Default: none. */
  readonly embedOrigins?: readonly string[];
  /** Prefix of every public address, e.g. `/gantry`, whether a proxy strips it or not. Default: none. */
  readonly basePath?: string;
  /** For live video as MPEG-1; null refuses that. */
  readonly ffmpegPath: string | null;
  /** Default: the project's `web` folder. */
  readonly webRoot?: string;
  readonly limits?: Partial<HttpLimits>;
  /** Proxies whose `X-Forwarded-For` is believed. Default: none. */
  readonly trustedProxies?: AddressRanges;
  /** Which aggregates go out as `alert`. Default: `isAlert`. */
  readonly isAlert?: (aggregate: Aggregate) => boolean;
}

export interface HttpServer {
  readonly app: App;
  /** Takes aggregates and camera statuses. */
  readonly feed: LiveFeed;
  /** Resolves to the address, e.g. `http://127.0.0.1:8080`. Port 0 takes a free one. */
  readonly listen: (host: string, port: number) => Promise<string>;
  readonly figures: () => FeedFigures;
  /** Refusals since the start, by reason. */
  readonly refused: () => Readonly<Record<Refusal, number>>;
  /** Tells viewers, ends encoders and open requests, closes the port. */
  readonly close: () => Promise<void>;
}

/** Options of {@link HttpServerOptions} with defaults, read and checked. */
interface Settings {
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly log: ActorLog;
  readonly trusted: AddressRanges;
  readonly token: string | null;
  readonly basePath: string;
  readonly allowedHosts: AllowedHosts;
  readonly corsOrigins: readonly string[];
  readonly embedOrigins: readonly string[];
}

/** Throws `CONFIG_INVALID`. */
const readSettings = (options: HttpServerOptions): Settings => ({
  limits: { ...DEFAULT_LIMITS, ...options.limits },
  clock: options.clock ?? systemClock,
  log: options.log,
  trusted: options.trustedProxies ?? new AddressRanges([]),
  token: options.token ?? null,
  basePath: readBasePath(options.basePath ?? ''),
  allowedHosts: readAllowedHosts(options.allowedHosts ?? []),
  corsOrigins: readOrigins('GANTRY_CORS_ORIGINS', options.corsOrigins ?? []),
  embedOrigins: readOrigins('GANTRY_EMBED_ORIGINS', options.embedOrigins ?? []),
});

/** The parts that live as long as the server. */
interface Parts {
  readonly refusals: Refusals;
  readonly tickets: Tickets;
  readonly feed: LiveFeed;
  readonly previews: Previews;
  readonly connections: ConnectionLimit;
  readonly heartbeat: Heartbeat;
}

async function createParts(ports: HttpPorts, options: HttpServerOptions, settings: Settings): Promise<Parts> {
  const { limits, clock, log, basePath, token } = settings;
  return {
    refusals: new Refusals(),
    tickets: await Tickets.open(token, clock),
    feed: new LiveFeed({
      cameras: ports.cameras,
      clock,
      log,
      limits,
      basePath,
      ...(options.isAlert === undefined ? {} : { isAlert: options.isAlert }),
    }),
    previews: new Previews({
      previewSource: (cameraId) => ports.cameras.previewSource(cameraId),
      encode: options.ffmpegPath === null ? null : ffmpegEncoder(options.ffmpegPath),
      read: tapReader,
      clock,
      log,
      most: { h264: limits.maxLiveStreams, mpeg1: limits.maxPreviews },
      graceMs: limits.previewGraceMs,
    }),
    connections: new ConnectionLimit(limits.maxSockets, limits.maxSocketsPerIp),
    heartbeat: new Heartbeat(clock, limits.heartbeatMs),
  };
}

/** Builds the server; it listens after `listen`. Throws `CONFIG_INVALID`. */
export async function createHttpServer(ports: HttpPorts, options: HttpServerOptions): Promise<HttpServer> {
  const settings = readSettings(options);
  const parts = await createParts(ports, options, settings);
  const { refusals, tickets, feed, previews, connections, heartbeat } = parts;
  const { limits, log, basePath, embedOrigins } = settings;
  let closing = false;

  const app = await createApp(limits, basePath, refusals);
  const routes = recordRoutes(app);
  installIntake(app, { ...settings, refusals });
  installSecurity(app, { ...settings, tickets, routes });
  installErrorHandling(app, log, routes, limits.bodyBytes);
  await installDocs(app, { version: options.version, basePath, embedOrigins });
  await installRoutes(app, ports, options, settings, parts);
  probeRoutes(app, () => !closing && ports.ready());

  return {
    app,
    feed,
    listen: (host, port) => app.listen({ host, port }),
    figures: () => ({
      ...feed.figures(),
      live: previews.figures(),
      refusedViewers: connections.refused,
    }),
    refused: () => refusals.figures(),
    close: async () => {
      closing = true;
      feed.close();
      previews.close();
      heartbeat.stop();
      // Gives the close frames one turn to leave before connections are cut.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await app.close();
    },
  };
}

async function installRoutes(
  app: App,
  ports: HttpPorts,
  options: HttpServerOptions,
  settings: Settings,
  parts: Parts,
): Promise<void> {
  const { limits, clock, log, trusted, basePath } = settings;
  const { feed, previews, connections, heartbeat, refusals, tickets } = parts;
  const { cameras, supervision, assessments } = ports;
  cameraRoutes(app, {
    cameras,
    sourceAllow: options.sourceAllow ?? null,
    onRemoved: (cameraId) => {
      feed.forget(cameraId);
      previews.forget(cameraId);
    },
  });
  const pictures = new PictureReader({ images: ports.images, trusted, refusals });
  cameraFrameRoutes(app, cameras, pictures);
  alertRoutes(app, cameras, clock);
  clipRoutes(app, { clips: ports.clips, clock, trusted, refusals });
  deadLetterRoutes(app, ports.deadLetters);
  imageRoutes(app, pictures);
  supervisorRoutes(app, { supervision, trusted, refusals });
  operationRoutes(app, ports);
  await assessmentRoutes(app, { assessments, uploads: new Uploads(limits), trusted, refusals });
  keyRoutes(app, ports.keys);
  budgetRoutes(app, () => ports.budget());
  usageRoutes(app, (day) => ports.usage(day));
  healthRoutes(app, ports);
  ticketRoutes(app, tickets);
  const maxUnsent = { feed: limits.softBytes, live: limits.hardBytes };
  socketRoutes(app, { feed, previews, connections, heartbeat, cameras, log, trusted, maxUnsent });
  await pageRoutes(app, options.webRoot ?? DEFAULT_WEB_ROOT, basePath);
}
