import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { isSealed, Sealer } from '../../src/key-admin/seal.ts';
import { KEY_SHARE } from '../../src/key-admin/shared-record.ts';
import { Secret } from '../../src/keys/secret.ts';
import { ENV, entry, folder, node, PASSWORD, SECRET, server, shareOf, SPARE, YAML } from '../support/key-admins.ts';
import { until } from '../support/until.ts';

test('a key added through the API survives a restart, encrypted, and stands nowhere in clear', async () => {
  const { admin, options, log, open } = await node();
  admin.start(null, () => undefined);
  const outcome = await admin.add(entry('three'));
  assert.deepEqual(outcome, { persisted: true, shared: null, notices: [] });
  const stored = await readFile(options.changesFile, 'utf8');
  assert.ok(isSealed(stored));
  assert.ok(!stored.includes(SECRET));
  assert.equal((await stat(options.changesFile)).mode & 0o777, 0o600);
  const again = await open();
  assert.equal(again.keys.config.keys.find((key) => key.name === 'three')?.secret.reveal(), SECRET);
  assert.ok(!JSON.stringify([log.lines, outcome, again.keys]).includes(SECRET));
});

test('without a secret to encrypt with, a key itself is not stored, and the reply says so; a variable is', async () => {
  const { admin, options, open } = await node({ sealer: null }, SPARE);
  const plain = await admin.add(entry('three'));
  assert.equal(plain.persisted, false);
  assert.match(plain.notices.join(), /memory only.*GANTRY_KEYS_SECRET/);
  const named = await admin.add(entry('four', { key: '${KEY_THREE}' }));
  assert.equal(named.persisted, true);
  assert.ok(!(await readFile(options.changesFile, 'utf8')).includes(SECRET));
  assert.deepEqual(
    (await open()).keys.config.keys.map((key) => key.name),
    ['one', 'two', 'spare', 'four'],
  );
});

test('what cannot be is refused and changes nothing', async () => {
  const { admin, names } = await node();
  const cases: readonly [string, () => Promise<unknown>, RegExp][] = [
    ['a name that is taken', () => admin.add(entry('one')), /exists/],
    [
      'a variable that the key file does not name',
      () => admin.add(entry('x', { key: '${KEY_THREE}' })),
      /names no variable/,
    ],
    ['the marks of a variable', () => admin.add(entry('x', { key: '\uE000KEY_THREE\uE001' })), /no key has/],
    ['text around a variable', () => admin.add(entry('x', { key: 'sk-${KEY_ONE}' })), /one \$\{VARIABLE\}/],
    ['the same key twice', () => admin.add(entry('x', { key: ENV.KEY_ONE })), /same key as "one"/],
    [
      'limits that differ inside a quota group',
      async () => {
        await admin.patch('one', { quota_group: 'g' });
        return admin.patch('two', { quota_group: 'g', qps_limit: 9 });
      },
      /quota_group/,
    ],
  ];
  for (const [what, attempt, message] of cases) {
    await assert.rejects(
      attempt(),
      (error: Error) =>
        message.test(error.message) && !error.message.includes(SECRET) && !error.message.includes(ENV.KEY_ONE),
      what,
    );
  }
  assert.deepEqual(names(), ['one', 'two']);
  assert.equal(await admin.patch('nobody', { enabled: false }), null);
  assert.equal(await admin.remove('nobody'), null);
});

test('a changed key file takes effect; an invalid one keeps the old keys and says so until it is mended', async () => {
  const { admin, options, names, log } = await node({ checkMs: 60_000 });
  admin.start(null, () => undefined);
  await admin.patch('one', { qps_limit: 2 });
  await writeFile(options.keysFile, `${YAML}  - { name: three, key: \${KEY_THREE} }\n`);
  await until('the third key', () => names().length === 3);
  assert.equal(admin.keys.config.keys[0]?.qpsLimit, 2, 'what the API changed stays');
  await writeFile(options.keysFile, 'api_keys: [ { name: broken');
  await until('a notice', () => admin.notices().length === 1);
  assert.match(admin.notices()[0] ?? '', /keys stay as they were/);
  assert.ok(log.lines.some(({ level, message }) => level === 'error' && /keys stay/.test(message)));
  assert.equal(names().length, 3);
  await writeFile(options.keysFile, YAML);
  await until('mended', () => admin.notices().length === 0 && names().length === 2);
});

