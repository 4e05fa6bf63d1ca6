import assert from 'node:assert/strict';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test, type TestContext } from 'node:test';
import { SessionCookies } from '../../src/http/access/session-cookie.ts';
import { oidcRoutes } from '../../src/http/resources/oidc-routes.ts';
import { AddressRanges } from '../../src/infra/address-ranges.ts';
import { OidcClient } from '../../src/oidc/oidc-client.ts';
import type { RoleRule } from '../../src/oidc/role-rules.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { AccountError } from '../../src/users/account-error.ts';
import type { ExternalLogin } from '../../src/users/session-issuer.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { type LogLine, memoryLog } from '../support/log.ts';
import { CLIENT, identityServer, startProvider, TinyBrowser } from '../support/identity-provider.ts';

const RULES: readonly RoleRule[] = [
  { claim: 'groups', value: 'bosses', role: 'admin' },
  { claim: 'groups', value: 'north', role: 'operator', groups: ['North'] },
];
const PEOPLE = new Map([
  ['alice-id', { preferred_username: 'alice', groups: ['north', 'skiing'] }],
  ['bob-id', { preferred_username: 'bob', groups: ['skiing'] }],
  ['mallory-id', { preferred_username: 'taken', groups: ['bosses'] }],
]);

interface Place {
  readonly url: string;
  readonly world: FakeWorld;
  readonly logins: ExternalLogin[];
  readonly lines: readonly LogLine[];
  readonly close: () => Promise<void>;
}

/** A server with the routes, in front of `issuer`. `Taken` cannot be signed in. */
async function gantry(issuer: string, basePath: string, over: { ms?: number; secret?: string } = {}): Promise<Place> {
  const world = new FakeWorld();
  const logins: ExternalLogin[] = [];
  const trusted = new AddressRanges(['127.0.0.1']);
  const server = await fakeServer(world, { basePath, trustedProxies: trusted });
  const settings = { issuer, clientId: CLIENT.id, label: 'City', scope: 'openid profile email', rules: RULES };
  const clientSecret = (): string => over.secret ?? CLIENT.secret;
  const oidc = new OidcClient({ ...settings, clientSecret }, systemClock, over.ms ?? 30_000);
  oidcRoutes(server.app, {
    oidc,
    issuer: {
      issue: async (login) => {
        if (login.name === 'taken') throw new AccountError('LOGIN_FAILED', 'the user or the password is wrong');
        logins.push(login);
        const { role, groups } = login.rights ?? assert.fail();
        return { secret: 's3cret', csrf: 'c', principal: { name: login.name, role, groups, via: 'session' } };
      },
    },
    cookies: new SessionCookies(basePath, trusted),
    trusted,
    basePath,
    clock: systemClock,
    log: memoryLog(),
  });
  const url = await server.listen('127.0.0.1', 0);
  return {
    url: `${url}${basePath}`,
    world,
    logins,
    lines: server.lines,
    close: () => Promise.all([server.close(), oidc.close()]).then(() => undefined),
  };
}

let identity: Awaited<ReturnType<typeof identityServer>>;
let place: Place;
before(async () => {
  identity = await identityServer();
  place = await gantry(identity.issuer, '/city');
  startProvider(identity, `${place.url}/api/login/oidc/callback`, PEOPLE);
});
after(async () => {
  await place.close();
  identity.server.closeAllConnections();
  identity.server.close();
});

const begin = async (browser: TinyBrowser, to = ''): Promise<string> =>
  TinyBrowser.next(await browser.open(`${place.url}/api/login/oidc${to}`));

