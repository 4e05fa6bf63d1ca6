import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { MOST_ACCOUNTS } from '../../src/users/account-records.ts';
import { LINK_LIFE_MS } from '../../src/users/one-time-links.ts';
import { PasswordHasher } from '../../src/users/password-hasher.ts';
import { fingerprint, newSecret, userKey } from '../../src/users/secrets.ts';
import { IDLE_MS, LONGEST_MS, RENEW_MS } from '../../src/users/sessions.ts';
import type { NewUser, UserChange } from '../../src/users/user-directory.ts';
import { memoryAccounts, memoryStores } from '../support/memory-accounts.ts';

const DAY = 24 * 3_600_000;
const ADMIN = { name: 'root', role: 'admin', groups: null, passwordHash: null, identity: null } as const;
const anna: NewUser = { ...ADMIN, name: 'Anna', role: 'viewer', groups: ['north'] };

/** Accounts on a clock that stands still, with an administrator. */
async function world() {
  const clock = new ManualClock();
  const stores = memoryStores();
  const accounts = memoryAccounts(clock, stores);
  const admin = await accounts.users.add(ADMIN);
  const { users, sessions, tokens, links, signIn, hasher, preferences } = accounts;
  return { clock, stores, accounts, admin, users, sessions, tokens, links, signIn, hasher, preferences };
}

describe('users', () => {
  it('have one record however their name is written', async () => {
    const { users } = await world();
    await users.add(anna);
    assert.equal(users.get('ANNA')?.name, 'Anna');
    await assert.rejects(users.add({ ...anna, name: 'anna' }), { code: 'DUPLICATE_USER', field: 'name' });
    for (const name of ['anyone', 'Access-Token'])
      await assert.rejects(users.add({ ...anna, name }), { code: 'DUPLICATE_USER' }, name);
    assert.equal(userKey('Ä'), userKey('a\u0308'), 'composed or not');
  });

  it('keep somebody who can manage them', async () => {
    const { users } = await world();
    const changes: UserChange[] = [{ role: 'operator' }, { groups: ['north'] }];
    for (const change of changes) await assert.rejects(users.change('root', change), { code: 'LAST_ADMIN' });
    await assert.rejects(users.remove('root'), { code: 'LAST_ADMIN' });
    await users.add({ ...ADMIN, name: 'second' });
    await users.remove('root');
    assert.deepEqual(
      users.list().map(({ name }) => name),
      ['second'],
    );
    await assert.rejects(memoryAccounts().users.add(anna), { code: 'LAST_ADMIN', field: 'role' }, 'the first one');
  });

  it('do not open the server when their list is lost', async () => {
    const { users, stores } = await world();
    assert.equal(users.any, true);
    stores.users.entries.clear();
    assert.deepEqual([users.any, users.empty], [true, true]);
  });

  it('are at most a thousand', async () => {
    const { users, stores, admin } = await world();
    for (let index = 1; index < MOST_ACCOUNTS.users; index += 1) stores.users.entries.set(`u${index}`, admin);
    await assert.rejects(users.add(anna), { code: 'TOO_MANY_USERS' });
  });
});

