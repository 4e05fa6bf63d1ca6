import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { UsageBooks } from '../../src/usage/books.ts';
import { dayOf, sumRows, UsageLedger } from '../../src/usage/usage-ledger.ts';
import { DataNotices } from '../../src/storage/set-aside.ts';
import { memoryLog } from '../support/log.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const call = (keyName: string, cameraId: string, promptTokens = 1_000, completionTokens = 100) => ({
  keyName,
  cameraId,
  promptTokens,
  completionTokens,
});
const ledgerAt = (time: { now: number }, dailyBudget: number | null = null) =>
  new UsageLedger({
    clock: { now: () => time.now },
    prices: () => new Map([['a', { input: 2, output: 10 }]]),
    dailyBudget: () => dailyBudget,
  });

test('tokens and cost are counted by key and camera; a key without a price is free', () => {
  const ledger = ledgerAt({ now: Date.now() });
  assert.equal(ledger.record(call('a', 'x')), 3);
  ledger.record(call('a', 'x'));
  assert.equal(ledger.record(call('b', 'x')), 0);
  assert.deepEqual(ledger.rows(), [
    { key: 'a', camera: 'x', calls: 2, promptTokens: 2_000, completionTokens: 200, cost: 6 },
    { key: 'b', camera: 'x', calls: 1, promptTokens: 1_000, completionTokens: 100, cost: 0 },
  ]);
});

test('the budget holds for the day, all nodes together, and is whole again after midnight UTC', () => {
  const time = { now: Date.parse('2026-03-04T23:59:00Z') };
  const ledger = ledgerAt(time, 10);
  ledger.record(call('a', 'x'));
  assert.equal(ledger.allows(), true);
  ledger.others('2026-03-04', 7);
  assert.deepEqual({ spent: ledger.spent, allows: ledger.allows() }, { spent: 10, allows: false });
  time.now += 120_000;
  assert.deepEqual(
    { day: ledger.day, spent: ledger.spent, allows: ledger.allows(), rows: ledger.rows() },
    { day: '2026-03-05', spent: 0, allows: true, rows: [] },
  );
});

test('rows are bounded: what finds no room is counted under other, and no token is lost', () => {
  const many = Array.from({ length: 25_000 }, (_, i) => ({
    key: 'k',
    camera: `c${i}`,
    calls: 1,
    promptTokens: 1,
    completionTokens: 0,
    cost: 0,
  }));
  const sums = sumRows([many]);
  assert.ok(sums.length <= 20_001);
  assert.equal(
    sums.reduce((sum, row) => sum + row.calls, 0),
    25_000,
  );
  assert.ok((sums.find((row) => row.camera === 'other')?.calls ?? 0) >= 4_999);
});

test('usage survives a restart; nodes see each other in Redis, nothing is counted twice', async (t) => {
  const folder = temporaryFolder();
  const log = memoryLog();
  const server = await startRedisServer({ dataDir: join(folder, 'redis'), port: 0, log, onProgress: () => undefined });
  const time = { now: Date.now() };
  const open = async (node: string, ledger = ledgerAt(time, 10)) => ({
    ledger,
    books: await UsageBooks.open({
      ledger,
      folder: join(folder, node),
      redisUrl: server.url,
      nodeId: node,
      log,
      notices: new DataNotices(log),
      everyMs: 60_000,
    }),
  });
  const ready = new Redis(server.url);
  t.after(() => ready.disconnect());
  await ready.ping();
  const one = await open('one');
  const two = await open('two');
  t.after(() => two.books.close());
  one.ledger.record(call('a', 'x'));
  two.ledger.record(call('a', 'x'));
  two.ledger.record(call('a', 'y'));
  await until('each node counts the calls of both', async () => {
    await Promise.all([one.books.flush(), two.books.flush()]);
    return one.ledger.spent >= 9 && two.ledger.spent >= 9;
  });
  await Promise.all([one.books.flush(), two.books.flush()]);
  assert.deepEqual(
    { oneSpent: one.ledger.spent, twoSpent: two.ledger.spent, oneAllows: one.ledger.allows() },
    { oneSpent: 9, twoSpent: 9, oneAllows: true },
  );
  const { rows, complete } = await one.books.rows(one.ledger.day);
  assert.equal(complete, true);
  assert.deepEqual(
    rows.map((row) => [row.camera, row.calls, row.cost]),
    [
      ['x', 2, 6],
      ['y', 1, 3],
    ],
  );
  await one.books.close();
  const again = await open('one');
  t.after(() => again.books.close());
  assert.equal(again.ledger.rows()[0]?.calls, 1);
  await server.stop();
  again.ledger.record(call('a', 'x'));
  assert.equal((await again.books.rows(again.ledger.day)).complete, false);
});

