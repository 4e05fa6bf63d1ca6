import { isIP } from 'node:net';
import { isForbiddenAddress, matches } from './addresses.ts';
import { decodePart } from './decode-part.ts';
import { type ResolvedAddress, type Resolver, systemNames } from './names.ts';
import { isRedacted, redactUrl } from './redact.ts';

/** Longest URL of a camera, in characters. */
export const MAX_SOURCE_LENGTH = 2048;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/u;
const SCHEMES = ['rtsp:', 'rtsps:'];

/** Which hosts cameras may be read from. Entries: a host name, `*.example.org`, an address, or a CIDR range. */
export type SourceAllow = readonly string[];
export type SourceVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * Whether `url` may be a camera's source: RTSP only. Pure. The reason continues a sentence that begins with the field's
 * name: "scheme must be ...".
 *
 * @param allow hosts that cameras may be read from; null or empty means every host but the link-local ones
 */
export function checkSource(url: string, allow: SourceAllow | null = null): SourceVerdict {
  const problem = problemOfText(url);
  if (problem !== null) return refuse(problem);
  const reading = readSource(url);
  if (reading === 'ambiguous') return refuse(AMBIGUOUS);
  const parsed = URL.parse(reading);
  if (parsed === null) return refuse(problemOfHost(reading) ?? NO_URL);
  if (CONTROL.test(`${decodePart(parsed.username)}${decodePart(parsed.password)}`))
    return refuse('must not have control characters in its user or password');
  if (parsed.hostname === '') return refuse(NO_HOST);
  if (parsed.hash !== '' || reading.endsWith('#')) return refuse('must not contain #; in a password write it as %23');
  if (parsed.port === '0') return refuse('port must be from 1 to 65535, not 0');
  const host = canonicalHost(parsed.hostname);
  return host === null ? refuse('must name a valid host: rtsp://host:554/path') : checkHost(host, allow);
}

const NO_URL = 'must be a URL like rtsp://host:554/path; write special characters of a password as %XX';
const NO_HOST = 'must name a host: rtsp://host:554/path';
const AMBIGUOUS =
  'can be read in two ways, because of an @ after a slash or a question mark; ' +
  'in a password write @ as %40, / as %2F and ? as %3F, and in a path write @ as %40';

