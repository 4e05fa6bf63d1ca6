import { lookup as dnsLookup } from 'node:dns/promises';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';
import { asError } from '../runtime/errors.ts';
import { matches } from './source-policy.ts';

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

export const MAX_URL_LENGTH = 2_048;

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}
/** All addresses of a name. */
export type Resolver = (host: string) => Promise<readonly ResolvedAddress[]>;

/** Special-purpose IPv4 ranges (IANA registry, RFC 6890): none of them is a public host. */
const NOT_PUBLIC_4 = new BlockList();
for (const range of ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4']) {
  const [address = '', bits] = range.split('/');
  NOT_PUBLIC_4.addSubnet(address, Number(bits), 'ipv4');
}
/** Global unicast is 2000::/3; inside it, these lead elsewhere (Teredo and other IETF blocks, documentation, 6to4). */
const GLOBAL_6 = new BlockList();
GLOBAL_6.addSubnet('2000::', 3, 'ipv6');
const NOT_PUBLIC_6 = new BlockList();
for (const [address, bits] of [['2001::', 23], ['2001:db8::', 32], ['2002::', 16], ['3fff::', 20]] as const) NOT_PUBLIC_6.addSubnet(address, bits, 'ipv6');

/** Whether an address is one of the open internet. IPv4 inside IPv6 is outside 2000::/3 and so never public. */
export const isPublicAddress = (address: string): boolean =>
  isIPv4(address) ? !NOT_PUBLIC_4.check(address, 'ipv4') : isIP(address) === 6 && GLOBAL_6.check(address, 'ipv6') && !NOT_PUBLIC_6.check(address, 'ipv6');

/** Never, whatever the allow-list says: where clouds answer with credentials. */
const NEVER = new BlockList();
NEVER.addSubnet('169.254.0.0', 16, 'ipv4');
NEVER.addSubnet('fe80::', 10, 'ipv6');
NEVER.addAddress('fd00:ec2::254', 'ipv6');
NEVER.addSubnet('::ffff:169.254.0.0', 112, 'ipv6');

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
  /** Bytes of the answer. Beyond: `EGRESS_TOO_LARGE`, or with `cut` the rest is not read. */
  readonly maxBytes: number;
  readonly cut?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Calls URLs that somebody else named (server-side request forgery is what it guards against): http and https only;
 * every address the host resolves to must be public or allow-listed; the connection goes to exactly the addresses that
 * were checked (a name that changes in between is of no use); redirects are not followed.
 */
export class Egress {
  readonly #allow: readonly string[];
  readonly #names: Resolver;

  /** `allow`: hosts that may be called although they are not public: names, `*.example.org`, addresses, CIDR. */
  constructor(allow: readonly string[], names: Resolver = (host) => dnsLookup(host, { all: true })) {
    this.#names = names;
    this.#allow = allow.map((entry) => entry.toLowerCase());
  }

  /** Why this URL is refused without asking DNS; null when it is not. Reads on after a field's name. */
  refusal(url: string): string | null {
    if (url.length > MAX_URL_LENGTH) return `must have at most ${MAX_URL_LENGTH} characters`;
    const parsed = URL.parse(url);
    if (parsed === null || parsed.hostname === '') return 'must be a URL like https://host/path';
    if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') return 'must be an http or https URL';
    if (parsed.username !== '' || parsed.password !== '') return 'must not carry a user or a password';
    const host = hostOf(parsed);
    return isIP(host) === 0 ? null : this.#addressRefusal(host, host);
  }

  /** As `refusal`, with the addresses the name has now. Throws `EGRESS_REFUSED` or `EGRESS_FAILED`. */
  async check(url: string): Promise<void> {
    const refusal = this.refusal(url);
    if (refusal !== null) throw new EgressError('EGRESS_REFUSED', refusal);
    await this.#resolve(hostOf(new URL(url)));
  }

  /** Throws {@link EgressError}. A status of any kind is an answer, a redirect too. */
  async fetch(asked: EgressRequest): Promise<Fetched> {
    const refusal = this.refusal(asked.url);
    if (refusal !== null) throw new EgressError('EGRESS_REFUSED', refusal);
    return exchange(asked, this.#lookup());
  }

  #lookup(): LookupFunction {
    return (host, options, done) => {
      this.#resolve(host).then(
        (addresses) => {
          const [first] = addresses;
          if (options.all === true) done(null, [...addresses]);
          else if (first === undefined) done(new EgressError('EGRESS_FAILED', 'the host has no address'), '', 4);
          else done(null, first.address, first.family);
        },
        (thrown: unknown) => done(asError(thrown), '', 4),
      );
    };
  }

  /** All addresses of a host, when every one of them may be called. */
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
    const never = NEVER.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
    if (!never && (isPublicAddress(address) || this.#allow.some((entry) => matches(host, entry) || matches(address, entry)))) return null;
    // The address itself is not told: a name could be used to map a private network.
    return `host ${host} does not lead to the open internet, and GANTRY_FETCH_ALLOW does not name it`;
  }
}

/** As resolvers read it: lower case, no brackets, no dot at the end. */
const hostOf = (url: URL): string => url.hostname.toLowerCase().replace(/^\[|\]$/gu, '').replace(/\.$/u, '');

function exchange(asked: EgressRequest, lookup: LookupFunction): Promise<Fetched> {
  const { url, method, headers = {}, body, timeoutMs, maxBytes, cut = false, signal } = asked;
  const parsed = new URL(url);
  return new Promise((resolve, reject) => {
    const make = parsed.protocol === 'https:' ? httpsRequest : httpRequest;
    // No agent: every connection is made for one request, to addresses that were checked for it.
    const request = make(parsed, { method, lookup, agent: false, headers: { 'user-agent': 'Gantry', ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) } });
    const timer = setTimeout(() => request.destroy(new EgressError('EGRESS_TIMEOUT', `no answer within ${timeoutMs} ms`)), timeoutMs);
    const giveUp = (): void => void request.destroy(new EgressError('EGRESS_FAILED', 'given up'));
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    };
    signal?.addEventListener('abort', giveUp, { once: true });
    request.on('error', (thrown) => {
      end();
      reject(thrown instanceof EgressError ? thrown : new EgressError('EGRESS_FAILED', `the call failed: ${codeOf(thrown)}`, thrown));
    });
    request.on('response', (response) => {
      readBody(response, maxBytes, cut).then(
        (bytes) => {
          end();
          resolve({ status: response.statusCode ?? 0, contentType: response.headers['content-type'] ?? '', body: bytes });
        },
        (thrown: unknown) => {
          end();
          request.destroy();
          reject(thrown instanceof EgressError ? thrown : new EgressError('EGRESS_FAILED', `the answer broke off: ${codeOf(asError(thrown))}`, thrown));
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
