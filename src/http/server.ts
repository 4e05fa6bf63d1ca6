import type { FastifyRequest } from 'fastify';
import { AddressRanges } from '../infra/address-ranges.ts';
import type { FeedFigures } from '../infra/metrics.ts';
import type { SourceAllow } from '../infra/source-policy.ts';
import type { Aggregate } from '../messages/aggregate.ts';
import type { Principal } from '../messages/principal.ts';
import type { OidcClient } from '../oidc/oidc-client.ts';
import type { ActorLog } from '../runtime/actor.ts';
import { systemClock, type Clock, type TimerHandle } from '../runtime/clock.ts';
import { installAudit } from './request-audit.ts';
import { Authenticator } from './access/authenticator.ts';
import { RightsWatch } from './access/rights-watch.ts';
import { SessionCookies } from './access/session-cookie.ts';
import { readBasePath } from './access/base-path.ts';
import { CameraScope } from './access/camera-scope.ts';
import { OpenConnections } from './access/open-connections.ts';
import { type AllowedHosts, readAllowedHosts, readOrigins } from './access/hosts.ts';
import { installAccess } from './access/route-access.ts';
import type { DeclaredRoute } from './access/route-rights.ts';
import { Tickets } from './access/tickets.ts';
import type { AlarmPort } from './alarm-port.ts';
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
import { cameraGroupRoutes } from './resources/camera-groups-routes.ts';
import { cameraRoutes } from './resources/cameras-routes.ts';
import { dryRunRoutes } from './resources/dry-run-routes.ts';
import { releaseRoutes } from './resources/releases-routes.ts';
import { sceneRoutes } from './resources/scene-routes.ts';
import { imageRoutes } from './resources/images-routes.ts';
import { PictureReader } from './resources/picture-reader.ts';
import { keyRoutes } from './resources/keys-routes.ts';
import { healthRoutes, operationRoutes } from './resources/operations-routes.ts';
import { builtPage, pageRoutes } from './resources/pages-routes.ts';
import { monitoringRoutes } from './resources/monitoring-routes.ts';
import { probeRoutes } from './resources/probes-routes.ts';
import { shelfRoutes } from './resources/shelves-routes.ts';
import { supervisorRoutes } from './resources/supervisor-routes.ts';
import { systemRoutes } from './resources/system-routes.ts';
import { socketRoutes } from './resources/sockets-routes.ts';
import { alarmRoutes } from './resources/alarms-routes.ts';
import { alertDeskRoutes } from './resources/alert-desk-routes.ts';
import { alertExportRoutes } from './resources/alert-export-routes.ts';
import { alertRoutes } from './resources/alerts-routes.ts';
import { countRoutes } from './resources/counts-routes.ts';
import { clipRoutes } from './resources/clips-routes.ts';
import { deadLetterRoutes } from './resources/dead-letters-routes.ts';
import { apiTokenRoutes } from './resources/api-tokens-routes.ts';
import { preferenceRoutes } from './resources/preferences-routes.ts';
import { oidcRoutes } from './resources/oidc-routes.ts';
import { sessionRoutes } from './resources/session-routes.ts';
import { userRoutes } from './resources/users-routes.ts';
import { ticketRoutes } from './resources/tickets-routes.ts';
import { assessmentRoutes } from './resources/assessments-routes.ts';
import { auditRoutes } from './resources/audit-routes.ts';
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
  /** In whose name a request is made; null: nobody's. Default: as its session, API token or access token says. */
  readonly principalOf?: (request: FastifyRequest) => Principal | null;
  /** When set, `Authorization: Bearer` with it lets in as an admin. Without it and without users, anybody is let in. */
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
  /** Identity provider that people may sign in by. Default: none. */
  readonly oidc?: OidcClient | null;
  /** For live video as MPEG-1; null refuses that. */
  readonly ffmpegPath: string | null;
  /** Folder of the built page. Default: that of bin/build-page.mjs. */
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
  /** Which cameras exist for whom; takes changes of groups. */
  readonly scope: CameraScope;
  /** Ends the connections of principals whose access changed. */
  readonly openConnections: Pick<OpenConnections, 'end'>;
  /** Every route with its rights, once the server is ready. */
  readonly routes: readonly DeclaredRoute[];
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
  readonly scope: CameraScope;
  readonly open: OpenConnections;
  readonly refusals: Refusals;
  readonly tickets: Tickets;
  readonly authenticator: Authenticator;
  readonly rightsWatch: RightsWatch;
  readonly feed: LiveFeed;
  readonly previews: Previews;
  readonly connections: ConnectionLimit;
  readonly heartbeat: Heartbeat;
}

