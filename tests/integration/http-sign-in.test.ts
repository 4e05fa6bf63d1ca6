import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { AddressRanges } from '../../src/infra/address-ranges.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { aggregate } from '../support/http-samples.ts';
import { makeJpeg } from '../support/jpeg.ts';
import { call, post, type Reply } from '../support/http-call.ts';

const PASSWORD = 'a good password';

/** What a browser sends for a session. */
interface Client {
  readonly cookie: string;
  readonly csrf: string;
}

const cookieOf = (reply: Reply): string => (reply.headers.get('set-cookie') ?? '').split(';')[0] ?? '';

describe('HTTP with users', () => {
  const world = new FakeWorld().add('north');
  let server: Awaited<ReturnType<typeof fakeServer>>;
  let base = '';
  before(async () => {
    const { users, hasher } = world.accounts;
    const passwordHash = await hasher.hash(PASSWORD);
    await users.add({ name: 'root', role: 'admin', groups: null, passwordHash, identity: null });
    await users.add({ name: 'anna', role: 'viewer', groups: ['north'], passwordHash, identity: null });
    server = await fakeServer(world, { trustedProxies: new AddressRanges(['127.0.0.1']) });
    base = await server.listen('127.0.0.1', 0);
  });
  after(() => server.close());

  const login = async (user: string, password = PASSWORD): Promise<Client> => {
    const reply = await call(base, '/api/login', post({ user, password }));
    assert.equal(reply.status, 200, reply.text);
    return { cookie: cookieOf(reply), csrf: String(reply.json['csrf']) };
  };
  const as = ({ cookie, csrf }: Client, path: string, method = 'GET', body?: unknown): Promise<Reply> =>
    call(base, path, {
      method,
      headers: {
        cookie,
        'x-csrf-token': csrf,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const codeOf = (reply: Reply) => [reply.status, reply.json['code'] ?? null];

  it('asks everybody to sign in, except for the page, the probes and the way in', async () => {
    for (const path of ['/api/cameras', '/api/health', '/metrics', '/ws', '/api/users', '/api/preferences'])
      assert.deepEqual(codeOf(await call(base, path)), [401, 'UNAUTHORIZED'], path);
    for (const path of ['/', '/livez', '/api/session']) assert.equal((await call(base, path)).status, 200, path);
    const { json } = await call(base, '/api/session');
    assert.deepEqual(json, {
      principal: null,
      csrf: null,
      signIn: { password: true, oidc: null, accessToken: false },
      open: false,
      notice: null,
    });
  });

  it('signs in with a cookie that scripts and other sites do not get', async () => {
    const reply = await call(base, '/api/login', {
      ...post({ user: 'Anna', password: PASSWORD }),
      headers: { 'content-type': 'application/json', 'x-forwarded-proto': 'https' },
    });
    const cookie = reply.headers.get('set-cookie') ?? '';
    assert.match(cookie, /^gantry_session=[\w-]{43}; Max-Age=604800; Path=\/; HttpOnly; Secure; SameSite=Strict$/u);
    const { principal } = reply.json;
    assert.deepEqual(principal, { name: 'anna', role: 'viewer', groups: ['north'], via: 'session' });
    const plain = await call(base, '/api/login', post({ user: 'anna', password: PASSWORD }));
    assert.doesNotMatch(plain.headers.get('set-cookie') ?? '', /Secure/u);
    const session = await call(base, '/api/session', { headers: { cookie: cookieOf(plain) } });
    assert.deepEqual([session.json['principal'], session.json['csrf']], [principal, plain.json['csrf']]);
    const wrong = await call(base, '/api/login', post({ user: 'anna', password: 'a bad password' }));
    const unknown = await call(base, '/api/login', post({ user: 'nobody', password: 'a bad password' }));
    assert.deepEqual([codeOf(wrong), wrong.json], [[401, 'LOGIN_FAILED'], unknown.json]);
    assert.equal(wrong.headers.get('set-cookie'), null);
  });

  it('needs the CSRF token of the session for a change, and for nothing else', async () => {
    const client = await login('root');
    for (const csrf of ['', 'wrong', (await login('root')).csrf]) {
      const refused = await as({ ...client, csrf }, '/api/preferences', 'PUT', { value: {} });
      assert.deepEqual(codeOf(refused), [403, 'CSRF_REFUSED'], csrf);
      assert.equal((await as({ ...client, csrf }, '/api/cameras')).status, 200);
    }
    assert.equal((await as(client, '/api/preferences', 'PUT', { value: { theme: 'dark' } })).status, 200);
    assert.deepEqual((await as(client, '/api/preferences')).json, { value: { theme: 'dark' } });
    assert.deepEqual((await as(await login('anna'), '/api/preferences')).json, { value: {} }, 'each has their own');
    const large = await as(client, '/api/preferences', 'PUT', { value: { text: 'x'.repeat(33_000) } });
    assert.deepEqual([...codeOf(large), large.json['field']], [400, 'INVALID_FIELD', 'value']);
  });

  it('ends a session, or all of a user', async () => {
    const [one, other] = [await login('anna'), await login('anna')];
    assert.equal((await as(one, '/api/logout', 'POST')).status, 204);
    assert.equal((await as(one, '/api/cameras')).status, 401);
    assert.equal((await as(other, '/api/cameras')).status, 200);
    const third = await login('anna');
    assert.equal((await as(third, '/api/logout', 'POST', { everywhere: true })).status, 204);
    for (const client of [other, third]) assert.equal((await as(client, '/api/cameras')).status, 401);
  });

  it('lets admins for all cameras manage users, and nobody else', async () => {
    const [root, anna] = [await login('root'), await login('anna')];
    for (const [path, method, body] of [
      ['/api/users', 'GET'],
      ['/api/users', 'POST', { name: 'eve', role: 'admin' }],
      ['/api/users/anna', 'PATCH', { role: 'admin' }],
      ['/api/users/root', 'DELETE'],
      ['/api/users/root/reset', 'POST'],
      ['/api/tokens', 'GET'],
      ['/api/tokens', 'POST', { name: 'x', role: 'admin', expiresAt: '2030-01-01T00:00:00Z' }],
    ] as const)
      assert.deepEqual(codeOf(await as(anna, path, method, body)), [403, 'FORBIDDEN'], `${method} ${path}`);
    const added = await as(root, '/api/users', 'POST', { name: 'bob', role: 'operator', groups: ['north'] });
    assert.equal(added.status, 201, added.text);
    const { user, link } = added.json as { user?: Record<string, unknown>; link?: string };
    assert.deepEqual(
      { ...user, createdAt: null },
      {
        name: 'bob',
        role: 'operator',
        groups: ['north'],
        createdAt: null,
        lastLoginAt: null,
        sessions: 0,
        password: false,
        oidc: false,
      },
    );
    const again = await as(root, '/api/users', 'POST', { name: 'BOB', role: 'viewer' });
    assert.deepEqual(codeOf(again), [409, 'DUPLICATE_USER']);
    const redeemed = await call(base, '/api/setup', post({ link, password: 'the password of bob' }));
    assert.equal(redeemed.status, 200, redeemed.text);
    const twice = await call(base, '/api/setup', post({ link, password: 'the password of eve' }));
    assert.deepEqual([...codeOf(twice), twice.text.includes(String(link))], [410, 'LINK_INVALID', false]);
    const bob = { cookie: cookieOf(redeemed), csrf: String(redeemed.json['csrf']) };
    assert.equal((await as(root, '/api/users/bob', 'PATCH', { role: 'viewer' })).status, 200);
    const now = (await as(bob, '/api/session')).json['principal'] as Record<string, unknown>;
    assert.equal(now['role'], 'viewer', 'at once');
    const list = await as(root, '/api/users');
    assert.ok(!/hash|argon2|generation/u.test(list.text), list.text);
    assert.equal((await as(root, '/api/users/bob', 'DELETE')).status, 204);
    assert.equal((await as(bob, '/api/cameras')).status, 401);
    assert.deepEqual(codeOf(await as(root, '/api/users/bob', 'DELETE')), [404, 'UNKNOWN_USER']);
    assert.deepEqual(codeOf(await as(root, '/api/users/root', 'DELETE')), [409, 'LAST_ADMIN']);
  });

  it('takes API tokens, without CSRF token and until they are removed', async () => {
    const root = await login('root');
    const body = {
      name: 'probe',
      role: 'viewer',
      groups: [],
      expiresAt: new Date(Date.now() + 3_600_000).toISOString(),
    };
    const late = await as(root, '/api/tokens', 'POST', { ...body, expiresAt: '2020-01-01T00:00:00Z' });
    assert.deepEqual([...codeOf(late), late.json['field']], [400, 'INVALID_FIELD', 'expiresAt']);
    const made = await as(root, '/api/tokens', 'POST', body);
    assert.equal(made.status, 201, made.text);
    const { token, id } = made.json;
    const headers = { authorization: `Bearer ${String(token)}`, 'content-type': 'application/json' };
    assert.equal((await call(base, '/api/cameras', { headers })).status, 200);
    const put = { method: 'PUT', headers, body: '{"value":{}}' };
    assert.equal((await call(base, '/api/preferences', put)).status, 200);
    assert.ok(!(await as(root, '/api/tokens')).text.includes(String(token).slice(4)), 'shown once');
    assert.equal((await as(root, `/api/tokens/${String(id)}`, 'DELETE')).status, 204);
    assert.equal((await call(base, '/api/cameras', { headers })).status, 401);
  });

  it('gives tickets that end with the session behind them', async () => {
    const root = await login('root');
    const { ticket } = (await as(root, '/api/tickets', 'POST')).json;
    const frame = world.saw(aggregate('north'), await makeJpeg());
    const picture = async (): Promise<number> => {
      const reply = await fetch(`${base}/api/images/${frame.imageId}?ticket=${String(ticket)}`);
      await reply.arrayBuffer();
      return reply.status;
    };
    assert.equal(await picture(), 200);
    await as(root, '/api/logout', 'POST');
    assert.equal(await picture(), 401);
  });

  it('closes a WebSocket whose user has other rights', async (t) => {
    const { cookie } = await login('anna');
    const socket = new WebSocket(`${base.replace('http', 'ws')}/ws`, { headers: { cookie } });
    t.after(() => socket.terminate());
    await once(socket, 'open');
    const closed = once(socket, 'close');
    await world.accounts.users.change('anna', { groups: ['south'] });
    const [code, reason] = (await closed) as [number, Buffer];
    assert.deepEqual([code, String(reason)], [1008, 'your access changed: sign in again, or connect again']);
  });

  it('changes the own password, and keeps only the session that did', async () => {
    const [one, other] = [await login('anna'), await login('anna')];
    const wrong = await as(one, '/api/session/password', 'PUT', {
      current: 'a bad password',
      password: 'a new password',
    });
    assert.deepEqual([...codeOf(wrong), wrong.json['field']], [401, 'LOGIN_FAILED', 'current']);
    assert.ok(!wrong.text.includes('a bad password'));
    const changed = await as(one, '/api/session/password', 'PUT', { current: PASSWORD, password: 'a new password' });
    assert.equal(changed.status, 204, changed.text);
    assert.equal((await as(one, '/api/cameras')).status, 200);
    assert.equal((await as(other, '/api/cameras')).status, 401);
    await login('anna', 'a new password');
  });

  it('puts no secret into log and audit', () => {
    const written = JSON.stringify([server.lines, world.audited]);
    assert.ok(world.audited.some(({ action, who }) => action === 'login' && who === 'anna'));
    assert.ok(
      world.audited.some(({ action, who, role }) => action === 'login.failed' && who === 'nobody' && role === null),
    );
    for (const secret of [PASSWORD, 'a new password', 'gty_', 'argon2']) assert.ok(!written.includes(secret), secret);
  });
});

describe('HTTP without users', () => {
  it('is open, says so, and asks to sign in from the first user on', async (t) => {
    const world = new FakeWorld();
    const server = await fakeServer(world);
    t.after(() => server.close());
    const base = await server.listen('127.0.0.1', 0);
    const session = await call(base, '/api/session');
    assert.deepEqual([session.json['open'], typeof session.json['notice']], [true, 'string']);
    assert.deepEqual(session.json['principal'], { name: 'anyone', role: 'admin', groups: null, via: 'open' });
    assert.equal((await call(base, '/api/cameras')).status, 200);
    const link = await world.accounts.links.make(null);
    const made = await call(base, '/api/setup', post({ link, user: 'me', password: PASSWORD }));
    assert.equal(made.status, 200, made.text);
    assert.equal((await call(base, '/api/cameras')).status, 401);
    assert.equal((await call(base, '/api/cameras', { headers: { cookie: cookieOf(made) } })).status, 200);
  });
});
