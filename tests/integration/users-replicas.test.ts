import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { openAccounts, type UsedAccounts } from '../../src/app/use-accounts.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { NatsBus } from '../../src/infra/nats/nats-bus.ts';
import { MOST_TRIES, SharedTries } from '../../src/infra/redis/shared-tries.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';
import { call, post, type Reply } from '../support/http-call.ts';
import { memoryLog } from '../support/log.ts';
import { type OwnServer, ownNats, ownRedis } from '../support/own-servers.ts';
import { until } from '../support/until.ts';

const PASSWORD = 'a good password';

interface Replica {
  readonly base: string;
  readonly bus: NatsBus;
  readonly tries: SharedTries;
  readonly used: UsedAccounts;
  readonly server: HttpServer;
  readonly log: ReturnType<typeof memoryLog>;
}

async function replica(nats: OwnServer, redis: OwnServer): Promise<Replica> {
  const log = memoryLog();
  const bus = await NatsBus.open({ url: `nats://127.0.0.1:${nats.port}`, startTimeoutMs: 30_000, log });
  const tries = new SharedTries({ url: `redis://127.0.0.1:${redis.port}`, log });
  const used = await openAccounts({ link: bus.link, limit: tries, log });
  const world = new FakeWorld();
  world.accounts = used.accounts;
  const server = await fakeServer(world);
  return { base: await server.listen('127.0.0.1', 0), bus, tries, used, server, log };
}

const cookieOf = (reply: Reply): string => (reply.headers.get('set-cookie') ?? '').split(';')[0] ?? '';

