import type { IncomingHttpHeaders } from 'node:http';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const HEADERS = 'authorization, content-type, if-match, if-none-match';
const EXPOSED = 'allow, etag, location, retry-after, www-authenticate';
/** How long a browser may keep the answer to a preflight, in seconds. */
const PREFLIGHT_SECONDS = 600;

/** The CORS headers of a reply. `preflight`: they are the whole answer. */
export interface CorsAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly preflight: boolean;
}

/**
 * CORS for the origins that the operator listed, without cookies: the API authenticates by a header. Pages of other
 * origins get no CORS header, so their browser withholds the reply.
 */
export function corsAnswer(
  request: { readonly method: string; readonly headers: IncomingHttpHeaders },
  origins: ReadonlySet<string>,
): CorsAnswer {
  if (origins.size === 0) return { headers: {}, preflight: false };
  const { origin } = request.headers;
  const asked = request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
  const vary = asked ? 'origin, access-control-request-method, access-control-request-headers' : 'origin';
  if (origin === undefined || !origins.has(origin)) return { headers: { vary }, preflight: false };
  const named = { vary, 'access-control-allow-origin': origin };
  if (!asked) return { headers: { ...named, 'access-control-expose-headers': EXPOSED }, preflight: false };
  return {
    headers: {
      ...named,
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': HEADERS,
      'access-control-max-age': String(PREFLIGHT_SECONDS),
    },
    preflight: true,
  };
}
