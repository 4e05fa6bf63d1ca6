import { BlockList, isIP, isIPv4 } from 'node:net';
import { isRedacted, redactUrl } from './redact.ts';

/** Longest URL of a camera, in characters. */
export const MAX_SOURCE_LENGTH = 2048;
const SCHEMES = ['rtsp:', 'rtsps:'];

/** Which hosts cameras may be read from. Entries: a host name, `*.example.org`, an address, or a CIDR range. */
export type SourceAllow = readonly string[];
export type SourceVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/**
 * Addresses where clouds answer with credentials (RFC 3927, RFC 4291 link-local, and AWS's IPv6 address). They are
 * refused whatever the allow-list says. A host *name* that resolves there cannot be seen here, without DNS: close
 * such networks to the process when its users are not trusted.
 */
const NEVER = new BlockList();
NEVER.addSubnet('169.254.0.0', 16, 'ipv4');
NEVER.addSubnet('fe80::', 10, 'ipv6');
NEVER.addAddress('fd00:ec2::254', 'ipv6');
// A mapped address reaches the same machine as the IPv4 address inside it.
NEVER.addSubnet('::ffff:169.254.0.0', 112, 'ipv6');

/**
 * Whether `url` may be a camera's source: RTSP only, so that no local file and no other protocol is ever opened by
 * ffmpeg on somebody's behalf. Pure; the reason reads on after the field's name: "scheme must be …".
 *
 * @param allow hosts that cameras may be read from; null or empty means every host but the link-local ones
 */
export function checkSource(url: string, allow: SourceAllow | null = null): SourceVerdict {
  if (url.length > MAX_SOURCE_LENGTH) return refuse(`must have at most ${MAX_SOURCE_LENGTH} characters, not ${url.length}`);
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0020\u007f-\u009f\u2028\u2029]/u.test(url)) return refuse('must not contain spaces or control characters');
  const scheme = /^([a-z][a-z0-9+.-]*):/iu.exec(url)?.[1]?.toLowerCase();
  if (scheme === undefined) return refuse('must be a URL like rtsp://host:554/path');
  if (!SCHEMES.includes(`${scheme}:`)) return refuse(`scheme must be rtsp or rtsps, not ${scheme.slice(0, 20)}`);
  if (!/^[a-z]+:\/\/[^/?#]/iu.test(url)) return refuse('must name a host: rtsp://host:554/path');
  if (url.includes('#')) return refuse('must not contain #; in a password write it as %23');
  if (isRedacted(url)) return refuse('holds *** in place of the password: send the real one, or leave the field out');
  const parsed = URL.parse(url);
  if (parsed === null) return refuse(portOf(url) ?? 'must be a URL like rtsp://host:554/path; write special characters of a password as %XX');
  if (parsed.hostname === '') return refuse('must name a host: rtsp://host:554/path');
  if (parsed.port === '0') return refuse('port must be from 1 to 65535, not 0');
  const host = canonicalHost(parsed.hostname);
  if (host === null) return refuse('must name a valid host: rtsp://host:554/path');
  return checkHost(host, allow);
}

function checkHost(host: string, allow: SourceAllow | null): SourceVerdict {
  if (isIP(host) !== 0 && NEVER.check(host, isIPv4(host) ? 'ipv4' : 'ipv6')) {
    return refuse(`host ${host} is link-local, where machines keep their credentials; it is never read`);
  }
  if (allow === null || allow.length === 0 || allow.some((entry) => matches(host, entry.toLowerCase()))) return { ok: true };
  return refuse(`host ${host} is not among the hosts that cameras may be read from`);
}

/** Whether `host` (lower case) is what an entry of an allow-list names: a name, `*.example.org`, an address, a CIDR range. */
export function matches(host: string, entry: string): boolean {
  if (entry.startsWith('*.')) return host.endsWith(entry.slice(1)) && host.length > entry.length - 1;
  const [address = '', bits] = entry.split('/');
  if (isIP(address) === 0 || isIP(host) === 0) return host === entry;
  const range = new BlockList();
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  const prefix = bits === undefined ? (family === 'ipv4' ? 32 : 128) : Number(bits);
  if (!Number.isInteger(prefix) || prefix < 0 || prefix > (family === 'ipv4' ? 32 : 128)) return false;
  range.addSubnet(address, prefix, family);
  return range.check(host, isIPv4(host) ? 'ipv4' : 'ipv6');
}

/**
 * The host as a resolver will read it: WHATWG leaves hosts of `rtsp:` as they are, but `rtsp://2852039166/` and
 * `rtsp://0xa9fea9fe/` are both 169.254.169.254 to the system, and `http:` rules spell that out.
 */
function canonicalHost(hostname: string): string | null {
  const host = URL.parse(`http://${hostname}/`)?.hostname.toLowerCase().replace(/\.$/u, '') ?? '';
  if (host === '') return null;
  return host.startsWith('[') ? host.slice(1, -1) : host;
}

function portOf(url: string): string | null {
  const port = /^[a-z]+:\/\/(?:[^/?#]*@)?(?:\[[^\]]*\]|[^/?#:[\]]*):([^/?#]*)/iu.exec(url)?.[1];
  // Not a number: more likely a password with a slash in it, so it is not repeated.
  return port !== undefined && /^\d+$/u.test(port) && Number(port) > 65_535 ? `port must be from 1 to 65535, not ${port.slice(0, 10)}` : null;
}

const refuse = (reason: string): SourceVerdict => ({ ok: false, reason: redactUrl(reason) });
