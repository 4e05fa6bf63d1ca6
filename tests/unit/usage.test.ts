import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { startRedisServer } from '../../src/embedded/redis-server.ts';
import { UsageBooks } from '../../src/usage/books.ts';
import { dayOf, sumRows, UsageLedger } from '../../src/usage/ledger.ts';
import { temporaryFolder } from '../support/gantry.ts';
import { memoryLog } from '../support/log.ts';

const call = (keyName: string, cameraId: string, promptTokens = 1_000, completionTokens = 100) => ({ keyName, cameraId, promptTokens, completionTokens });
const ledgerAt = (time: { now: number }, dailyBudget: number | null = null) =>
  new UsageLedger({ clock: { now: () => time.now }, prices: () => new Map([['a', { input: 2, output: 10 }]]), dailyBudget: () => dailyBudget });

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
  assert.deepEqual([ledger.spent, ledger.allows()], [10, false]);
  time.now += 120_000;
  assert.deepEqual([ledger.day, ledger.spent, ledger.allows(), ledger.rows()], ['2026-03-05', 0, true, []]);
});

test('rows are bounded: what finds no room is counted under other, and no token is lost', () => {
  const many = Array.from({ length: 25_000 }, (_, i) => ({ key: 'k', camera: `c${i}`, calls: 1, promptTokens: 1, completionTokens: 0, cost: 0 }));
  const sums = sumRows([many]);
  assert.ok(sums.length <= 20_001);
  assert.equal(sums.reduce((sum, row) => sum + row.calls, 0), 25_000);
  assert.ok((sums.find((row) => row.camera === 'other')?.calls ?? 0) >= 4_999);
});

test('usage survives a restart; nodes see each other in Redis, nothing is counted twice', async () => {
  const [folder, remove] = await temporaryFolder();
  const log = memoryLog();
  const server = await startRedisServer({ dataDir: join(folder, 'redis'), port: 0, log, onProgress: () => undefined });
  const time = { now: Date.now() };
  const open = async (node: string, ledger = ledgerAt(time, 10)) => ({ ledger, books: await UsageBooks.open({ ledger, folder: join(folder, node), redisUrl: server.url, nodeId: node, log, everyMs: 60_000 }) });
  const ready = new Redis(server.url);
  await ready.ping();
  const one = await open('one');
  const two = await open('two');
  await new Promise((resolve) => setTimeout(resolve, 200));
  one.ledger.record(call('a', 'x'));
  two.ledger.record(call('a', 'x'));
  two.ledger.record(call('a', 'y'));
  for (let i = 0; i < 3; i++) await Promise.all([one.books.flush(), two.books.flush()]);
  assert.deepEqual([one.ledger.spent, two.ledger.spent, one.ledger.allows()], [9, 9, true]);
  const { rows, complete } = await one.books.rows(one.ledger.day);
  assert.equal(complete, true);
  assert.deepEqual(rows.map((row) => [row.camera, row.calls, row.cost]), [['x', 2, 6], ['y', 1, 3]]);
  await one.books.close();
  const again = await open('one');
  assert.equal(again.ledger.rows()[0]?.calls, 1);
  await server.stop();
  again.ledger.record(call('a', 'x'));
  assert.equal((await again.books.rows(again.ledger.day)).complete, false);
  await again.books.close();
  await two.books.close();
  ready.disconnect();
  await remove();
});

test('a broken file is set aside, told, and does not stop the start', async () => {
  const [folder, remove] = await temporaryFolder();
  const log = memoryLog();
  const file = join(folder, `${dayOf(Date.now())}.json`);
  await mkdir(folder, { recursive: true });
  await writeFile(file, '{"no": "rows"');
  const ledger = ledgerAt({ now: Date.now() });
  const books = await UsageBooks.open({ ledger, folder, redisUrl: null, nodeId: 'n', log });
  assert.deepEqual(ledger.rows(), []);
  assert.equal(await readFile(`${file}.broken`, 'utf8'), '{"no": "rows"');
  assert.ok(log.lines.some(({ level }) => level === 'error'));
  await books.close();
  await remove();
});