test('a broken file is set aside, told, and does not stop the start', async (t) => {
  const folder = temporaryFolder();
  const log = memoryLog();
  const file = join(folder, `${dayOf(Date.now())}.json`);
  await mkdir(folder, { recursive: true });
  await writeFile(file, '{"no": "rows"');
  const ledger = ledgerAt({ now: Date.now() });
  const notices = new DataNotices(log);
  const books = await UsageBooks.open({ ledger, folder, redisUrl: null, nodeId: 'n', log, notices });
  t.after(() => books.close());
  assert.deepEqual(ledger.rows(), []);
  const aside = (await readdir(folder)).find((name) => name.includes('.broken-')) ?? '';
  assert.equal(await readFile(join(folder, aside), 'utf8'), '{"no": "rows"');
  assert.ok(notices.list().join().includes(aside));
  assert.ok(log.lines.some(({ level }) => level === 'error'));
});

test('usage that cannot be written is said as long as it cannot, goes on counting, and is written later', async (t) => {
  const folder = temporaryFolder();
  const log = memoryLog();
  const ledger = ledgerAt({ now: Date.now() });
  const inTheWay = join(folder, `${dayOf(Date.now())}.json`);
  const books = await UsageBooks.open({
    ledger,
    folder,
    redisUrl: null,
    nodeId: 'n',
    log,
    notices: new DataNotices(log),
    everyMs: 60_000,
  });
  t.after(() => books.close());
  await mkdir(inTheWay);
  for (let i = 0; i < 3; i++) {
    ledger.record(call('a', 'x'));
    await books.flush();
  }
  assert.match(books.notices().join(), /cannot be kept/);
  assert.equal(log.lines.length, 1, 'said once');
  await rm(inTheWay, { recursive: true });
  await books.flush();
  assert.deepEqual(books.notices(), []);
  assert.equal((JSON.parse(await readFile(inTheWay, 'utf8')) as { calls: number }[])[0]?.calls, 3);
});

test('rows that somebody else put into Redis cost no other node its count, whatever they are', async (t) => {
  const folder = temporaryFolder();
  const log = memoryLog();
  const server = await startRedisServer({ dataDir: join(folder, 'redis'), port: 0, log, onProgress: () => undefined });
  t.after(() => server.stop());
  const redis = new Redis(server.url);
  t.after(() => redis.disconnect());
  const key = `gantry:usage:${dayOf(Date.now())}`;
  const good = [{ key: 'constructor', camera: '__proto__', calls: 1, promptTokens: 1, completionTokens: 1, cost: 4 }];
  await redis.hset(key, {
    good: JSON.stringify(good),
    garbage: '{',
    poison: `[${'0,'.repeat(490_000)}0]`,
    nested: '['.repeat(500_000),
    huge: 'x'.repeat(9 * 1024 * 1024),
  });
  const ledger = ledgerAt({ now: Date.now() }, 10);
  const books = await UsageBooks.open({
    ledger,
    folder: join(folder, 'n'),
    redisUrl: server.url,
    nodeId: 'n',
    log,
    notices: new DataNotices(log),
    everyMs: 60_000,
  });
  t.after(() => books.close());
  await until('the good rows are counted', async () => {
    await books.flush();
    return ledger.spent === 4;
  });
  assert.match(books.notices().join(), /cannot be read and is not counted.*garbage/);
  assert.deepEqual((await books.rows(ledger.day)).rows, good);
  await redis.hdel(key, 'garbage', 'poison', 'nested', 'huge');
  await books.flush();
  assert.deepEqual(books.notices(), []);
});
