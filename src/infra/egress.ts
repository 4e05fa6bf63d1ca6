import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { asError } from '../runtime/errors.ts';
import { isForbiddenAddress, isPublicAddress, matches } from './addresses.ts';
import { lookupBy, type ResolvedAddress, type Resolver, systemNames } from './names.ts';

/** Every code an {@link EgressError} can carry. */
export const EGRESS_ERRORS = {
  EGRESS_REFUSED: 'the URL, or an address it leads to, is not one that this server may call for somebody else',
  EGRESS_FAILED: 'the other side could not be reached or broke off',
  EGRESS_TIMEOUT: 'the other side took too long',
  EGRESS_TOO_LARGE: 'the other side sent more than is taken',
} as const;
export type EgressErrorCode = keyof typeof EGRESS_ERRORS;

export class EgressError extends Error {
  override readonly name = 'EgressError';
  readonly code: EgressErrorCode;

  constructor(code: EgressErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

const MAX_URL_LENGTH = 2_048;

export interface Fetched {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
}

export interface EgressRequest {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole exchange, name resolution included. */
  readonly timeoutMs: number;
  /** Most bytes of the answer. A longer one rejects `EGRESS_TOO_LARGE`; with `cut` its rest is not read. */
  readonly maxBytes: number;
  readonly cut?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Calls URLs that others chose, guarded against server-side request forgery: http and https only; every address the
 * host resolves to must be public or allow-listed; the connection goes to exactly the addresses that were checked, so
 * changing a name's addresses in between achieves nothing; redirects are not followed.
 */
export class Egress {
  readonly #allow: readonly string[];
  readonly #names: Resolver;

  /** `allow`: hosts that may be called although they are not public: names, `*.example.org`, addresses, CIDR. */
  constructor(allow: readonly string[], names: Resolver = systemNames) {
    this.#names = names;
    this.#allow = allow.map((entry) => entry.toLowerCase());
  }

  /** Why this URL is refused, without asking DNS; null when it is not. Phrased to follow a field's name. */
  refusal(url: string): string | null {
    if (url.length > MAX_URL_LENGTH) return `must have at most ${MAX_URL_LENGTH} characters`;
    const parsed = URL.parse(url);
    if (parsed === null || parsed.hostname === '') return 'must be a URL like https://host/path';
    if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') return 'must be an http or https URL';
    if (parsed.username !== '' || parsed.password !== '') return 'must not carry a user or a password';
    const host = hostOf(parsed);
    return isIP(host) === 0 ? null : this.#addressRefusal(host, host);
  }

  /** As `refusal`, and checks the name's present addresses. Throws `EGRESS_REFUSED` or `EGRESS_FAILED`. */
  async check(url: string): Promise<void> {
    const refusal = this.refusal(url);
    if (refusal !== null) throw new EgressError('EGRESS_REFUSED', refusal);
    await this.#resolve(hostOf(new URL(url)));
  }

  /** Throws {@link EgressError}. Every status counts as an answer, a redirect too. */
  async fetch(asked: EgressRequest): Promise<Fetched> {
    const refusal = this.refusal(asked.url);
    if (refusal !== null) throw new EgressError('EGRESS_REFUSED', refusal);
    return exchange(
      asked,
      lookupBy((host) => this.#resolve(host)),
    );
  }

  /** All addresses of a host. Throws unless every one may be called. */
  async #resolve(host: string): Promise<readonly ResolvedAddress[]> {
    let addresses: readonly ResolvedAddress[];
    try {
      addresses = isIP(host) === 0 ? await this.#names(host) : [{ address: host, family: isIP(host) }];
    } catch (thrown) {
      throw new EgressError('EGRESS_FAILED', `host ${host} cannot be resolved`, thrown);
    }
    for (const { address } of addresses) {
      const refusal = this.#addressRefusal(address, host);
      if (refusal !== null) throw new EgressError('EGRESS_REFUSED', refusal);
    }
    return addresses;
  }

  #addressRefusal(address: string, host: string): string | null {
    if (
      !isForbiddenAddress(address) &&
      (isPublicAddress(address) || this.#allow.some((entry) => matches(host, entry) || matches(address, entry)))
    )
      return null;
    // Without the address itself: names could be used to map a private network.
    return `host ${host} does not lead to the open internet, and GANTRY_FETCH_ALLOW does not name it`;
  }
}

/** The host as resolvers read it: lower case, no brackets, no dot at the end. */
const hostOf = (url: URL): string =>
  url.hostname
    .toLowerCase()
    .replace(/^\[|\]$/gu, '')
    .replace(/\.$/u, '');

function exchange(asked: EgressRequest, lookup: ReturnType<typeof lookupBy>): Promise<Fetched> {
  const { url, method, headers = {}, body, timeoutMs, maxBytes, cut = false, signal } = asked;
  const parsed = new URL(url);
  return new Promise((resolve, reject) => {
    const make = parsed.protocol === 'https:' ? httpsRequest : httpRequest;
    // No agent: each request has its own connection, to addresses that were checked for it.
    const request = make(parsed, {
      method,
      lookup,
      agent: false,
      headers: {
        'user-agent': 'Gantry',
        ...headers,
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
      },
    });
    const timer = setTimeout(
      () => request.destroy(new EgressError('EGRESS_TIMEOUT', `no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    const giveUp = (): void => void request.destroy(new EgressError('EGRESS_FAILED', 'given up'));
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    request.on('error', (thrown) => {
      end();
      reject(
        thrown instanceof EgressError
          ? thrown
          : new EgressError('EGRESS_FAILED', `the call failed: ${codeOf(thrown)}`, thrown),
      );
    });
    request.on('response', (response) => {
      readBody(response, maxBytes, cut).then(
        (bytes) => {
          end();
          resolve({
            status: response.statusCode ?? 0,
            contentType: response.headers['content-type'] ?? '',
            body: bytes,
          });
        },
        (thrown: unknown) => {
          end();
          request.destroy();
          reject(
            thrown instanceof EgressError
              ? thrown
              : new EgressError('EGRESS_FAILED', `the answer broke off: ${codeOf(asError(thrown))}`, thrown),
          );
        },
      );
    });
    request.end(body);
  });
}

async function readBody(response: IncomingMessage, maxBytes: number, cut: boolean): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBytes) {
      if (!cut) throw new EgressError('EGRESS_TOO_LARGE', `the answer has more than ${maxBytes} bytes`);
      response.destroy();
      break;
    }
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : error.name);
