import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { ACCESS_TOKEN, ANYONE, type Principal } from '../../messages/principal.ts';
import type { Accounts } from '../../users/accounts.ts';
import { csrfOf } from '../../users/secrets.ts';
import { HttpError } from '../errors/http-error.ts';
import { SESSION_COOKIE } from './session-cookie.ts';
import type { Credential, Tickets } from './tickets.ts';

/** Somebody who is signed in, and how. */
export interface SignedIn {
  readonly principal: Principal;
  readonly credential: Credential;
  /** The CSRF token of a session; null for every other way in, which no page of another site can use. */
  readonly csrf: string | null;
}

export interface AuthenticatorOptions {
  /** The access token of the environment; null for none. */
  readonly token: string | null;
  /** Nobody gets in without signing in, even while there are no users. */
  readonly closed: boolean;
  readonly accounts: Accounts;
  readonly tickets: Tickets;
}

/** Routes that take a ticket in the query, since a browser cannot send a header there. */
const TICKET_ROUTES: ReadonlySet<string> = new Set([
  '/api/images/:imageId',
  '/api/alerts/:id/clip.mp4',
  '/api/cameras/:id/snapshot.jpg',
  '/ws',
  '/ws/live/:cameraId',
]);
const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Decided by the matched route, never by the raw path, which can be written in many ways. */
const needsSignIn = ({ routeOptions: { url, config } }: FastifyRequest): boolean =>
  url !== undefined && config.access !== 'public';

/** Finds out who makes a request. Answers from memory, except about a session that another node has just begun. */
export class Authenticator {
  readonly #expected: Buffer | null;
  readonly #closed: boolean;
  readonly #accounts: Accounts;
  readonly #tickets: Tickets;

  constructor({ token, closed, accounts, tickets }: AuthenticatorOptions) {
    this.#expected = token === null ? null : digest(token);
    this.#closed = closed;
    this.#accounts = accounts;
    this.#tickets = tickets;
  }

  /** Whether anybody may do everything: there is neither an access token nor a user, nor an identity provider. */
  get open(): boolean {
    return !this.#closed && this.#expected === null && !this.#accounts.users.any;
  }

  get hasToken(): boolean {
    return this.#expected !== null;
  }

  /** Null where nobody is signed in and nobody needs to be. Rejects `UNAUTHORIZED`, `CSRF_REFUSED`. */
  async identify(request: FastifyRequest): Promise<SignedIn | null> {
    if (this.open) return { principal: ANYONE, credential: { via: 'open' }, csrf: null };
    const needed = needsSignIn(request);
    if (needed && inQuery(request, 'token') !== undefined) throw tokenInAddress();
    const bearer = /^bearer +(\S+)$/iu.exec(request.headers.authorization ?? '')?.[1];
    if (bearer !== undefined) {
      const found = this.#ofBearer(bearer);
      if (found === null && needed) throw this.#unauthorized();
      return found;
    }
    const found = await this.#ofSession(request);
    if (found !== null) {
      if (needed && !READING.has(request.method)) checkCsrf(request, found.csrf);
      return found;
    }
    if (!needed) return null;
    const ticket = TICKET_ROUTES.has(request.routeOptions.url ?? '') ? inQuery(request, 'ticket') : undefined;
    if (ticket === undefined) throw this.#unauthorized();
    return this.#ofTicket(ticket);
  }

  /** The principal of a credential as it is now; null when it has ended. */
  principalOf(credential: Credential): Principal | null {
    switch (credential.via) {
      case 'open':
        return this.open ? ANYONE : null;
      case 'access-token':
        return this.hasToken ? ACCESS_TOKEN : null;
      case 'session':
        return this.#accounts.sessions.named(credential.key)?.principal ?? null;
      case 'api-token':
        return this.#accounts.tokens.named(credential.key)?.principal ?? null;
    }
  }

  /** Notes that the credential is in use, so that its session does not end as an idle one. */
  touch(credential: Credential): void {
    if (credential.via === 'session') this.#accounts.sessions.touch(credential.key);
    if (credential.via === 'api-token') this.#accounts.tokens.touch(credential.key);
  }

  #ofBearer(bearer: string): SignedIn | null {
    if (this.#expected !== null && timingSafeEqual(digest(bearer), this.#expected))
      return { principal: ACCESS_TOKEN, credential: { via: 'access-token' }, csrf: null };
    const found = this.#accounts.tokens.find(bearer);
    if (found === null) return null;
    const credential = { via: 'api-token', key: found.key } as const;
    this.touch(credential);
    return { principal: found.principal, credential, csrf: null };
  }

  async #ofSession(request: FastifyRequest): Promise<SignedIn | null> {
    const secret = request.cookies[SESSION_COOKIE];
    const found = secret === undefined ? null : await this.#accounts.sessions.find(secret);
    if (found === null || secret === undefined) return null;
    const credential = { via: 'session', key: found.key } as const;
    this.touch(credential);
    return { principal: found.principal, credential, csrf: csrfOf(secret) };
  }

  #ofTicket(ticket: unknown): SignedIn {
    const credential = typeof ticket === 'string' ? this.#tickets.read(ticket) : null;
    const principal = credential === null ? null : this.principalOf(credential);
    if (credential === null || principal === null)
      throw unauthorized('ticket: is not valid (any more); get a new one with POST /api/tickets', 'ticket');
    return { principal, credential, csrf: null };
  }

  #unauthorized(): HttpError {
    return this.#accounts.users.any
      ? unauthorized('session: sign in with POST /api/login, or send "Authorization: Bearer TOKEN"', 'session')
      : unauthorized('token: is missing or wrong; send "Authorization: Bearer TOKEN"', 'token');
  }
}

/** How the caller of a route that needs it is signed in. Throws `UNAUTHORIZED` where nobody is. */
export function signedInOf({ signedIn }: Pick<FastifyRequest, 'signedIn'>): SignedIn {
  if (signedIn === null) throw unauthorized('session: sign in first', 'session');
  return signedIn;
}

function checkCsrf(request: FastifyRequest, expected: string | null): void {
  const sent = request.headers['x-csrf-token'];
  if (expected !== null && typeof sent === 'string' && timingSafeEqual(digest(sent), digest(expected))) return;
  throw new HttpError('CSRF_REFUSED', 'x-csrf-token: must be the csrf of GET /api/session', { field: 'x-csrf-token' });
}

const tokenInAddress = (): HttpError =>
  unauthorized(
    'token: is not accepted in the address, which logs keep; send "Authorization: Bearer TOKEN", or where no ' +
      'header can be sent (pictures, WebSockets) ?ticket= with a ticket of POST /api/tickets',
    'token',
  );

const unauthorized = (message: string, field: string): HttpError =>
  new HttpError('UNAUTHORIZED', message, { field, headers: { 'www-authenticate': 'Bearer realm="gantry"' } });

/** Undefined when absent; a list when given more than once. */
export function inQuery(request: FastifyRequest, name: string): unknown {
  const query: unknown = request.query;
  return typeof query === 'object' && query !== null ? Reflect.get(query, name) : undefined;
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