async function createParts(ports: HttpPorts, options: HttpServerOptions, settings: Settings): Promise<Parts> {
  const { limits, clock, log, basePath, token } = settings;
  const { accounts } = ports;
  const tickets = await Tickets.open(token ?? (await accounts.ticketSecret()), clock);
  const authenticator = new Authenticator({ token, closed: (options.oidc ?? null) !== null, accounts, tickets });
  const scope = new CameraScope({ list: () => ports.cameras.groups(), clock, log });
  const open = new OpenConnections(scope);
  return {
    scope,
    open,
    refusals: new Refusals(),
    tickets,
    authenticator,
    rightsWatch: new RightsWatch({ open, authenticator, accounts, clock }),
    feed: new LiveFeed({
      cameras: ports.cameras,
      scope,
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
  const { refusals, authenticator, feed, previews, connections, heartbeat, scope } = parts;
  const { limits, log, basePath, embedOrigins } = settings;
  let closing = false;

  followScope(scope, ports.alarms, settings.clock);
  const app = await createApp(limits, basePath, refusals);
  const routes = recordRoutes(app);
  installIntake(app, { ...settings, refusals });
  installSecurity(app, { ...settings, authenticator, routes, principalOf: options.principalOf ?? null });
  const declared = installAccess(app, scope);
  installAudit(app, { ...settings, audit: ports.audit });
  installErrorHandling(app, log, routes);
  await installDocs(app, { version: options.version, basePath, embedOrigins });
  await installRoutes(app, ports, options, settings, parts);
  probeRoutes(app, () => !closing && ports.ready());

  return {
    app,
    feed,
    scope,
    openConnections: parts.open,
    routes: declared,
    listen: (host, port) => {
      parts.rightsWatch.start();
      scope.start();
      return app.listen({ host, port });
    },
    figures: () => ({
      ...feed.figures(),
      live: previews.figures(),
      refusedViewers: connections.refused,
    }),
    refused: () => refusals.figures(),
    close: async () => {
      closing = true;
      scope.close();
      feed.close();
      previews.close();
      heartbeat.stop();
      parts.rightsWatch.close();
      // Gives the close frames one turn to leave before connections are cut.
      await new Promise((resolve) => setTimeout(resolve, 50));
      await app.close();
    },
  };
}

/** Groups of cameras change one after the other, e.g. at the start: alarms are made anew for all of them together. */
const RESCOPE_MS = 1_000;

function followScope(scope: CameraScope, alarms: Pick<AlarmPort, 'rescope'>, clock: Clock): void {
  let timer: TimerHandle | null = null;
  scope.onChange(() => {
    timer ??= clock.setTimeout(() => {
      timer = null;
      alarms.rescope();
    }, RESCOPE_MS);
  });
}

async function installRoutes(
  app: App,
  ports: HttpPorts,
  options: HttpServerOptions,
  settings: Settings,
  parts: Parts,
): Promise<void> {
  const { limits, clock, log, trusted, basePath } = settings;
  const { scope, open, feed, previews, connections, heartbeat, refusals, tickets, authenticator } = parts;
  const { cameras, supervision, assessments, accounts } = ports;
  cameraRoutes(app, {
    cameras,
    scope,
    sourceAllow: options.sourceAllow ?? null,
    clock,
    onRemoved: (cameraId) => {
      feed.forget(cameraId);
      previews.forget(cameraId);
    },
  });
  cameraGroupRoutes(app, cameras, scope);
  sceneRoutes(app, cameras, clock);
  dryRunRoutes(app, (order) => ports.dryRun(order));
  const pictures = new PictureReader({ images: ports.images, scope, trusted, refusals });
  cameraFrameRoutes(app, cameras, pictures);
  alertRoutes(app, { cameras, desk: ports.desk, scope, clips: ports.clips, clock, basePath });
  alertDeskRoutes(app, { cameras, desk: ports.desk, scope, clock });
  alertExportRoutes(app, { ...ports, scope, clock, basePath, trusted, refusals });
  shelfRoutes(app, { cameras, desk: ports.desk, scope, clock });
  countRoutes(app, cameras, clock);
  clipRoutes(app, { clips: ports.clips, cameras, scope, clock, trusted, refusals });
  deadLetterRoutes(app, { deadLetters: ports.deadLetters, scope });
  imageRoutes(app, pictures);
  supervisorRoutes(app, { supervision, scope, open, trusted, refusals });
  operationRoutes(app, ports);
  systemRoutes(app, ports.system);
  monitoringRoutes(app, { cameras, monitoring: ports.monitoring, scope, clock });
  await assessmentRoutes(app, { assessments, uploads: new Uploads(limits), trusted, refusals });
  keyRoutes(app, ports.keys);
  releaseRoutes(app, { releases: ports.releases, cameras, clock, basePath });
  budgetRoutes(app, { budget: (isWanted) => ports.budget(isWanted), scope });
  usageRoutes(app, { usage: (day) => ports.usage(day), scope });
  auditRoutes(app, ports.audit, clock);
  healthRoutes(app, ports, scope);
  ticketRoutes(app, tickets);
  const cookies = new SessionCookies(basePath, trusted);
  const { oidc = null } = options;
  sessionRoutes(app, { accounts, authenticator, cookies, trusted, oidc: oidc && { label: oidc.settings.label } });
  if (oidc !== null) oidcRoutes(app, { oidc, issuer: accounts.signIn, cookies, trusted, basePath, clock, log });
  userRoutes(app, accounts);
  apiTokenRoutes(app, accounts.tokens, clock);
  preferenceRoutes(app, accounts.preferences);
  const maxUnsent = { feed: limits.softBytes, live: limits.hardBytes };
  alarmRoutes(app, { alarms: ports.alarms, scope, clock });
  const live = { feed, open, previews, connections, heartbeat, cameras, alarms: ports.alarms, scope, clock };
  socketRoutes(app, { ...live, log, trusted, maxUnsent });
  await pageRoutes(app, options.webRoot ?? builtPage(), basePath);
}