test('a change reaches the other node by broadcast, without any secret on the channel or in the record', async (t) => {
  const watcher = new Redis(server.url);
  t.after(() => watcher.disconnect());
  const seen: string[] = [];
  watcher.on('message', (_channel, body) => seen.push(body));
  await watcher.subscribe(KEY_SHARE.channel);
  const a = await node({ checkMs: 60_000 });
  const b = await node({ checkMs: 60_000 });
  const told: number[] = [];
  a.admin.start(shareOf(server.url), () => undefined);
  b.admin.start(shareOf(server.url), (keys) => told.push(keys.config.keys.length));
  const outcome = await until('shared', async () => {
    const tried = a.names().includes('three')
      ? await a.admin.patch('three', { priority: 7 })
      : await a.admin.add(entry('three', { priority: 7 }));
    return tried?.shared === true ? tried : null;
  });
  assert.deepEqual(outcome.notices, []);
  await until('b has it', () => b.names().includes('three'));
  assert.equal(b.admin.keys.config.keys.find((key) => key.name === 'three')?.secret.reveal(), SECRET);
  assert.ok(told.length > 0);
  await b.admin.remove('three');
  await until('a lost it', () => !a.names().includes('three'));
  const commands = new Redis(server.url);
  t.after(() => commands.disconnect());
  const record = JSON.stringify(await commands.hgetall(KEY_SHARE.record));
  assert.ok(seen.length > 0 && seen.every((body) => /^\d+$/.test(body)));
  assert.ok(!record.includes(SECRET) && !record.includes('three'));
});

test('a missed broadcast is healed, and changes made on both sides of a break come together', async (t) => {
  const commands = new Redis(server.url);
  t.after(() => commands.disconnect());
  await commands.del(KEY_SHARE.record);
  const a = await node();
  const b = await node();
  // Made while neither has Redis.
  await a.admin.patch('one', { qps_limit: 3 });
  await b.admin.patch('two', { enabled: false });
  const deaf = shareOf(server.url);
  deaf.onChanged = () => undefined;
  a.admin.start(shareOf(server.url), () => undefined);
  b.admin.start(deaf, () => undefined);
  const state = (of: typeof a) => of.admin.keys.config.keys.map((key) => `${key.name} ${key.qpsLimit} ${key.enabled}`);
  await until(
    'both are alike',
    () => state(a).join() === 'one 3 true,two 5 false' && state(a).join() === state(b).join(),
  );
  await a.admin.patch('two', { enabled: true });
  await until('healed by the periodic check', () => state(b).join() === 'one 3 true,two 5 true');
  // A Redis that forgot everything gets the record again.
  await commands.del(KEY_SHARE.record);
  await until('the record is back', async () => (await commands.hget(KEY_SHARE.record, 'body')) !== null);
});

test('a node with another secret keeps its keys, says so, and does not overwrite the record', async () => {
  const a = await node();
  a.admin.start(shareOf(server.url), () => undefined);
  await until('shared', async () => (await a.admin.patch('one', { priority: 9 }))?.shared);
  const stranger = await node({ sealer: new Sealer(new Secret('quite another password')) });
  stranger.admin.start(shareOf(server.url), () => undefined);
  await until('a notice', () => stranger.admin.notices().some((notice) => /another secret/.test(notice)));
  const outcome = await stranger.admin.patch('one', { priority: 1 });
  assert.equal(outcome?.shared, false);
  assert.equal(a.admin.keys.config.keys[0]?.priority, 9);
});

test('the encrypted key file is used in place of the plain one, and refuses a wrong secret at the start', async () => {
  const sealer = new Sealer(new Secret('b'.repeat(64)));
  const keysFile = join(folder, 'sealed.yaml');
  await writeFile(join(folder, 'sealed.enc'), await sealer.seal(`api_keys: [ { name: hidden, key: ${SECRET} } ]`));
  const { names } = await node({ keysFile, sealer }, null);
  assert.deepEqual(names(), ['hidden']);
  await assert.rejects(node({ keysFile }, null), { code: 'SEAL_BROKEN' });
  await assert.rejects(node({ keysFile, sealer: null }, null), { code: 'SEAL_KEY_MISSING' });
});

test('sealed texts: every changed byte is noticed, and so is every other format', async () => {
  for (const secret of [PASSWORD, 'ab'.repeat(32), Buffer.alloc(32, 7).toString('base64')]) {
    const sealer = new Sealer(new Secret(secret));
    const sealed = await sealer.seal('text ☃');
    assert.equal(await new Sealer(new Secret(secret)).open(sealed, 'x'), 'text ☃');
    assert.notEqual(await sealer.seal('text ☃'), sealed, 'never the same twice');
    for (const at of [sealed.length - 1, sealed.length - 5, sealed.lastIndexOf(':') - 3, sealed.indexOf(':', 20) + 3]) {
      const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'Q' : 'A'}${sealed.slice(at + 1)}`;
      await assert.rejects(sealer.open(changed, 'x'), { name: 'KeyAdminError' });
    }
    for (const odd of [
      '',
      'x',
      sealed.replace(':1:', ':2:'),
      sealed.slice(0, -20),
      `${sealed}:x`,
      sealed.replace(/:(raw|scrypt15):/, ':md5:'),
    ])
      await assert.rejects(sealer.open(odd, 'x'), { name: 'KeyAdminError' });
  }
  assert.throws(() => new Sealer(new Secret('short')), { code: 'SEAL_FORMAT' });
});
