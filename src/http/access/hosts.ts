import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { InfraError } from '../../infra/infra-error.ts';

/** A parsed `Host` header, or entry of the allowed hosts. `port` is null when none is given. */
export interface HostName {
  /** Lower case; an IPv6 address in brackets, in its short form. */
  readonly name: string;
  readonly port: number | null;
}

/** A DNS name has at most 253 characters; the port and its colon come on top. */
const LONGEST_HOST = 260;
const MOST_ENTRIES = 64;
const HOST = /^(\[[0-9a-f:.]+\]|[^\s:/?#@\\[\]%*,]+)(?::(\d{1,5}))?$/iu;

/** Null for anything but a name or an address with or without a port. */
export function parseHost(text: string): HostName | null {
  if (text.length > LONGEST_HOST) return null;
  const [, written, digits] = HOST.exec(text) ?? [];
  if (written === undefined) return null;
  const name = URL.parse(`http://${written}/`)?.hostname ?? '';
  const port = digits === undefined ? null : Number(digits);
  return name === '' || port === 0 || (port ?? 1) > 65_535 ? null : { name, port };
}

/** Names that this server answers to and whose pages may open its WebSockets: `name`, or `name:port`. */
export type AllowedHosts = ReadonlySet<string>;

/** Reads the entries of `GANTRY_ALLOWED_HOSTS`. Throws `CONFIG_INVALID` naming the entry that is no host. */
export function readAllowedHosts(entries: readonly string[]): AllowedHosts {
  if (entries.length > MOST_ENTRIES) {
    throw new InfraError('CONFIG_INVALID', `GANTRY_ALLOWED_HOSTS must name at most ${MOST_ENTRIES} hosts`, {
      field: 'GANTRY_ALLOWED_HOSTS',
    });
  }
  return new Set(
    entries.map((entry) => {
      // People often write an IPv6 address without brackets here.
      const host = parseHost(isIP(entry) === 6 ? `[${entry}]` : entry);
      if (host === null) {
        const shown = entry.slice(0, 100);
        throw new InfraError(
          'CONFIG_INVALID',
          `GANTRY_ALLOWED_HOSTS must list host names or addresses, each with or without a port, separated by commas ` +
            `(gantry.example, gantry.example:8443, [2001:db8::1]), not "${shown}"`,
          { field: 'GANTRY_ALLOWED_HOSTS', value: shown },
        );
      }
      return host.port === null ? withoutDot(host.name) : `${withoutDot(host.name)}:${host.port}`;
    }),
  );
}

/**
 * Whether a `Host` header is one that a hostile page cannot forge by DNS rebinding: an address, a name without a
 * dot, a name that public DNS does not serve, this machine's own, or one that the operator allowed.
 */
export function hostAllowed(header: string | undefined, allowed: AllowedHosts): boolean {
  const host = parseHost(header ?? '');
  if (host === null) return false;
  if (isAddress(host.name) || !host.name.includes('.')) return true;
  const name = withoutDot(host.name);
  if (/\.(?:localhost|local|internal|lan|home\.arpa)$/u.test(name) || name === hostname().toLowerCase()) return true;
  // The header does not tell the scheme, so a missing port may be either default.
  return host.port === null
    ? isNamed(name, 80, allowed) || isNamed(name, 443, allowed)
    : isNamed(name, host.port, allowed);
}

/** An entry without a port allows every port of that host. */
const isNamed = (name: string, port: number, allowed: AllowedHosts): boolean =>
  allowed.has(name) || allowed.has(`${name}:${port}`);

/**
 * Whether a page of this origin may open a WebSocket or send a form: one of the host it talks to, of a host that the
 * operator allowed (a proxy may have rewritten `Host`), or of an origin that may use the API. Programs other than
 * browsers send no origin and are let through. `null`, which many pages share, is always refused.
 */
export function originAllowed(
  origin: string | undefined,
  host: string | undefined,
  allowed: { readonly hosts: AllowedHosts; readonly origins: ReadonlySet<string> },
): boolean {
  if (origin === undefined) return true;
  const page = readOrigin(origin);
  if (page === null) return false;
  if (allowed.origins.has(page.origin)) return true;
  const own = parseHost(host ?? '');
  if (own !== null && own.name === page.name && (own.port ?? page.defaultPort) === page.port) return true;
  return isNamed(withoutDot(page.name), page.port, allowed.hosts);
}

interface PageOrigin {
  /** As browsers send it: lower case, without a default port. */
  readonly origin: string;
  readonly name: string;
  readonly port: number;
  readonly defaultPort: number;
}

/** Null for anything but `http://host`, `https://host`, with or without a port. */
function readOrigin(text: string): PageOrigin | null {
  if (text.length > LONGEST_HOST + 'https://'.length) return null;
  const [, scheme, rest] = /^(https?):\/\/(.*)$/iu.exec(text) ?? [];
  const host = rest === undefined ? null : parseHost(rest);
  if (scheme === undefined || host === null) return null;
  const defaultPort = scheme.toLowerCase() === 'https' ? 443 : 80;
  const port = host.port ?? defaultPort;
  const written = port === defaultPort ? host.name : `${host.name}:${port}`;
  return { origin: `${scheme.toLowerCase()}://${written}`, name: host.name, port, defaultPort };
}

/** Reads a list of origins of the variable `name`. Throws `CONFIG_INVALID` naming the entry that is none. */
export function readOrigins(name: string, entries: readonly string[]): readonly string[] {
  if (entries.length > MOST_ENTRIES) {
    throw new InfraError('CONFIG_INVALID', `${name} must name at most ${MOST_ENTRIES} origins`, { field: name });
  }
  const origins = entries.map((entry) => {
    const origin = readOrigin(entry);
    if (origin === null) {
      const shown = entry.slice(0, 100);
      throw new InfraError(
        'CONFIG_INVALID',
        `${name} must list whole origins, separated by commas: http or https, a host and no path or wildcard ` +
          `(https://portal.example, https://portal.example:8443), not "${shown}"`,
        { field: name, value: shown },
      );
    }
    return origin.origin;
  });
  return [...new Set(origins)];
}

const isAddress = (name: string): boolean => isIP(name.replace(/^\[|\]$/gu, '')) !== 0;
const withoutDot = (name: string): string => (name.endsWith('.') ? name.slice(0, -1) : name);
