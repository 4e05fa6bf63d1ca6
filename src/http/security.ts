import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { NOBODY, type Principal } from '../messages/principal.ts';
import { type Authenticator, inQuery } from './access/authenticator.ts';
import { corsAnswer } from './access/cors.ts';
import { type AllowedHosts, hostAllowed, originAllowed } from './access/hosts.ts';
import { HttpError } from './errors/http-error.ts';
import { methodsAt, type RouteTable } from './errors/route-table.ts';
import { safeValue } from './errors/safe-value.ts';

export interface SecurityOptions {
  readonly authenticator: Authenticator;
  /** In whose name a request is made; null: as its credential says. */
  readonly principalOf: ((request: FastifyRequest) => Principal | null) | null;
  /** Host names this server answers to, besides addresses and names that only a local network knows. */
  readonly allowedHosts: AllowedHosts;
  /** Origins whose pages may use the API. */
  readonly corsOrigins: readonly string[];
  /** Origins whose pages may show ours in a frame. */
  readonly embedOrigins: readonly string[];
  /** Prefix of every public address; `''` for none. */
  readonly basePath: string;
  /** Filled while routes are registered; read to answer which methods an address takes. */
  readonly routes: RouteTable;
}

/** Requests that browsers send to any site without a CORS preflight: the origin of the page is checked. */
const ORIGIN_CHECKED: ReadonlySet<string> = new Set([
  'GET /ws',
  'GET /ws/live/:cameraId',
  'POST /api/assessments',
  'POST /api/alerts/:id/acknowledge',
  'POST /api/dead-letters/:id/replay',
]);
/** For load balancers and containers, which send any `Host` or none. The reply is one word. */
const PROBES: ReadonlySet<string> = new Set(['/livez', '/readyz']);
const EVERY_METHOD = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT';

/** Checks every request before anything else happens, and sets the security headers of every reply. */
export function installSecurity(app: FastifyInstance, options: SecurityOptions): void {
  const { authenticator } = options;
  const origins = new Set(options.corsOrigins);
  const allowed = { hosts: options.allowedHosts, origins };
  app.decorateRequest('principal');
  app.decorateRequest('signedIn', null);
  app.addHook('onRequest', async (request, reply) => {
    const { host, origin } = request.headers;
    const route = request.routeOptions.url ?? '';
    const cors = corsAnswer(request, origins);
    reply.headers(cors.headers);
    if (cors.preflight) return reply.code(204).send();
    if (PROBES.has(route)) return;
    if (host === undefined || host === '') {
      throw new HttpError('BAD_REQUEST', 'host: is required', { field: 'host' });
    }
    // With a token, or users, a foreign page gains nothing by DNS rebinding.
    if (authenticator.open && !hostAllowed(host, options.allowedHosts)) {
      throw new HttpError(
        'HOST_REFUSED',
        'host: this server does not answer to that name; add it to GANTRY_ALLOWED_HOSTS, or set GANTRY_TOKEN',
        { field: 'host', value: safeValue('host', host) },
      );
    }
    if (options.principalOf === null) {
      request.signedIn = await authenticator.identify(request);
      request.principal = request.signedIn?.principal ?? NOBODY;
    } else {
      const principal = options.principalOf(request);
      if (principal !== null) {
        request.principal = principal;
        request.signedIn = { principal, credential: { via: 'open' }, csrf: null };
      }
    }
    if (ORIGIN_CHECKED.has(`${request.method} ${route}`) && !originAllowed(origin, host, allowed)) {
      throw new HttpError(
        'ORIGIN_REFUSED',
        'origin: only pages of this server may do this; add the host of the page to GANTRY_ALLOWED_HOSTS',
        { field: 'origin', value: safeValue('origin', origin) },
      );
    }
    if (request.method === 'OPTIONS') return answerOptions(request, reply, options.routes);
    if (hasNoBody(request)) delete request.headers['content-type'];
  });
  const pagePolicy = pagePolicyFor(options);
  app.addHook('onSend', async (request, reply, payload) => {
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
    // This header cannot list origins; the policy below can.
    if (options.embedOrigins.length === 0) reply.header('x-frame-options', 'DENY');
    reply.header('cross-origin-resource-policy', 'same-origin');
    if (!reply.hasHeader('content-security-policy')) reply.header('content-security-policy', pagePolicy);
    // No cache should keep an address with a ticket, which expires in a minute.
    if (!reply.hasHeader('cache-control') || inQuery(request, 'ticket') !== undefined) {
      reply.header('cache-control', 'no-store');
    }
    const location = reply.getHeader('location');
    if (typeof location === 'string' && location.startsWith('/')) {
      reply.header('location', `${options.basePath}${location}`);
    }
    return payload;
  });
}

/** Answers with the methods of an address; leaves unknown addresses to the not-found handler. */
function answerOptions(request: FastifyRequest, reply: FastifyReply, routes: RouteTable): FastifyReply | undefined {
  const path = request.url.split('?')[0] ?? '';
  const methods = methodsAt(routes, path);
  if (path !== '*' && methods.length === 0) return undefined;
  const allow = path === '*' ? EVERY_METHOD : [...methods, 'OPTIONS'].toSorted().join(', ');
  return reply.code(204).header('allow', allow).send();
}

/** Many clients send a content type with every request; without a body it means nothing. */
function hasNoBody({ headers }: FastifyRequest): boolean {
  const length = headers['content-length'];
  return headers['transfer-encoding'] === undefined && (length === undefined || /^0+$/u.test(length));
}

/**
 * Pages load scripts, styles and data from this server only. `wasm-unsafe-eval` lets the video player compile its
 * decoder; the hashes are those of an empty style sheet and of the player's own (@cycjimmy/jsmpeg-player 6.1.2).
 */
const pagePolicyFor = (options: Pick<SecurityOptions, 'basePath' | 'embedOrigins'>): string =>
  [
    "default-src 'none'",
    "script-src 'self' 'wasm-unsafe-eval'",
    "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' " +
      "'sha256-lRyplcblLyRa4o+ZUBNzXETDGwKXzgKgrWbiYOwfTLg='",
    "img-src 'self' data: blob:",
    // Live video and clips are played from what the page has loaded.
    'media-src blob:',
    "connect-src 'self'",
    // The page names its base path itself.
    `base-uri ${options.basePath === '' ? "'none'" : "'self'"}`,
    "form-action 'none'",
    frameAncestors(options.embedOrigins),
  ].join('; ');

/** Who may show a page of ours in a frame. */
export const frameAncestors = (origins: readonly string[]): string =>
  `frame-ancestors ${origins.length === 0 ? "'none'" : origins.join(' ')}`;
