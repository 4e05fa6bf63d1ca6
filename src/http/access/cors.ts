import type { IncomingHttpHeaders } from 'node:http';

const METHODS = 'GET, HEAD, POST, PATCH, DELETE';
const HEADERS = 'authorization, content-type';
const EXPOSED = 'allow, location, retry-after, www-authenticate';
/** How long a browser may keep the answer to a preflight, in seconds. */
const PREFLIGHT_SECONDS = 600;

/** What a reply tells browsers about pages of other origins. `preflight`: it answers one, and needs nothing else. */
export interface CorsAnswer {
  readonly headers: Readonly<Record<string, string>>;
  readonly preflight: boolean;
}

/**
 * CORS for the origins that the operator listed, each by its own name and without cookies: the API knows a header, no
 * cookie. Pages of other origins get no header, so that their browser refuses them the reply.
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
