import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { RtspAuth } from './rtsp-server.types.ts';
import type { RtspRequest } from './rtsp-wire.ts';

const REALM = 'gantry';
const HASHES = { md5: 'md5', 'sha-256': 'sha256' } as const;
const NAMES = { md5: 'MD5', 'sha-256': 'SHA-256' } as const;

/** Checks user and password on one connection, by Basic (RFC 7617) or Digest (RFC 7616). */
export class RtspAccess {
  #nonce = randomBytes(12).toString('hex');
  #used = 0;

  /** The WWW-Authenticate headers of a refusal; null when the request is allowed, as all are without `auth`. */
  refusal(auth: RtspAuth | null, request: RtspRequest): readonly string[] | null {
    if (auth === null) return null;
    const header = request.headers.get('authorization') ?? '';
    const scheme = auth.scheme ?? 'basic';
    if (scheme === 'basic') return isBasic(auth, header) ? null : [`Basic realm="${REALM}"`];
    const isRight = isDigest(auth, HASHES[scheme], header, request.method);
    const isStale =
      isRight && (parameter(header, 'nonce') !== this.#nonce || this.#used >= (auth.requestsPerNonce ?? Infinity));
    if (isRight && !isStale) {
      this.#used += 1;
      return null;
    }
    if (isStale) this.#nonce = randomBytes(12).toString('hex');
    this.#used = 0;
    const stale = isStale ? ', stale=TRUE' : '';
    const challenge = `Digest realm="${REALM}", nonce="${this.#nonce}", algorithm=${NAMES[scheme]}, qop="auth"${stale}`;
    // The weaker scheme first, as some cameras do: clients must choose.
    return [`Basic realm="${REALM}"`, challenge];
  }
}

function isBasic({ username, password }: RtspAuth, header: string): boolean {
  const given = Buffer.from(/^Basic\s+(\S+)$/i.exec(header)?.[1] ?? '', 'base64');
  return isEqual(given, Buffer.from(`${username}:${password}`, 'utf8'));
}

function isDigest({ username, password }: RtspAuth, algorithm: string, header: string, method: string): boolean {
  const hash = (text: string): string => createHash(algorithm).update(text).digest('hex');
  const [nonce, uri, nc, cnonce] = ['nonce', 'uri', 'nc', 'cnonce'].map((name) => parameter(header, name));
  const wanted = hash(
    `${hash(`${username}:${REALM}:${password}`)}:${nonce}:${nc}:${cnonce}:auth:${hash(`${method}:${uri}`)}`,
  );
  return header.startsWith('Digest ') && isEqual(Buffer.from(parameter(header, 'response')), Buffer.from(wanted));
}

const parameter = (header: string, name: string): string =>
  new RegExp(`[ ,]${name}=(?:"([^"]*)"|([^",\\s]*))`, 'iu')
    .exec(header)
    ?.slice(1)
    .find((value) => value !== undefined) ?? '';

const isEqual = (given: Buffer, wanted: Buffer): boolean =>
  given.length === wanted.length && timingSafeEqual(given, wanted);
