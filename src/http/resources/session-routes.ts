import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import { AccountError } from '../../users/account-error.ts';
import type { Accounts } from '../../users/accounts.ts';
import type { IssuedSession } from '../../users/session-issuer.ts';
import type { Authenticator } from '../access/authenticator.ts';
import type { SessionCookies } from '../access/session-cookie.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import { clientOf } from '../intake/client-address.ts';
import {
  LoginBody,
  LogoutBody,
  PasswordBody,
  SessionReply,
  SetupBody,
  SignedInReply,
} from '../schemas/accounts-schema.ts';
import type { App } from '../server.types.ts';

export interface SessionRoutesDeps {
  readonly accounts: Accounts;
  readonly authenticator: Authenticator;
  readonly cookies: SessionCookies;
  readonly trusted: AddressRanges;
  /** How the page names the identity provider; null or absent: there is none. */
  readonly oidc?: { readonly label: string } | null;
}

const tags = ['access'];
const open = { tags, security: [] };
const forAll = { access: 'public', scope: 'none' } as const;
const signedInOnly = { access: 'viewer', scope: 'none' } as const;
const OPEN_NOTICE =
  'This server is open: anybody who reaches it may see and change everything. ' +
  'Make a user (npm run gantry -- users add NAME --role admin) to close it.';

/** `/api/session`, `/api/login`, `/api/logout`, `/api/setup`: the ways in and out. */
export function sessionRoutes(app: App, deps: SessionRoutesDeps): void {
  app.get(
    '/api/session',
    {
      config: forAll,
      schema: { ...open, summary: 'Who is signed in, and how one can sign in', response: { 200: SessionReply } },
    },
    async ({ signedIn }) => sessionView(deps, signedIn),
  );
  loginRoutes(app, deps);
  ownSessionRoutes(app, deps);
}

function sessionView({ authenticator, accounts, oidc }: SessionRoutesDeps, signedIn: FastifyRequest['signedIn']) {
  return {
    principal: signedIn?.principal ?? null,
    csrf: signedIn?.csrf ?? null,
    signIn: { password: accounts.users.any, oidc: oidc ?? null, accessToken: authenticator.hasToken },
    open: authenticator.open,
    notice: authenticator.open ? OPEN_NOTICE : null,
  };
}

function loginRoutes(app: App, { accounts, cookies, trusted }: SessionRoutesDeps): void {
  const welcome = (request: FastifyRequest, reply: FastifyReply, { secret, csrf, principal }: IssuedSession) => {
    cookies.set(request, reply, secret);
    return { principal, csrf };
  };
  const actorOf = ({ principal: { name, role, via } }: IssuedSession) => ({ who: name, role, via });

  app.post(
    '/api/login',
    {
      config: forAll,
      schema: {
        ...open,
        summary: 'Signs in with a password; at most 10 tries a minute for one user and address',
        body: LoginBody,
        response: { 200: SignedInReply, ...errorReplies(400, 401, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const { user, password } = request.body;
      try {
        const issued = await accounts.signIn.withPassword(user, password, clientOf(request, trusted));
        request.audit({ action: 'login', target: issued.principal.name, actor: actorOf(issued) });
        return welcome(request, reply, issued);
      } catch (thrown) {
        if (thrown instanceof AccountError && thrown.code === 'LOGIN_FAILED')
          request.audit({ action: 'login.failed', target: user, actor: { who: user, role: null, via: 'session' } });
        throw thrown;
      }
    },
  );

  app.post(
    '/api/setup',
    {
      config: forAll,
      schema: {
        ...open,
        summary: 'Redeems a one-time link: makes the first administrator, or sets a password; then signs in',
        body: SetupBody,
        response: { 200: SignedInReply, ...errorReplies(400, 409, 410, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const { link, user, password } = request.body;
      const issued = await accounts.signIn.withLink(link, user ?? null, password);
      request.audit({ action: 'user.setup', target: issued.principal.name, actor: actorOf(issued) });
      return welcome(request, reply, issued);
    },
  );
}

function ownSessionRoutes(app: App, { accounts, cookies, trusted }: SessionRoutesDeps): void {
  app.post(
    '/api/logout',
    {
      config: signedInOnly,
      schema: {
        tags,
        summary: 'Ends this session, or all sessions of its user',
        body: LogoutBody,
        response: { 204: z.undefined(), ...errorReplies(400, 401, 403, 413, 415, 503) },
      },
    },
    async (request, reply) => {
      const { credential, principal } = request.signedIn ?? {};
      const everywhere = request.body?.everywhere ?? false;
      if (credential?.via === 'session') {
        await accounts.sessions.end(credential.key);
        if (everywhere && principal !== undefined) await accounts.sessions.endAll(principal.name);
      }
      request.audit({ action: 'logout', target: request.principal.name, after: { everywhere } });
      cookies.clear(request, reply);
      return reply.code(204).send();
    },
  );

  app.put(
    '/api/session/password',
    {
      config: signedInOnly,
      schema: {
        tags,
        summary: "Changes one's own password; ends one's other sessions",
        body: PasswordBody,
        response: { 204: z.undefined(), ...errorReplies(400, 401, 403, 413, 415, 429, 503) },
      },
    },
    async (request, reply) => {
      const { name, via } = request.principal;
      const credential = request.signedIn?.credential;
      if (credential?.via !== 'session')
        throw new HttpError('FORBIDDEN', 'session: only a signed-in user has a password', {
          field: 'session',
          value: via,
        });
      await accounts.signIn.changePassword(name, request.body, clientOf(request, trusted), credential.key);
      request.audit({ action: 'user.password', target: name });
      return reply.code(204).send();
    },
  );
}
