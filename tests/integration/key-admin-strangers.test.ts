import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { test, type TestContext } from 'node:test';
import { Redis } from 'ioredis';
import { KeyAdmin } from '../../src/key-admin/admin.ts';
import { Sealer } from '../../src/key-admin/seal.ts';
import { KEY_SHARE } from '../../src/key-admin/shared-record.ts';
import { Secret } from '../../src/keys/secret.ts';
import { DataNotices } from '../../src/storage/set-aside.ts';
import { ENV, entry, node, opened, PASSWORD, server, shareOf, SPARE } from '../support/key-admins.ts';
import { memoryLog } from '../support/log.ts';
import { until } from '../support/until.ts';

const puts = (name: string, key: string, more: object = {}) => ({
  kind: 'put',
  stamp: [999_999, 'z'],
  drain: false,
  entry: { name, key, ...more },
});
const poison = async (redis: Redis, body: string, version: string | number = 99): Promise<void> => {
  await redis.hset(KEY_SHARE.record, 'version', version, 'body', body);
  await redis.publish(KEY_SHARE.channel, String(version));
};
async function withRedis(t: TestContext): Promise<Redis> {
  const redis = new Redis(server.url);
  t.after(async () => {
    redis.disconnect();
    // Nodes of one test would go on sharing with those of the next.
    await Promise.all(opened.splice(0).map((admin) => admin.close()));
  });
  await redis.del(KEY_SHARE.record);
  return redis;
}
const EVIL = 'http://10.0.0.66/v1';
const reveals = (admin: KeyAdmin): string =>
  JSON.stringify(admin.keys.config.keys.map((key) => [key.name, key.secret.reveal(), key.baseUrl]));

for (const [what, sealer] of [
  ['without a secret', null],
  ['with one', new Sealer(new Secret(PASSWORD))],
] as const) {
  test(`a record that anybody wrote adds no key, names no variable and no address, ${what}`, async (t) => {
    const redis = await withRedis(t);
    const env = { ...ENV, UNRELATED: 'hunter2' };
    const { admin, options, names } = await node({ sealer, env });
    admin.start(shareOf(server.url), () => undefined);
    const records = [
      {
        evil: puts('evil', '${KEY_ONE}', { base_url: EVIL }),
        other: puts('other', '${UNRELATED}', { base_url: EVIL }),
        one: puts('one', '${KEY_ONE}', { base_url: EVIL }),
      },
      {
        version: 2,
        changes: { evil: puts('evil', '\uE000UNRELATED\uE001'), plain: puts('plain', '${UNRELATED}') },
        endpoints: [EVIL],
      },
      // As if this node had made it.
      { mine: { ...puts('mine', '${UNRELATED}'), stamp: [7, options.nodeId] } },
    ];
    for (const record of records) {
      await poison(redis, JSON.stringify(record));
      await admin.patch('two', { priority: 5 });
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.deepEqual(names(), ['one', 'two']);
      assert.doesNotMatch(reveals(admin), /hunter2|10\.0\.0\.66/);
    }
    // What an earlier version kept of it is trusted no more.
    await admin.close();
    await writeFile(options.changesFile, JSON.stringify(records[0]));
    const again = await KeyAdmin.open(options);
    opened.push(again);
    assert.deepEqual(
      again.keys.config.keys.map((key) => key.name),
      ['one', 'two'],
    );
    assert.doesNotMatch(reveals(again), /hunter2|10\.0\.0\.66/);
  });
}

