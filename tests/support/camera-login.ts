import { createHash } from 'node:crypto';

/** Offered in this order. `md5-bare` is the Digest of RFC 2069: without `qop` and `algorithm`. */
export type LoginScheme = 'basic' | 'md5-bare' | 'md5' | 'sha-256' | 'sha-512-256' | 'md5-sess' | 'unknown';

export interface CameraLogin {
  readonly username: string;
  readonly password: string;
  readonly schemes: readonly LoginScheme[];
  /** Requests that one nonce is good for. Default: any number. */
  readonly requestsPerNonce?: number;
  /** Whether a refusal for an old nonce says `stale=true`. Default true. */
  readonly saysStale?: boolean;
}

const HASHES: Readonly<Record<string, string>> = { md5: 'md5', 'sha-256': 'sha256', 'sha-512-256': 'sha512-256' };
/** With the characters that parsers trip over. */
const REALM = 'cam (1, "x")';

/** Checks the logins of one camera. */
export class LoginDesk {
  readonly #login: CameraLogin;
  #nonce = 1;
  #used = 0;

  constructor(login: CameraLogin) {
    this.#login = login;
  }

  /** The next request with the present nonce is refused. */
  renewNonce(): void {
    this.#nonce += 1;
    this.#used = 0;
  }

  /** The WWW-Authenticate headers of a refusal; null when the request may pass. */
  refusal(method: string, authorization: string | undefined): readonly string[] | null {
    const { schemes, requestsPerNonce = Infinity, saysStale = true } = this.#login;
    const given = authorization ?? '';
    if (this.#isBasic(given)) return null;
    const nonce = parameter(given, 'nonce');
    const isRight = schemes.some((scheme) => this.#isDigest(scheme, given, method));
    const isFresh = nonce === this.#text && this.#used < requestsPerNonce;
    if (isRight && isFresh) {
      this.#used += 1;
      return null;
    }
    if (isRight && nonce === this.#text) this.renewNonce();
    const stale = isRight && saysStale ? ', stale="TRUE"' : '';
    return schemes.map((scheme) => this.#challenge(scheme, stale));
  }

  get #text(): string {
    return `nonce-${this.#nonce}`;
  }

  #challenge(scheme: LoginScheme, stale: string): string {
    if (scheme === 'unknown') return 'Negotiate';
    const realm = `realm="${REALM.replaceAll('"', '\\"')}"`;
    if (scheme === 'basic') return `Basic ${realm}`;
    const digest = `Digest ${realm}, nonce="${this.#text}"${stale}`;
    return scheme === 'md5-bare' ? digest : `${digest}, algorithm="${scheme.toUpperCase()}", qop="auth,auth-int"`;
  }

  #isBasic(given: string): boolean {
    const { schemes, username, password } = this.#login;
    return schemes.includes('basic') && given === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  }

  #isDigest(scheme: LoginScheme, given: string, method: string): boolean {
    const [name = '', session] = scheme.split(/-(?=bare|sess)/u);
    const algorithm = HASHES[name];
    const said = parameter(given, 'algorithm').toLowerCase();
    if (algorithm === undefined || said !== (scheme === 'md5-bare' ? '' : scheme)) return false;
    const { username, password } = this.#login;
    const hash = (text: string): string => createHash(algorithm).update(text).digest('hex');
    const [nonce, uri, nc, cnonce] = ['nonce', 'uri', 'nc', 'cnonce'].map((each) => parameter(given, each));
    const secret = hash(`${username}:${REALM}:${password}`);
    const first = session === 'sess' ? hash(`${secret}:${nonce}:${cnonce}`) : secret;
    const middle = scheme === 'md5-bare' ? `${nonce}` : `${nonce}:${nc}:${cnonce}:auth`;
    return parameter(given, 'response') === hash(`${first}:${middle}:${hash(`${method}:${uri}`)}`);
  }
}

const parameter = (header: string, name: string): string =>
  new RegExp(`[ ,]${name}=(?:"([^"]*)"|([^",\\s]*))`, 'iu')
    .exec(header)
    ?.slice(1)
    .find((value) => value !== undefined) ?? '';