test('somebody with a role is signed in, lands where they wanted, and each code works once', async () => {
  const browser = new TinyBrowser();
  const start = await begin(browser, `?to=${encodeURIComponent('#/alerts?level=high')}`);
  const asked = new URL(start).searchParams;
  assert.equal(asked.get('code_challenge_method'), 'S256');
  assert.ok((asked.get('state') ?? '').length > 20 && (asked.get('nonce') ?? '').length > 20);
  assert.match(
    browser.setCookies[0] ?? '',
    /^gantry_oidc=\S+; Max-Age=600; Path=\/city\/api\/login\/oidc; HttpOnly; SameSite=Lax$/u,
  );

  const callback = await browser.signInAt(identity.issuer, start, 'alice-id');
  assert.ok(callback.startsWith(`${place.url}/api/login/oidc/callback?`), callback);
  const stolen = await new TinyBrowser().open(callback);
  assert.equal(stolen.status, 400, 'another browser has not begun it');
  const done = await browser.open(callback);
  assert.equal(done.status, 302, await done.text());
  assert.equal(done.headers.get('location'), '/city/#/alerts?level=high');
  assert.match(
    browser.setCookies.at(-1) ?? '',
    /^gantry_session=s3cret; Max-Age=\d+; Path=\/city; HttpOnly; SameSite=Strict$/u,
  );
  assert.deepEqual(place.logins, [
    {
      name: 'alice',
      identity: { issuer: identity.issuer, subject: 'alice-id' },
      rights: { role: 'operator', groups: ['North'] },
    },
  ]);
  const [entry] = place.world.audited;
  assert.deepEqual(
    [entry?.action, entry?.who, entry?.role, entry?.via, entry?.address],
    ['login', 'alice', 'operator', 'session', '127.0.0.1'],
  );
  const again = await browser.open(callback);
  assert.equal(again.status, 400);
  assert.match(await again.text(), /Begin again/u);
  assert.equal(place.logins.length, 1);
});

test('who has no role, or the name of another user, is told so in their language', async () => {
  place.world.audited.length = 0;
  for (const [person, words, who] of [
    ['bob-id', /bob 在 Gantry 中没有角色/u, 'bob'],
    ['mallory-id', /City 认识 taken/u, 'taken'],
  ] as const) {
    const browser = new TinyBrowser();
    const callback = await browser.signInAt(identity.issuer, await begin(browser), person);
    const reply = await browser.open(callback, undefined, 'text/html', 'zh-CN');
    assert.equal(reply.status, 403);
    assert.match(await reply.text(), words);
    assert.ok(!browser.setCookies.some((line) => line.startsWith('gantry_session')));
    const { action, target, role } = place.world.audited.at(-1) ?? assert.fail();
    assert.deepEqual([action, target, role], ['login.failed', who, null]);
  }
});

test('a sign-in cancelled at the provider is no failure of it', async () => {
  const browser = new TinyBrowser();
  const callback = await browser.signInAt(identity.issuer, await begin(browser), '', true);
  const reply = await browser.open(callback, undefined, 'application/json');
  assert.equal(reply.status, 403);
  assert.equal(((await reply.json()) as { code: string }).code, 'OIDC_DENIED');
});

test('an answer to another sign-in of the same browser is refused', async () => {
  const browser = new TinyBrowser();
  const first = await browser.signInAt(identity.issuer, await begin(browser), 'alice-id');
  await begin(browser);
  const reply = await browser.open(first, undefined, 'application/json');
  assert.deepEqual([reply.status, ((await reply.json()) as { code: string }).code], [400, 'OIDC_STALE']);
});

test('a place outside our page is refused; TLS in front is told to the provider and the cookie', async () => {
  const reply = await fetch(`${place.url}/api/login/oidc?to=https://evil.example`, { redirect: 'manual' });
  assert.deepEqual([reply.status, ((await reply.json()) as { field: string }).field], [400, 'to']);
  const secure = await fetch(`${place.url}/api/login/oidc`, {
    redirect: 'manual',
    headers: { 'x-forwarded-proto': 'https' },
  });
  const location = new URL(secure.headers.get('location') ?? '');
  assert.match(
    location.searchParams.get('redirect_uri') ?? '',
    /^https:\/\/127\.0\.0\.1:\d+\/city\/api\/login\/oidc\/callback$/u,
  );
  assert.match(secure.headers.getSetCookie()[0] ?? '', /; Secure/u);
});