test('without a secret other nodes get what takes away, and nothing that lets a key do more', async (t) => {
  await withRedis(t);
  const a = await node({ sealer: null }, SPARE);
  const b = await node({ sealer: null }, SPARE);
  a.admin.start(shareOf(server.url), () => undefined);
  b.admin.start(shareOf(server.url), () => undefined);
  const of = (name: string) => b.admin.keys.config.keys.find((key) => key.name === name);
  assert.equal(
    await until('shared', async () => ((await a.admin.patch('one', { qps_limit: 2 }))?.shared === true ? true : null)),
    true,
  );
  await until('b has the lower limit', () => of('one')?.qpsLimit === 2);
  const more = await a.admin.patch('one', { qps_limit: 900, price_per_1k_input: 0, quota_group: 'g', drain: true });
  assert.equal(more?.shared, false);
  assert.match(more?.notices.join() ?? '', /only what lowers a limit/);
  await until('b drains it', () => b.admin.keys.origins.get('one')?.drain === true);
  assert.deepEqual(
    { qpsLimit: of('one')?.qpsLimit, quotaGroup: of('one')?.quotaGroup },
    { qpsLimit: 5, quotaGroup: null },
  );
  const put = await a.admin.add(entry('four', { key: '${KEY_THREE}' }));
  assert.deepEqual({ persisted: put.persisted, shared: put.shared }, { persisted: true, shared: false });
  assert.match(put.notices.join(), /GANTRY_KEYS_SECRET on every node/);
  await a.admin.remove('two');
  await until('b lost it', () => !b.names().includes('two'));
  assert.match(b.admin.notices().join(), /two/, 'and says whose word it took');
  await b.admin.reset('two');
  await until('a has it again', () => a.names().includes('two'));
  assert.ok(!b.names().includes('four'));
});

test('an old encrypted record brings no removed key back, and gives way to the newest within a look', async (t) => {
  const redis = await withRedis(t);
  const a = await node();
  a.admin.start(shareOf(server.url), () => undefined);
  await until('added', async () => (a.names().includes('three') ? true : (await a.admin.add(entry('three'))) && null));
  const old = await until('in Redis', () =>
    redis.hgetall(KEY_SHARE.record).then((all) => (all['body'] === undefined ? null : all)),
  );
  await a.admin.remove('three');
  // The very version that is expected, with the old body.
  const { version = '' } = await redis.hgetall(KEY_SHARE.record);
  await poison(redis, old['body'] ?? '', version);
  await until('healed', async () => (await redis.hget(KEY_SHARE.record, 'body')) !== old['body']);
  assert.ok(!a.names().includes('three'));
  const b = await node();
  b.admin.start(shareOf(server.url), () => undefined);
  await until('b has the record', () => b.admin.notices().length === 0);
  assert.ok(!b.names().includes('three'));
});

test('nothing that stands in the place of the record stops the sharing', async (t) => {
  const redis = await withRedis(t);
  const a = await node({ checkMs: 100 });
  const b = await node({ checkMs: 100 });
  a.admin.start(shareOf(server.url), () => undefined);
  b.admin.start(shareOf(server.url), () => undefined);
  const sealer = new Sealer(new Secret(PASSWORD));
  const bodies: Record<string, string> = {
    garbage: '{',
    'an empty list': '[]',
    'half a million entries': `[${'0,'.repeat(490_000)}0]`,
    'many wrong names': JSON.stringify(Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [index, 0]))),
    'deep brackets': `{"one":${'['.repeat(700_000)}`,
    'far too much': 'x'.repeat(3_000_000),
    'sealed garbage': 'gantry-sealed:1:raw:AAAA:AAAA:AAAA:AAAA',
    'another secret': await new Sealer(new Secret('quite another password')).seal('{}'),
    'one wrong entry among sealed ones': await sealer.seal(
      JSON.stringify({
        version: 2,
        changes: { one: { kind: 'patch', stamp: [2 ** 60, 'z'], patch: {} }, __proto__: 1, 'no name': 3 },
      }),
    ),
    'changes that cannot be together': await sealer.seal(
      JSON.stringify({
        version: 2,
        changes: {
          one: { kind: 'patch', stamp: [100_000, 'z'], patch: { quota_group: 'g' } },
          two: { kind: 'patch', stamp: [100_000, 'z'], patch: { quota_group: 'g', qps_limit: 9 } },
        },
      }),
    ),
  };
  await until(
    'both have Redis',
    async () =>
      (await a.admin.patch('one', { priority: 1 }))?.shared === true &&
      b.admin.keys.config.keys[0]?.priority === 1 &&
      b.admin.keys.origins.get('one')?.changed,
  );
  let priority = 1;
  const heals = async (what: string): Promise<void> => {
    priority += 1;
    await a.admin.patch('one', { priority });
    await until(`${what}: b has what a says`, () => b.admin.keys.config.keys[0]?.priority === priority);
  };
  for (const [what, body] of Object.entries(bodies)) {
    await poison(redis, body, 'no number');
    await heals(what);
  }
  await redis.del(KEY_SHARE.record);
  await redis.lpush(KEY_SHARE.record, 'a list');
  await heals('a list');
  // A flood of words that somebody wrote is one look.
  for (let index = 0; index < 5_000; index++) void redis.publish(KEY_SHARE.channel, 'x');
  await heals('a flood');
});

