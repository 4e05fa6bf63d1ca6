import { checkSource, type SourceAllow, sourceAddress } from '../infra/source-policy.ts';
import { bytesOf, type Credentials, credentialsOf, withoutCredentials } from './rtsp-auth.ts';

/** Where a session is played, and with which login. */
export interface CameraPlace {
  /** For dialling: with its login, if it has one. */
  readonly url: string;
  readonly credentials: Credentials | null;
}

/**
 * The URL for request lines: without user and password, with its port. One character for each byte of UTF-8, because
 * requests are written as Latin-1, in which U+010A would become the end of a line.
 */
export function requestUrl(url: string): string {
  const [, scheme = '', authority = '', rest = ''] =
    /^([a-z]+:\/\/)([^/?#]*)(.*)$/iu.exec(withoutCredentials(url)) ?? [];
  const { port } = sourceAddress(url);
  const host = /:\d+$/u.test(authority) ? authority : `${authority.replace(/:$/u, '')}:${port}`;
  return bytesOf(`${scheme}${host}${rest}`);
}

export const placeOf = (url: string): CameraPlace => ({ url, credentials: credentialsOf(url) });

/**
 * The place that a camera redirects to, or a text with the reason why it may not be read. The login goes along to the
 * same host only, and never from RTSPS to RTSP.
 *
 * @param location of the reply, relative to `from`
 */
export function redirected(location: string, from: CameraPlace, allow: SourceAllow | null): CameraPlace | string {
  const target = URL.parse(location, withoutCredentials(from.url))?.href;
  if (target === undefined) return 'it is not a URL';
  const verdict = checkSource(target, allow);
  if (!verdict.ok) return verdict.reason;
  const [old, next] = [sourceAddress(from.url), sourceAddress(target)];
  if (old.tls && !next.tls) return 'scheme must stay rtsps';
  const own = credentialsOf(target);
  return { url: target, credentials: own ?? (next.host === old.host ? from.credentials : null) };
}
