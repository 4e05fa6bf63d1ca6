import { createHash, randomBytes } from 'node:crypto';
import { decodePart } from '../infra/decode-part.ts';
import { plainSource } from '../infra/source-policy.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** A way to log in that a WWW-Authenticate header offers (RFC 7235). Names are in lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

export interface Signable {
  readonly method: string;
  /** As in the request line. */
  readonly uri: string;
  readonly body: Buffer;
}

const MAX_CHALLENGES = 8;
/** Strongest first (RFC 7616). RFC 2617 and most cameras have MD5 only. */
const HASHES: readonly (readonly [name: string, hash: string])[] = [
  ['sha-512-256', 'sha512-256'],
  ['sha-256', 'sha256'],
  ['md5', 'md5'],
];

/** The challenges of all WWW-Authenticate headers, in order, at most 8. A header may hold several. */
export function parseChallenges(headers: readonly string[]): readonly Challenge[] {
  const challenges: { scheme: string; parameters: Map<string, string> }[] = [];
  for (const header of headers) {
    const pattern = /([^\s=,"]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/gu;
    for (const [, name = '', quoted, plain] of header.matchAll(pattern)) {
      const value = quoted?.replace(/\\(.)/gu, '$1') ?? plain;
      if (value === undefined) challenges.push({ scheme: name.toLowerCase(), parameters: new Map() });
      else challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
      if (challenges.length > MAX_CHALLENGES) return challenges.slice(0, MAX_CHALLENGES);
    }
  }
  return challenges;
}

/** The strongest challenge with a known algorithm: Digest before Basic, SHA before MD5; null for none. */
export function strongest(challenges: readonly Challenge[]): Challenge | null {
  const digests = challenges.filter(({ scheme, parameters }) => scheme === 'digest' && parameters.has('nonce'));
  for (const [name] of HASHES) {
    const found = digests.find((each) => algorithmOf(each) === name);
    if (found !== undefined) return found;
  }
  return challenges.find(({ scheme }) => scheme === 'basic') ?? null;
}

/** Whether only the nonce was too old, so that the password was right. */
export const isStale = ({ parameters }: Challenge): boolean => parameters.get('stale')?.toLowerCase() === 'true';

/** Signs requests for one challenge. */
export class Authorizer {
  readonly #challenge: Challenge;
  readonly #credentials: Credentials;
  readonly #cnonce: string;
  #count = 0;

  /** @param cnonce default: random; tests give the one of an RFC's example */
  constructor(challenge: Challenge, { username, password }: Credentials, cnonce = randomBytes(16).toString('hex')) {
    this.#challenge = challenge;
    this.#credentials = { username: bytesOf(username), password: bytesOf(password) };
    this.#cnonce = cnonce;
  }

  /** The Authorization header for this request, one character for each byte, like everything in a request. */
  authorize(request: Signable): string {
    const { username, password } = this.#credentials;
    if (this.#challenge.scheme === 'basic')
      return `Basic ${Buffer.from(`${username}:${password}`, 'latin1').toString('base64')}`;
    return this.#digest(request);
  }

  #digest({ method, uri, body }: Signable): string {
    const { parameters } = this.#challenge;
    const { username, password } = this.#credentials;
    const [realm, nonce] = [parameters.get('realm') ?? '', parameters.get('nonce') ?? ''];
    const name = algorithmOf(this.#challenge);
    const hash = (text: string | Buffer): string =>
      createHash(HASHES.find(([each]) => each === name)?.[1] ?? 'md5')
        .update(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
        .digest('hex');
    this.#count += 1;
    const nc = this.#count.toString(16).padStart(8, '0');
    const cnonce = this.#cnonce;
    const isSession = /-sess$/iu.test(parameters.get('algorithm') ?? '');
    const secret = hash(`${username}:${realm}:${password}`);
    const first = isSession ? hash(`${secret}:${nonce}:${cnonce}`) : secret;
    const offered =
      parameters
        .get('qop')
        ?.toLowerCase()
        .split(/[\s,]+/u) ?? [];
    const qop = offered.includes('auth') ? 'auth' : offered.includes('auth-int') ? 'auth-int' : null;
    const second = hash(qop === 'auth-int' ? `${method}:${uri}:${hash(body)}` : `${method}:${uri}`);
    const response = hash(
      qop === null ? `${first}:${nonce}:${second}` : `${first}:${nonce}:${nc}:${cnonce}:${qop}:${second}`,
    );
    const quoted = { username, realm, nonce, uri, response, opaque: parameters.get('opaque') };
    const parts = Object.entries(quoted).flatMap(([key, value]) =>
      value === undefined ? [] : [`${key}=${quote(value)}`],
    );
    const algorithm = parameters.get('algorithm');
    if (algorithm !== undefined) parts.push(`algorithm=${algorithm}`);
    if (qop !== null) parts.push(`qop=${qop}`, `nc=${nc}`);
    if (qop !== null || isSession) parts.push(`cnonce="${cnonce}"`);
    return `Digest ${parts.join(', ')}`;
  }
}

const algorithmOf = ({ parameters }: Challenge): string =>
  (parameters.get('algorithm') ?? 'md5').toLowerCase().replace(/-sess$/u, '');

/** UTF-8 with one character for each byte, so that hashes are over the bytes as they were received. */
export const bytesOf = (text: string): string => Buffer.from(text, 'utf8').toString('latin1');

const quote = (value: string): string => `"${value.replace(/["\\]/gu, '\\$&')}"`;

/** User and password of a camera's URL, decoded; null when it has none. */
export function credentialsOf(url: string): Credentials | null {
  const { username, password } = new URL(plainSource(url));
  return username === '' && password === '' ? null : { username: decodePart(username), password: decodePart(password) };
}

/** The URL without user and password, with its scheme in lower case. */
export const withoutCredentials = (url: string): string =>
  plainSource(url).replace(/^([a-z]+:\/\/)(?:[^/?#]*@)?/iu, '$1');