/** A provider that answers as `listener` does. */
async function strangeProvider(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a provider that is away, hangs, or answers nonsense is told of on a page, and tried again', async (t) => {
  let answer: RequestListener = (_request, response) => void response.writeHead(500).end('oops');
  const issuer = await strangeProvider(t, (request, response) => answer(request, response));
  const [here, hasty] = [await gantry(issuer, ''), await gantry(issuer, '', { ms: 300 })];
  t.after(() => Promise.all([here.close(), hasty.close()]));
  const open = async (accept = 'text/html', { url } = here): Promise<[number, string]> => {
    const reply = await new TinyBrowser().open(`${url}/api/login/oidc`, undefined, accept);
    return [reply.status, await reply.text()];
  };
  const [failed, page] = await open();
  assert.equal(failed, 502);
  assert.match(page, /<h1>You are not signed in<\/h1><p>City did not answer as it should/u);
  answer = () => undefined;
  assert.equal((await open('text/html', hasty))[0], 503);
  answer = (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end('x'.repeat(2_000_000));
  assert.ok((await open())[0] >= 502);
  answer = (request) => void request.socket.destroy();
  const [away, body] = await open('application/json');
  assert.deepEqual([away, (JSON.parse(body) as { code: string }).code], [503, 'OIDC_UNREACHABLE']);
  const metadata = { issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token` };
  answer = (_request, response) =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(metadata));
  const [back] = await open();
  assert.equal(back, 302, 'it is asked anew');
});

test('a token that the provider refuses, or that is forged, signs nobody in', async (t) => {
  const replies: Record<string, () => object> = {};
  const issuer = await strangeProvider(t, (request, response) => {
    const body = replies[(request.url ?? '').split('?')[0] ?? '']?.() ?? {};
    response.writeHead('error' in body ? 401 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  });
  replies['/.well-known/openid-configuration'] = () => ({
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/keys`,
  });
  const here = await gantry(issuer, '');
  t.after(here.close);
  const callback = async (): Promise<[number, string]> => {
    const browser = new TinyBrowser();
    const start = new URL(TinyBrowser.next(await browser.open(`${here.url}/api/login/oidc`)));
    const answer = `${here.url}/api/login/oidc/callback?code=x&state=${start.searchParams.get('state')}`;
    replies['/token'] ??= () => ({ error: 'invalid_client' });
    const reply = await browser.open(answer, undefined, 'application/json');
    return [reply.status, await reply.text()];
  };
  const [refused, text] = await callback();
  assert.equal(refused, 502);
  assert.match(text, /invalid_client/u);
  assert.ok(!text.includes(CLIENT.secret));
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = {
    iss: issuer,
    aud: CLIENT.id,
    sub: 'alice-id',
    iat: Date.now() / 1_000,
    exp: Date.now() / 1_000 + 60,
  };
  const forged = `${part({ alg: 'none' })}.${part({ ...claims, nonce: 'x' })}.`;
  replies['/token'] = () => ({ access_token: 'a', token_type: 'bearer', id_token: forged });
  assert.equal((await callback())[0], 502);
  assert.deepEqual(here.logins, []);
});

test('a server with a provider is closed before its first user, and offers the provider', async (t) => {
  const settings = { issuer: identity.issuer, clientId: CLIENT.id, clientSecret: null, label: 'City', scope: 'openid' };
  const oidc = new OidcClient({ ...settings, rules: RULES }, systemClock);
  const server = await fakeServer(new FakeWorld(), { oidc });
  t.after(() => Promise.all([server.close(), oidc.close()]));
  const get = (url: string) => server.app.inject({ url, headers: { host: 'localhost' } });
  const session = (await get('/api/session')).json<{ open: boolean; signIn: object }>();
  assert.equal(session.open, false);
  assert.deepEqual(session.signIn, { password: false, oidc: { label: 'City' }, accessToken: false });
  assert.equal((await get('/api/cameras')).statusCode, 401);
  const begun = await get('/api/login/oidc');
  assert.ok(begun.headers.location?.startsWith(`${identity.issuer}/auth?`));
});
