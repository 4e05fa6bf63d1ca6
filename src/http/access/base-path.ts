import { InfraError } from '../../infra/infra-error.ts';

const LONGEST = 200;
const SEGMENTS = /^(?:\/[A-Za-z0-9._~-]+)+$/u;
/** First parts of our own addresses: a base path must not begin with one, or it could not be told from an address. */
const OWN = new Set(['api', 'docs', 'livez', 'metrics', 'readyz', 'vendor', 'ws']);

/**
 * Reads `GANTRY_BASE_PATH`. Returns `''` for none; else a path that begins with a slash and does not end with one.
 * Throws `CONFIG_INVALID`.
 */
export function readBasePath(text: string): string {
  const path = text.endsWith('/') ? text.slice(0, -1) : text;
  if (path === '') return '';
  const segments = path.length > LONGEST || !SEGMENTS.test(path) ? [] : path.split('/').slice(1);
  const shown = text.slice(0, 100);
  if (segments.length === 0 || segments.some((segment) => segment === '.' || segment === '..')) {
    throw new InfraError(
      'CONFIG_INVALID',
      `GANTRY_BASE_PATH must be a path such as /gantry: a slash first, then letters, digits and . _ ~ -, ` +
        `at most ${LONGEST} characters, not "${shown}"`,
      { field: 'GANTRY_BASE_PATH', value: shown },
    );
  }
  if (OWN.has(segments[0] ?? '')) {
    throw new InfraError(
      'CONFIG_INVALID',
      `GANTRY_BASE_PATH must not begin with an address of Gantry itself (${[...OWN].join(', ')}), as "${shown}" does`,
      { field: 'GANTRY_BASE_PATH', value: shown },
    );
  }
  return path;
}

/**
 * The address as the routes know it: without the base path, which a proxy may have stripped already. `host` is set
 * for a request in absolute form (`GET http://host/path`), which proxies send: it counts in place of the header.
 */
export function localTarget(url: string, base: string): { readonly path: string; readonly host: string | null } {
  const [, host = null, rest = ''] = /^https?:\/\/([^/?#]*)(.*)$/iu.exec(url) ?? [];
  return { path: withoutBase(host === null ? url : rooted(rest), base), host };
}

function withoutBase(path: string, base: string): string {
  if (base === '' || !path.startsWith(base)) return path;
  const rest = path.slice(base.length);
  return rest === '' || rest.startsWith('/') || rest.startsWith('?') ? rooted(rest) : path;
}

const rooted = (path: string): string => (path.startsWith('/') ? path : `/${path}`);
