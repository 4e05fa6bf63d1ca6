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
 * Whether `url` may be a camera's source: RTSP only, so that ffmpeg never opens a local file or another protocol for
 * somebody else. Pure. The reason continues a sentence that begins with the field's name: "scheme must be ...".
 *
 * @param allow hosts that cameras may be read from; null or empty means every host but the link-local ones
 */
export function checkSource(url: string, allow: SourceAllow | null = null): SourceVerdict {
  const problem = problemOfText(url);
  if (problem !== null) return refuse(problem);
  const parsed = URL.parse(url);
  if (parsed === null) return refuse(problemOfPort(url) ?? `${NO_URL}; write special characters of a password as %XX`);
  if (CONTROL.test(`${decodePart(parsed.username)}${decodePart(parsed.password)}`))
    return refuse('must not have control characters in its user or password');
  if (parsed.hostname === '') return refuse(NO_HOST);
  if (parsed.port === '0') return refuse('port must be from 1 to 65535, not 0');
  const host = canonicalHost(parsed.hostname);
  return host === null ? refuse('must name a valid host: rtsp://host:554/path') : checkHost(host, allow);
}

const NO_URL = 'must be a URL like rtsp://host:554/path';
const NO_HOST = 'must name a host: rtsp://host:554/path';

/** Problems that are found before the URL is parsed, as the parser would hide them. */
function problemOfText(url: string): string | null {
  if (url.length > MAX_SOURCE_LENGTH) return `must have at most ${MAX_SOURCE_LENGTH} characters, not ${url.length}`;
  if (/[ \u2028\u2029]/u.test(url) || CONTROL.test(url)) return 'must not contain spaces or control characters';
  const scheme = /^([a-z][a-z0-9+.-]*):/iu.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return NO_URL;
  if (!SCHEMES.includes(`${scheme}:`)) return `scheme must be rtsp or rtsps, not ${scheme.slice(0, 20)}`;
  if (!/^[a-z]+:\/\/[^/?#]/iu.test(url)) return NO_HOST;
  if (url.includes('#')) return 'must not contain #; in a password write it as %23';
  if (isRedacted(url)) return 'holds *** in place of the password: send the real one, or leave the field out';
  return null;
}

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
  const { protocol, hostname, port } = new URL(url);
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

function problemOfPort(url: string): string | null {
  const port = /^[a-z]+:\/\/(?:[^/?#]*@)?(?:\[[^\]]*\]|[^/?#:[\]]*):([^/?#]*)/iu.exec(url)?.[1];
  // Anything but a number is likely part of a password with a slash in it, so it is not repeated.
  return port !== undefined && /^\d+$/u.test(port) && Number(port) > 65_535
    ? `port must be from 1 to 65535, not ${port.slice(0, 10)}`
    : null;
}

const refuse = (reason: string): SourceVerdict => ({ ok: false, reason: redactUrl(reason) });
