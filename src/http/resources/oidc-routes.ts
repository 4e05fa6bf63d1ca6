import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import { redactText } from '../../infra/redact.ts';
import type { OidcClient, Vouched } from '../../oidc/oidc-client.ts';
import { OidcError } from '../../oidc/oidc-error.ts';
import { rightsOf } from '../../oidc/role-rules.ts';
import type { ActorLog } from '../../runtime/actor.ts';
import type { Clock } from '../../runtime/clock.ts';
import { AccountError } from '../../users/account-error.ts';
import { UserName } from '../../users/account-records.ts';
import type { IssuedSession, SessionIssuer } from '../../users/session-issuer.ts';
import { OidcCookie, PagePlace } from '../access/oidc-cookie.ts';
import { overTls, publicOrigin } from '../access/public-origin.ts';
import type { SessionCookies } from '../access/session-cookie.ts';
import { languageOf, refusedPage } from '../access/refused-page.ts';
import { HttpError } from '../errors/http-error.ts';
import { errorReplies } from '../errors/replies.ts';
import type { App } from '../server.types.ts';

export interface OidcRoutesDeps {
  readonly oidc: Pick<OidcClient, 'begin' | 'finish' | 'settings'>;
  readonly issuer: SessionIssuer;
  readonly cookies: Pick<SessionCookies, 'set'>;
  readonly trusted: AddressRanges;
  readonly basePath: string;
  readonly clock: Clock;
  readonly log: ActorLog;
}

const CALLBACK = '/api/login/oidc/callback';
const tags = ['access'];

/** `/api/login/oidc` and its callback: sign-in by an identity provider. People come here, so refusals are pages. */
export function oidcRoutes(app: App, deps: OidcRoutesDeps): void {
  const { oidc, basePath, clock, trusted } = deps;
  const cookie = new OidcCookie(basePath);
  const redirectUri = (request: FastifyRequest): string => `${publicOrigin(request, trusted)}${basePath}${CALLBACK}`;

  app.get(
    '/api/login/oidc',
    {
      config: { access: 'public', scope: 'none' },
      schema: {
        tags,
        summary: 'Sends the browser to the identity provider',
        querystring: z.strictObject({
          to: PagePlace.default('#/').meta({ description: 'Place on the page after it' }),
        }),
        response: { 302: z.null(), ...errorReplies(400, 502, 503) },
      },
    },
    async (request, reply) => {
      try {
        const { url, pending } = await oidc.begin(redirectUri(request));
        cookie.set(reply, { ...pending, to: request.query.to, begunAt: clock.now() }, overTls(request, trusted));
        return await reply.code(302).header('location', url).send(null);
      } catch (thrown) {
        return refuse(request, reply, thrown, '', deps);
      }
    },
  );

  app.get(
    CALLBACK,
    {
      config: { access: 'public', scope: 'none' },
      schema: {
        tags,
        summary: 'Signs in whoever comes back from the identity provider',
        // The provider adds what it likes.
        querystring: z.record(z.string(), z.unknown()),
        response: { 302: z.null(), ...errorReplies(400, 403, 502, 503) },
      },
    },
    async (request, reply) => {
      let who = '';
      try {
        const begun = cookie.read(request, clock.now());
        cookie.clear(reply, overTls(request, trusted));
        if (begun === null) throw new OidcError('OIDC_STALE', 'this browser has begun no sign-in, or too long ago');
        const query = request.url.includes('?') ? request.url.slice(request.url.indexOf('?')) : '';
        const vouched = await oidc.finish(new URL(`${redirectUri(request)}${query}`), begun);
        who = nameOf(vouched);
        const session = await sessionOf(vouched, who, deps);
        deps.cookies.set(request, reply, session.secret);
        const { name, role } = session.principal;
        const actor = { who: name, role, via: 'session' } as const;
        request.audit({ action: 'login', target: name, actor, after: { by: oidc.settings.label } });
        return await reply.code(302).header('location', `/${begun.to}`).send(null);
      } catch (thrown) {
        return refuse(request, reply, thrown, who, deps);
      }
    },
  );
}

/** Rejects `OIDC_NO_ROLE`, `OIDC_NOT_A_USER`; `BUS_DOWN`. */
async function sessionOf(
  { issuer, subject, claims }: Vouched,
  name: string,
  { oidc, issuer: sessions }: OidcRoutesDeps,
): Promise<IssuedSession> {
  const { rules } = oidc.settings;
  const rights = rules === null ? null : rightsOf(claims, rules);
  if (rules !== null && rights === null) throw new OidcError('OIDC_NO_ROLE', `no rule gives a role to ${name}`);
  try {
    return await sessions.issue({ name, identity: { issuer, subject }, rights });
  } catch (thrown) {
    if (thrown instanceof AccountError) throw new OidcError('OIDC_NOT_A_USER', thrown.message, thrown);
    throw thrown;
  }
}

/** The name of the user here. An unverified address is no name: anybody could have typed it. */
function nameOf({ subject, claims }: Vouched): string {
  const candidates = [claims['preferred_username'], claims['email_verified'] === true ? claims['email'] : null];
  return candidates.map((each) => UserName.safeParse(each).data).find((each) => each !== undefined) ?? subject;
}

/** Answers a browser with a page, and a program with an error. */
function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  thrown: unknown,
  who: string,
  { oidc, basePath, log }: OidcRoutesDeps,
): FastifyReply {
  if (!(thrown instanceof OidcError)) throw thrown;
  const { label } = oidc.settings;
  const { code } = thrown;
  const error = new HttpError(code, `${label}: ${redactText(thrown.message)}`, { cause: thrown });
  log.warn({ code, who, err: error.message }, `a sign-in by ${label} failed: ${error.message}`);
  if (who !== '')
    request.audit({
      action: 'login.failed',
      target: who,
      actor: { who, role: null, via: 'open' },
      after: { by: label },
    });
  const { accept = '', 'accept-language': languages } = request.headers;
  if (!accept.includes('text/html')) throw error;
  const language = languageOf(languages);
  return reply
    .code(error.statusCode)
    .type('text/html; charset=utf-8')
    .serializer(String)
    .send(refusedPage(code, { at: label, who, language, basePath }));
}