describe('two replicas over one NATS and one Redis', () => {
  const closers: (() => unknown)[] = [];
  const cleanUp = { after: (close: () => unknown) => void closers.push(close) };
  let nats: OwnServer;
  let redis: OwnServer;
  let [one, two]: Replica[] = [];
  before(async () => {
    nats = await ownNats(cleanUp, '');
    const found = await ownRedis({ ...cleanUp, skip: () => undefined }, '');
    assert.ok(found !== null, 'a real Redis');
    redis = found;
    [one, two] = await Promise.all([replica(nats, redis), replica(nats, redis)]);
    const { users, hasher } = one.used.accounts;
    const passwordHash = await hasher.hash(PASSWORD);
    await users.add({ name: 'root', role: 'admin', groups: null, passwordHash, identity: null });
    await users.add({ name: 'anna', role: 'viewer', groups: null, passwordHash, identity: null });
    await until('the users are known everywhere', () => two!.used.accounts.users.list().length === 2);
  });
  after(async () => {
    for (const each of [one, two]) {
      await each?.server.close();
      each?.used.close();
      each?.tries.close();
      await each?.bus.close();
    }
    for (const close of closers) await close();
  });

  const login = (at: Replica, user: string, password = PASSWORD): Promise<Reply> =>
    call(at.base, '/api/login', post({ user, password }));
  const statusAt = async (at: Replica, cookie: string): Promise<number> =>
    (await call(at.base, '/api/preferences', { headers: { cookie } })).status;

  it("take each other's sessions, and end them together", async () => {
    const [first, second] = [await login(one!, 'anna'), await login(two!, 'anna')];
    const cookies = [cookieOf(first), cookieOf(second)];
    for (const at of [one!, two!])
      for (const cookie of cookies) assert.equal(await statusAt(at, cookie), 200, 'at once, wherever it began');
    const out = await call(one!.base, '/api/logout', {
      method: 'POST',
      headers: {
        cookie: cookies[0] ?? '',
        'x-csrf-token': String(first.json['csrf']),
        'content-type': 'application/json',
      },
      body: '{"everywhere":true}',
    });
    assert.equal(out.status, 204, out.text);
    for (const cookie of cookies) {
      assert.equal(await statusAt(one!, cookie), 401);
      await until('it has ended there too', async () => (await statusAt(two!, cookie)) === 401);
    }
  });

  it("take each other's tickets, API tokens, preferences and one-time links, these once", async () => {
    const root = await login(one!, 'root');
    const headers = {
      cookie: cookieOf(root),
      'x-csrf-token': String(root.json['csrf']),
      'content-type': 'application/json',
    };
    const [a, b] = [one!.used.accounts, two!.used.accounts];
    assert.equal(await a.ticketSecret(), await b.ticketSecret());
    const put = { method: 'PUT', headers, body: '{"value":{"theme":"dark"}}' };
    assert.equal((await call(one!.base, '/api/preferences', put)).status, 200);
    assert.deepEqual((await call(two!.base, '/api/preferences', { headers })).json, { value: { theme: 'dark' } });
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const { token, record } = await a.tokens.add({ name: 'probe', role: 'viewer', groups: null, expiresAt }, 'root');
    const bearer = { headers: { authorization: `Bearer ${token}` } };
    await until('the token is known', async () => (await call(two!.base, '/api/cameras', bearer)).status === 200);
    await a.tokens.remove(record.id);
    await until('the token has ended', async () => (await call(two!.base, '/api/cameras', bearer)).status === 401);
    const reset = await call(one!.base, '/api/users/anna/reset', { method: 'POST', headers });
    const { link } = reset.json;
    const redeemed = await Promise.all(
      [one!, two!].map((at) => call(at.base, '/api/setup', post({ link, password: 'the next password' }))),
    );
    assert.deepEqual(redeemed.map(({ status }) => status).toSorted(), [200, 410]);
  });

  it('know their users while NATS is away, and again what changed when it is back', async () => {
    const root = await login(one!, 'root');
    await nats.kill();
    await until('NATS is away', () => one!.bus.state() !== 'connected' && two!.bus.state() !== 'connected');
    const session = (at: Replica) => call(at.base, '/api/session', { headers: { cookie: cookieOf(root) } });
    assert.equal(((await session(one!)).json['principal'] as { name?: string }).name, 'root');
    assert.equal((await login(one!, 'root')).status, 503, 'a new session cannot be kept');
    await nats.start('');
    await until('NATS is back', () => one!.bus.state() === 'connected' && two!.bus.state() === 'connected');
    const { users } = one!.used.accounts;
    await until('a change is taken', () => users.change('anna', { role: 'operator' }).catch(() => null));
    await until('it is known', () => two!.used.accounts.users.get('anna')?.role === 'operator');
  });

  it('count tries to sign in together, and each for itself while Redis is away', async () => {
    for (let count = 0; count < MOST_TRIES; count += 1)
      assert.equal((await login(count % 2 === 0 ? one! : two!, 'anna', 'a bad password')).status, 401, `try ${count}`);
    for (const at of [one!, two!]) {
      const refused = await login(at, 'anna', 'the next password');
      assert.deepEqual([refused.status, refused.json['code']], [429, 'TOO_MANY']);
      const seconds = Number(refused.headers.get('retry-after'));
      assert.ok(seconds >= 1 && seconds <= 60, `${seconds} s`);
    }
    await redis.kill();
    await until('Redis is away', () => one!.tries.notice() !== null);
    for (let count = 0; count < MOST_TRIES; count += 1)
      assert.equal((await login(one!, 'anna', 'a bad password')).status, 401, `try ${count} without Redis`);
    assert.equal((await login(one!, 'anna', 'the next password')).status, 429);
    assert.equal((await login(two!, 'anna', 'the next password')).status, 200, 'the other has not counted');
    const warnings = one!.log.lines.filter(
      ({ level, message }) => level === 'warn' && /tries to sign in/u.test(message),
    );
    assert.equal(warnings.length, 1);
  });

  it('write no secret to their logs', () => {
    const written = JSON.stringify([one!.log.lines, two!.log.lines]);
    for (const secret of [PASSWORD, 'the next password', 'gty_', 'argon2'])
      assert.ok(!written.includes(secret), secret);
  });
});