describe('a session', () => {
  it('ends twelve hours after its last use, and a week after its login', async () => {
    const { clock, sessions, admin } = await world();
    const { secret } = await sessions.begin(admin);
    const key = fingerprint(secret);
    await clock.advance(IDLE_MS - 1);
    assert.equal((await sessions.find(secret))?.principal.name, 'root');
    sessions.touch(key);
    await clock.advance(IDLE_MS - 1);
    assert.ok(await sessions.find(secret), 'used in between');
    await clock.advance(1);
    assert.equal(await sessions.find(secret), null);

    const long = await sessions.begin(admin);
    for (let at = 0; at < LONGEST_MS; at += IDLE_MS / 2) {
      assert.ok(await sessions.find(long.secret), `after ${at} ms`);
      await clock.advance(IDLE_MS / 2);
      sessions.touch(fingerprint(long.secret));
      await settle();
    }
    assert.equal(await sessions.find(long.secret), null);
  });

  it('notes its use once a minute at most, and lives on when that fails', async () => {
    const { clock, stores, sessions, admin } = await world();
    const { secret } = await sessions.begin(admin);
    const key = fingerprint(secret);
    const writes = (): number => stores.sessions.writes;
    const before = writes();
    for (let count = 0; count < 100; count += 1) sessions.touch(key);
    await settle();
    assert.equal(writes(), before);
    await clock.advance(RENEW_MS);
    for (let count = 0; count < 100; count += 1) sessions.touch(key);
    await settle();
    assert.equal(writes(), before + 1);
    stores.sessions.failing = new Error('NATS is away');
    await clock.advance(RENEW_MS);
    sessions.touch(key);
    await settle();
    assert.ok(await sessions.find(secret), 'as last known');
    assert.equal(await sessions.find(newSecret()), null, 'an unknown one');
  });

  it('has the rights that its user has now', async () => {
    const { users, sessions } = await world();
    const { secret } = await sessions.begin(await users.add(anna));
    await users.change('Anna', { role: 'operator', groups: null });
    const found = await sessions.find(secret);
    assert.deepEqual(found?.principal, { name: 'Anna', role: 'operator', groups: null, via: 'session' });
    await users.remove('Anna');
    assert.equal(await sessions.find(secret), null);
    await users.add(anna);
    assert.equal(await sessions.find(secret), null, 'another user of that name');
  });

  it('ends with all others of its user', async () => {
    const { users, sessions, admin } = await world();
    const [one, other, rootsOwn] = [
      await sessions.begin(await users.add(anna)),
      await sessions.begin(users.get('anna') ?? admin),
      await sessions.begin(admin),
    ];
    assert.deepEqual(
      [...sessions.counts()],
      [
        ['Anna', 2],
        ['root', 1],
      ],
    );
    await sessions.endAll('anna');
    assert.deepEqual([await sessions.find(one.secret), await sessions.find(other.secret)], [null, null]);
    assert.ok(await sessions.find(rootsOwn.secret));
  });

  it('makes room at the limit: the one used longest ago goes', async () => {
    const { clock, stores, sessions, admin } = await world();
    const { secret } = await sessions.begin(admin);
    await clock.advance(1);
    const now = clock.now();
    for (let index = 1; index < MOST_ACCOUNTS.sessions; index += 1)
      stores.sessions.entries.set(`s${index}`, {
        user: 'root',
        generation: admin.generation,
        createdAt: now,
        usedAt: now,
      });
    await sessions.begin(admin);
    assert.equal(await sessions.find(secret), null);
    assert.equal(stores.sessions.entries.size, MOST_ACCOUNTS.sessions);
  });
});

describe('an API token', () => {
  it('lets in with its own rights until its end, or its removal', async () => {
    const { clock, tokens, stores } = await world();
    const expiresAt = new Date(clock.now() + DAY).toISOString();
    const { token, record } = await tokens.add({ name: 'probe', role: 'viewer', groups: [], expiresAt }, 'root');
    assert.match(token, /^gty_[\w-]{43}$/u);
    assert.ok(!JSON.stringify([...stores.tokens.entries]).includes(token.slice(4)), 'only its hash is kept');
    assert.deepEqual(tokens.find(token)?.principal, { name: 'probe', role: 'viewer', groups: [], via: 'api-token' });
    for (const wrong of ['', 'gty_', `${token}A`, token.slice(4), `gty_${newSecret()}`])
      assert.equal(tokens.find(wrong), null, wrong);
    const other = await tokens.add({ name: 'other', role: 'admin', groups: null, expiresAt }, 'root');
    await tokens.remove(other.record.id);
    assert.equal(tokens.find(other.token), null);
    await assert.rejects(tokens.remove(other.record.id), { code: 'UNKNOWN_TOKEN' });
    await clock.advance(DAY);
    assert.equal(tokens.find(token), null);
    assert.deepEqual(
      tokens.list().map(({ id }) => id),
      [record.id],
    );
  });
});

