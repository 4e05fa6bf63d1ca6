import * as openid from 'openid-client';
import { EnvHttpProxyAgent, fetch } from 'undici';
import { z } from 'zod';
import type { Clock } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { settlesWithin } from '../runtime/time-limit.ts';
import { OidcError } from './oidc-error.ts';
import type { Claims, RoleRule } from './role-rules.ts';

/** How to use the provider. */
export interface OidcSettings {
  /** Its address, as in its own metadata; http only on this machine. */
  readonly issuer: string;
  readonly clientId: string;
  /** Returns the secret; null for a public client. */
  readonly clientSecret: (() => string) | null;
  /** Name of the provider on the page. */
  readonly label: string;
  /** Separated by spaces; `openid` among them. */
  readonly scope: string;
  /** Null: only people who are users here already get in. */
  readonly rules: readonly RoleRule[] | null;
}

/** The secrets of one sign-in, between its beginning and its callback. */
export const Pending = z.object({
  state: z.string().min(16).max(200),
  nonce: z.string().min(16).max(200),
  verifier: z.string().min(43).max(128),
});
export type Pending = z.infer<typeof Pending>;

/** A person for whom the provider vouches. */
export interface Vouched {
  readonly issuer: string;
  readonly subject: string;
  readonly claims: Claims;
}

const REQUEST_MS = 5_000;
const CONNECT_MS = 3_000;
/** For all requests of a callback together: metadata, tokens, keys, facts about the person. */
const CALLBACK_MS = 15_000;
const MOST_BYTES = 1024 * 1024;
/** The provider's metadata are asked for again after this long. */
const METADATA_MS = 3_600_000;
/** Callbacks at a time: each may cost the provider three requests. */
const MOST_CALLBACKS = 16;

/** Signs people in by a provider of OpenID Connect: code flow with PKCE, state and nonce. */
export class OidcClient {
  readonly settings: OidcSettings;
  readonly #clock: Clock;
  readonly #requestMs: number;
  readonly #agent: EnvHttpProxyAgent;
  #found: { readonly at: number; readonly config: Promise<openid.Configuration> } | null = null;
  #callbacks = 0;

  /** @param requestMs longest wait for each answer of the provider */
  constructor(settings: OidcSettings, clock: Clock, requestMs = REQUEST_MS) {
    this.settings = settings;
    this.#clock = clock;
    this.#requestMs = requestMs;
    this.#agent = new EnvHttpProxyAgent({
      connect: { timeout: CONNECT_MS },
      headersTimeout: requestMs,
      bodyTimeout: requestMs,
      maxResponseSize: MOST_BYTES,
    });
  }

  /** The address to send the browser to. Rejects `OIDC_UNREACHABLE`, `OIDC_FAILED`. */
  async begin(redirectUri: string): Promise<{ readonly url: string; readonly pending: Pending }> {
    const config = await this.#provider();
    const pending = {
      state: openid.randomState(),
      nonce: openid.randomNonce(),
      verifier: openid.randomPKCECodeVerifier(),
    };
    const url = openid.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: this.settings.scope,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await openid.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
    });
    return { url: url.href, pending };
  }

  /**
   * Redeems the callback. Rejects with any {@link OidcError}.
   *
   * @param callback the redirect address with the query that the provider added
   */
  async finish(callback: URL, pending: Pending): Promise<Vouched> {
    if (callback.searchParams.get('state') !== pending.state)
      throw new OidcError('OIDC_STALE', 'the answer belongs to another sign-in');
    if (this.#callbacks >= MOST_CALLBACKS)
      throw new OidcError('OIDC_UNREACHABLE', `${MOST_CALLBACKS} people are being signed in already`);
    this.#callbacks += 1;
    const redeeming = this.#redeem(callback, pending).finally(() => (this.#callbacks -= 1));
    const { timedOut, value, error } = await settlesWithin(this.#clock, redeeming, CALLBACK_MS);
    if (timedOut) throw new OidcError('OIDC_UNREACHABLE', `no answer within ${CALLBACK_MS} ms`);
    if (error !== null) throw meaningOf(error);
    return value;
  }

  async close(): Promise<void> {
    await this.#agent.close();
  }

  async #redeem(callback: URL, { state, nonce, verifier }: Pending): Promise<Vouched> {
    const config = await this.#provider();
    const tokens = await openid.authorizationCodeGrant(config, callback, {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new OidcError('OIDC_FAILED', 'it sent no ID token');
    const { sub, iss } = claims;
    // Many providers tell groups and names only here.
    const facts =
      config.serverMetadata().userinfo_endpoint === undefined
        ? {}
        : await openid.fetchUserInfo(config, tokens.access_token, sub);
    return { issuer: iss, subject: sub, claims: { ...facts, ...claims } };
  }

  /** The provider's metadata; a failure is not kept. */
  async #provider(): Promise<openid.Configuration> {
    const now = this.#clock.now();
    if (this.#found === null || now - this.#found.at >= METADATA_MS)
      this.#found = { at: now, config: this.#discover() };
    const found = this.#found;
    try {
      return await found.config;
    } catch (thrown) {
      if (this.#found === found) this.#found = null;
      throw meaningOf(asError(thrown));
    }
  }

  #discover(): Promise<openid.Configuration> {
    const { issuer, clientId, clientSecret } = this.settings;
    const server = new URL(issuer);
    return openid.discovery(
      server,
      clientId,
      undefined,
      clientSecret === null ? openid.None() : bySecret(clientSecret()),
      {
        timeout: this.#requestMs / 1_000,
        execute: server.protocol === 'http:' ? [openid.allowInsecureRequests] : [],
        [openid.customFetch]: this.#fetch,
      },
    );
  }

  readonly #fetch = (url: string, options: object): Promise<Response> =>
    fetch(url, { ...options, dispatcher: this.#agent });
}

/** As the provider's metadata say: in a header unless it takes the body only. */
function bySecret(secret: string): openid.ClientAuth {
  const [basic, post] = [openid.ClientSecretBasic(secret), openid.ClientSecretPost(secret)];
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return methods.includes('client_secret_basic') ? basic(server, ...rest) : post(server, ...rest);
  };
}

/** The library's error, or that of a request, in our words. */
function meaningOf(error: Error): OidcError {
  if (error instanceof OidcError) return error;
  if (error instanceof openid.AuthorizationResponseError)
    return error.error === 'access_denied'
      ? new OidcError('OIDC_DENIED', 'the sign-in was refused or cancelled there', error)
      : new OidcError('OIDC_FAILED', `it answered with ${error.error}`, error);
  if (error instanceof openid.ResponseBodyError)
    return error.error === 'invalid_grant'
      ? new OidcError('OIDC_STALE', 'the code is no longer valid', error)
      : new OidcError('OIDC_FAILED', `it answered with ${error.error}`, error);
  if (isUnreachable(error)) return new OidcError('OIDC_UNREACHABLE', reasonOf(error), error);
  return new OidcError('OIDC_FAILED', reasonOf(error), error);
}

/** A `TypeError` of fetch, or the library's own time-out. */
const isUnreachable = (error: Error): boolean =>
  error instanceof TypeError || ('code' in error && error.code === 'OAUTH_TIMEOUT');

const reasonOf = ({ message, cause }: Error): string =>
  cause instanceof Error && cause.message !== '' ? `${message}: ${cause.message}` : message;