/** Problems that are found before the URL is parsed, as the parser would hide them. */
function problemOfText(url: string): string | null {
  if (url.length > MAX_SOURCE_LENGTH) return `must have at most ${MAX_SOURCE_LENGTH} characters, not ${url.length}`;
  if (/[ \u2028\u2029]/u.test(url) || CONTROL.test(url))
    return 'must not contain spaces or control characters; in a password write a space as %20';
  const scheme = /^([a-z][a-z0-9+.-]*):/iu.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return NO_URL;
  if (!SCHEMES.includes(`${scheme}:`)) return `scheme must be rtsp or rtsps, not ${scheme.slice(0, 20)}`;
  if (!/^[a-z]+:\/\/[^/?#]/iu.test(url)) return NO_HOST;
  if (isRedacted(url)) return 'holds *** in place of the password: send the real one, or leave the field out';
  return null;
}

/** The URL's scheme and its rest: everything after `//`. */
const AFTER_SCHEME = /^([a-z]+:\/\/)(.*)$/isu;

/**
 * The URL of a camera as its owner means it: with the scheme in lower case, and user and password percent-encoded.
 * By RFC 3986 the host ends at the first `/`, `?` or `#`, also in a password that was typed as it is. Such a URL mostly
 * names no valid host then, and only one reading remains: the password goes on to the last `@`.
 *
 * @returns `ambiguous` where both readings name a host
 */
function readSource(url: string): string {
  const [, scheme = '', rest = ''] = AFTER_SCHEME.exec(url) ?? [];
  const authority = /^[^/?#]*/u.exec(rest)?.[0] ?? '';
  const strict = encoded(scheme, rest, authority.lastIndexOf('@'));
  const last = rest.lastIndexOf('@');
  // No password without a colon, and no second reading without an `@` after the authority.
  if (last < authority.length || !rest.slice(0, last).includes(':')) return strict;
  const loose = encoded(scheme, rest, last);
  if (!namesHost(loose)) return strict;
  if (!namesHost(strict)) return loose;
  // A user's name rarely looks like an address or a domain.
  return /[.:]/u.test(URL.parse(strict)?.hostname ?? '') ? strict : 'ambiguous';
}

function namesHost(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && parsed.hash === '' && !url.endsWith('#') && canonicalHost(parsed.hostname) !== null;
}

/** @param at where the `@` is that ends user and password in `rest`; -1 for a URL without them */
function encoded(scheme: string, rest: string, at: number): string {
  if (at === -1) return `${scheme.toLowerCase()}${rest}`;
  const colon = rest.indexOf(':');
  const hasPassword = colon !== -1 && colon < at;
  const user = rest.slice(0, hasPassword ? colon : at);
  const password = hasPassword ? `:${encodePart(rest.slice(colon + 1, at))}` : '';
  return `${scheme.toLowerCase()}${encodePart(user)}${password}${rest.slice(at)}`;
}

/** Encodes the characters that would end a user or password. `%` stays: it begins an escape of the owner's. */
const encodePart = (text: string): string => text.replace(/[/?#@:[\]]/gu, (each) => encodeURIComponent(each));

/**
 * A URL that {@link checkSource} accepted, in a form that every parser of URLs reads alike: scheme in lower case, and
 * the reserved characters of user and password percent-encoded.
 */
export const plainSource = (url: string): string => {
  const reading = readSource(url);
  return reading === 'ambiguous' ? url : reading;
};

function checkHost(host: string, allow: SourceAllow | null): SourceVerdict {
  if (isForbiddenAddress(host)) return refuse(`host ${host} ${FORBIDDEN}`);
  if (isAllowed(host, allow)) return { ok: true };
  return refuse(`host ${host} is not among the hosts that cameras may be read from`);
}

const FORBIDDEN = 'is link-local, or where clouds keep their credentials; it is never read';

const isAllowed = (host: string, allow: SourceAllow | null): boolean =>
  allow === null || allow.length === 0 || allow.some((entry) => matches(host, entry.toLowerCase()));

/** The host and port to connect to, for a URL that {@link checkSource} accepted. */
export function sourceAddress(url: string): { readonly host: string; readonly port: number; readonly tls: boolean } {
  const { protocol, hostname, port } = new URL(plainSource(url));
  const tls = protocol === 'rtsps:';
  return { host: canonicalHost(hostname) ?? hostname, port: port === '' ? (tls ? 322 : 554) : Number(port), tls };
}

/**
 * Resolves a camera's host to the addresses that may be connected to. {@link checkSource} has checked the host against
 * the allow-list, so its name may lead to any address that is not forbidden. Rejects `SourceRefused`, whose message is
 * fit for a camera's status.
 */
export async function resolveSource(host: string, names: Resolver = systemNames): Promise<readonly ResolvedAddress[]> {
  const family = isIP(host);
  if (family !== 0) {
    if (isForbiddenAddress(host)) throw new SourceRefused(`host ${host} ${FORBIDDEN}`);
    return [{ address: host, family }];
  }
  let addresses: readonly ResolvedAddress[];
  try {
    addresses = await names(host);
  } catch (thrown) {
    throw new SourceRefused(`host ${host} cannot be resolved`, { cause: thrown });
  }
  const forbidden = addresses.find(({ address }) => isForbiddenAddress(address));
  if (forbidden !== undefined) {
    throw new SourceRefused(`host ${host} leads to ${forbidden.address}, which ${FORBIDDEN}`);
  }
  return addresses;
}

/** A camera's host may not be read, or has no address. */
export class SourceRefused extends Error {
  override readonly name = 'SourceRefused';
  readonly code = 'SOURCE_REFUSED';
}

/**
 * The host as a resolver reads it; null when there is none. WHATWG leaves the host of an `rtsp:` URL as it is, but to
 * the system `rtsp://2852039166/` and `rtsp://0xa9fea9fe/` are both 169.254.169.254. The rules for `http:` write that
 * address out.
 */
function canonicalHost(hostname: string): string | null {
  const host = URL.parse(`http://${hostname}/`)?.hostname.toLowerCase().replace(/\.$/u, '') ?? '';
  if (host === '') return null;
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

/** Why a URL names no host that can be parsed; null for no reason that is known. */
function problemOfHost(url: string): string | null {
  const place = /^[a-z]+:\/\/(?:[^/?#@]*@)?([^/?#]*)/iu.exec(url)?.[1] ?? '';
  const zone = /^\[([0-9a-f:.]+)%[^\]]*\]/iu.exec(place)?.[1];
  if (zone !== undefined) return isForbiddenAddress(zone) ? `host ${zone} ${FORBIDDEN}` : NO_ZONE;
  const address = place.replace(/%.*$/u, '');
  if (isIP(address) === 6) return `must have brackets around an IPv6 address: rtsp://[${address}]:554/path`;
  const port = /^(?:\[[^\]]*\]|[^:[\]]*):(\d+)$/u.exec(place)?.[1];
  // Anything but a number is likely part of a password with a slash in it, so it is not repeated.
  return port !== undefined && Number(port) > 65_535 ? `port must be from 1 to 65535, not ${port.slice(0, 10)}` : null;
}

const NO_ZONE = 'must not have a zone in its IPv6 address; write rtsp://[2001:db8::5]:554/path';

const refuse = (reason: string): SourceVerdict => ({ ok: false, reason: redactUrl(reason) });