test('a name of a property of every object is a name like any other', async (t) => {
  await withRedis(t);
  const a = await node();
  const b = await node();
  a.admin.start(shareOf(server.url), () => undefined);
  b.admin.start(shareOf(server.url), () => undefined);
  const odd = ['constructor', '__proto__', 'toString', 'hasOwnProperty', 'valueOf'];
  for (const name of odd) assert.equal((await a.admin.add(entry(name, { key: `sk-of-${name}-0123` }))).persisted, true);
  await until('b has them', () => odd.every((name) => b.names().includes(name)));
  await b.admin.patch('__proto__', { qps_limit: 2 });
  await until(
    'a has the limit',
    () => a.admin.keys.config.keys.find((key) => key.name === '__proto__')?.qpsLimit === 2,
  );
  const again = await a.open();
  assert.deepEqual(
    again.keys.config.keys.map((key) => key.name),
    ['one', 'two', ...odd],
  );
  for (const name of odd) await b.admin.remove(name);
  await until('a lost them', () => a.names().join() === 'one,two');
});

test('a change that cannot be written is not made, however often, and is made once there is room', async (t) => {
  const redis = await withRedis(t);
  const { admin, options, names } = await node();
  admin.start(shareOf(server.url), () => undefined);
  await mkdir(options.changesFile);
  for (let attempt = 0; attempt < 20; attempt++) {
    for (const change of [
      () => admin.add(entry('three')),
      () => admin.patch('one', { qps_limit: 1 }),
      () => admin.remove('two'),
    ]) {
      await assert.rejects(change(), { name: 'StorageError', code: 'NOT_WRITABLE' });
    }
  }
  assert.deepEqual(names(), ['one', 'two']);
  assert.equal(admin.keys.config.keys[0]?.qpsLimit, 5);
  assert.equal(await redis.exists(KEY_SHARE.record), 0, 'nor do others hear of it');
  await rm(options.changesFile, { recursive: true });
  assert.equal((await admin.remove('two'))?.persisted, true);
});

test('stored changes that cannot be used are set aside with a notice, and the start goes on', async () => {
  const notices = new DataNotices(memoryLog());
  const { options, admin } = await node({ notices });
  await admin.patch('one', { qps_limit: 2 });
  await admin.close();
  const whole = await readFile(options.changesFile, 'utf8');
  for (const body of ['', whole.slice(0, -20), '{"version":2,', Buffer.alloc(300).toString(), 'x'.repeat(3_000_000)]) {
    await writeFile(options.changesFile, body);
    const said = notices.list().length;
    const again = await KeyAdmin.open(options);
    assert.equal(again.keys.config.keys[0]?.qpsLimit, 5);
    assert.ok(notices.list().length === said + 1 && notices.list().at(-1)!.includes(`${options.changesFile}.broken-`));
  }
  await writeFile(options.changesFile, whole);
  assert.equal((await KeyAdmin.open(options)).keys.config.keys[0]?.qpsLimit, 2, 'a whole one is used again');
});
