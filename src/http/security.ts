import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpError } from './errors/http-error.ts';
import { safeValue } from './errors/safe-value.ts';

export interface SecurityOptions {
  /** When set, everything under /api, /ws and /metrics needs it. */
  readonly token: string | null;
  /** Host names this server answers to, besides addresses and names that only a local network knows. */
  readonly allowedHosts: readonly string[];
}

/** Routes where a browser cannot send a header, so that the token may stand in the query: pictures and WebSockets. */
const TOKEN_IN_QUERY: ReadonlySet<string> = new Set(['/api/images/:imageId', '/api/cameras/:id/snapshot.jpg', '/ws', '/ws/live/:cameraId']);

/**
 * Pages take scripts, styles and data from here only. `wasm-unsafe-eval` lets the video player compile its decoder;
 * the hashes are those of an empty style sheet and of the one that it puts there (@cycjimmy/jsmpeg-player 6.1.2).
 */
const PAGE_POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=' 'sha256-lRyplcblLyRa4o+ZUBNzXETDGwKXzgKgrWbiYOwfTLg='; img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Checks of every request before anything else happens, and the headers of every reply. */
export function installSecurity(app: FastifyInstance, options: SecurityOptions): void {
  const expected = options.token === null ? null : digest(options.token);
  app.addHook('onRequest', async (request) => {
    // With a token, knowing the name is of no use to a strange page.
    if (expected === null && !hostAllowed(request.headers.host, options.allowedHosts)) {
      throw new HttpError('HOST_REFUSED', 'host: this server does not answer to that name; add it to the allowed hosts, or set an access token', { field: 'host', value: safeValue('host', request.headers.host) });
    }
    const route = request.routeOptions.url ?? '';
    if (expected !== null && needsToken(route) && !timingSafeEqual(digest(tokenOf(request, route) ?? ''), expected)) {
      throw new HttpError('UNAUTHORIZED', 'token: is missing or wrong; send "Authorization: Bearer TOKEN"', { field: 'token', headers: { 'www-authenticate': 'Bearer realm="gantry"' } });
    }
    if (route.startsWith('/ws') && !originAllowed(request.headers.origin, request.headers.host)) {
      throw new HttpError('ORIGIN_REFUSED', 'origin: a WebSocket may be opened by pages of this server only', { field: 'origin', value: safeValue('origin', request.headers.origin) });
    }
  });
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
    reply.header('x-frame-options', 'DENY');
    reply.header('cross-origin-resource-policy', 'same-origin');
    if (!reply.hasHeader('content-security-policy')) reply.header('content-security-policy', PAGE_POLICY);
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    return payload;
  });
}

/** Judged by the matched route, never by the raw path, which can be written in many ways. */
const needsToken = (route: string): boolean => route.startsWith('/api') || route.startsWith('/ws') || route === '/metrics';

function tokenOf(request: FastifyRequest, route: string): string | null {
  const bearer = /^bearer +(\S+)$/iu.exec(request.headers.authorization ?? '')?.[1];
  if (bearer !== undefined) return bearer;
  if (!TOKEN_IN_QUERY.has(route)) return null;
  const query: unknown = request.query;
  const token = typeof query === 'object' && query !== null && 'token' in query ? query.token : null;
  return typeof token === 'string' ? token : null;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** A page's `Origin` must be the host it talks to; programs other than browsers send none. */
export function originAllowed(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  const parsed = URL.parse(origin);
  return parsed !== null && host !== undefined && parsed.host.toLowerCase() === withoutDefaultPort(host.toLowerCase(), parsed.protocol);
}

const withoutDefaultPort = (host: string, protocol: string): string =>
  (protocol === 'http:' && host.endsWith(':80')) || (protocol === 'https:' && host.endsWith(':443')) ? host.slice(0, host.lastIndexOf(':')) : host;

/**
 * Whether a `Host` header is one that a hostile page cannot forge by DNS rebinding: an address, a name without a
 * dot, a name that public DNS does not serve, this machine's own, or one that the operator allowed.
 */
export function hostAllowed(header: string | undefined, allowed: readonly string[]): boolean {
  const host = (URL.parse(`http://${header ?? ''}/`)?.hostname ?? '').toLowerCase();
  if (host === '') return false;
  if (isIP(host.replace(/^\[|\]$/gu, '')) !== 0 || !host.includes('.')) return true;
  if (/\.(localhost|local|internal|lan|home\.arpa)$/u.test(host)) return true;
  return host === hostname().toLowerCase() || allowed.some((name) => name.toLowerCase() === host);
}