describe('a one-time link', () => {
  it('sets a password once, and ends the sessions before', async () => {
    const { users, links, sessions, signIn } = await world();
    const before = await sessions.begin(await users.add(anna));
    const withdrawn = await links.make('Anna');
    const link = await links.make('Anna');
    await assert.rejects(signIn.withLink(withdrawn, null, 'a good password'), { code: 'LINK_INVALID' });
    const issued = await signIn.withLink(link, 'ignored', 'a good password');
    assert.deepEqual(issued.principal, { name: 'Anna', role: 'viewer', groups: ['north'], via: 'session' });
    assert.equal(await sessions.find(before.secret), null);
    await assert.rejects(signIn.withLink(link, null, 'another password'), { code: 'LINK_INVALID' });
    assert.ok(await signIn.withPassword('anna', 'a good password', 'here'));
  });

  it('makes the first administrator, and no second one', async () => {
    const accounts = memoryAccounts();
    const [link, other] = [await accounts.links.make(null), await accounts.links.make(null)];
    const { principal } = await accounts.signIn.withLink(link, null, 'a good password');
    assert.deepEqual(principal, { name: 'admin', role: 'admin', groups: null, via: 'session' });
    await assert.rejects(accounts.signIn.withLink(other, 'me too', 'a good password'), { code: 'LINK_INVALID' });
  });

  it('ends after a day', async () => {
    const { clock, users, links, signIn } = await world();
    await users.add(anna);
    const link = await links.make('Anna');
    await clock.advance(LINK_LIFE_MS);
    await assert.rejects(signIn.withLink(link, null, 'a good password'), { code: 'LINK_INVALID' });
  });
});

describe('signing in', () => {
  it('fails in the same words for an unknown user, one without password and a wrong password', async () => {
    const { users, hasher, signIn } = await world();
    await users.add({ ...anna, passwordHash: await hasher.hash('a good password') });
    const refusals = await Promise.all(
      ['anna', 'root', 'nobody'].map((name) =>
        signIn.withPassword(name, 'a bad password', 'here').then(
          () => 'signed in',
          ({ code, message }: Error & { code: string }) => `${code} ${message}`,
        ),
      ),
    );
    assert.equal(new Set(refusals).size, 1, refusals.join('; '));
    assert.match(refusals[0] ?? '', /^LOGIN_FAILED /u);
    assert.deepEqual([...signIn.counts()], [['failed', 3]]);
  });

  it('is refused after ten tries, even with the right password', async () => {
    const { users, hasher, signIn } = await world();
    await users.add({ ...anna, passwordHash: await hasher.hash('a good password') });
    for (let count = 0; count < 10; count += 1)
      await assert.rejects(signIn.withPassword('anna', 'a bad password', 'here'), { code: 'LOGIN_FAILED' });
    await assert.rejects(signIn.withPassword('ANNA', 'a good password', 'here'), { code: 'TOO_MANY', retryAfter: 60 });
    for (let count = 0; count < 12; count += 1)
      assert.ok(await signIn.withPassword('anna', 'a good password', 'elsewhere'), 'a success forgets the tries');
    assert.equal(signIn.counts().get('limited'), 1);
  });

  it('for another party binds the identity to a user without password, and to no other', async () => {
    const { users, hasher, signIn } = await world();
    const of = (subject: string) => ({ issuer: 'https://id.example', subject });
    const rights = { role: 'viewer', groups: ['north'] } as { role: 'viewer'; groups: string[] };
    await users.add({ ...anna, passwordHash: await hasher.hash('a good password') });
    await assert.rejects(signIn.issue({ name: 'anna', identity: of('1'), rights }), { code: 'LOGIN_FAILED' });
    await assert.rejects(signIn.issue({ name: 'new', identity: of('2'), rights: null }), { code: 'LOGIN_FAILED' });
    const made = await signIn.issue({ name: 'new', identity: of('2'), rights });
    assert.deepEqual(made.principal, { name: 'new', ...rights, via: 'session' });
    await assert.rejects(signIn.issue({ name: 'new', identity: of('3'), rights }), { code: 'LOGIN_FAILED' });
    const renamed = await signIn.issue({ name: 'renamed', identity: of('2'), rights: null });
    assert.equal(renamed.principal.name, 'new', 'the identity decides');
  });
});

describe('hashing passwords', () => {
  it('takes two at once, lets 64 wait, and refuses the next', async () => {
    const hasher = new PasswordHasher();
    const gate = Promise.withResolvers<void>();
    let running = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      running += 1;
      most = Math.max(most, running);
      await gate.promise;
      running -= 1;
    };
    const all = Array.from({ length: 66 }, () => hasher.run(work));
    await assert.rejects(hasher.run(work), { code: 'TOO_MANY', retryAfter: 2 });
    gate.resolve();
    await Promise.all(all);
    assert.equal(most, 2);
    await hasher.run(work);
  });
});
