import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditEntry } from '../../src/infra/audit-entry.ts';
import { AuditHistory, type AuditQuery } from '../../src/infra/audit-history.ts';
import { AuditLog } from '../../src/infra/audit-log.ts';
import { auditFillNotices } from '../../src/infra/nats/audit-fill.ts';
import type { AuditEntry } from '../../src/messages/audit.ts';
import { streams } from '../../src/messages/subjects.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { FakeTaskBus } from '../support/fake-bus.ts';
import { memoryLog } from '../support/log.ts';

const HOUR = 3_600_000;

function world() {
  const clock = new ManualClock();
  const bus = new FakeTaskBus(clock);
  const log = memoryLog();
  const lost: string[] = [];
  const metrics = { inc: (_name: string, _by: number, labels: { reason: string }) => void lost.push(labels.reason) };
  const audit = new AuditLog({ bus, clock, log, metrics: metrics as never });
  const entry = (target: string, action = 'camera.change', over: Partial<AuditEntry> = {}): AuditEntry => ({
    ...auditEntry(
      { who: 'alice', role: 'admin', via: 'session', address: '10.0.0.7' },
      { action, target },
      clock.now(),
    ),
    ...over,
  });
  const stored = (): string[] => bus.published.map(({ body }) => (body as unknown as AuditEntry).target);
  return { clock, bus, log, lost, audit, entry, stored };
}

test('entries wait for NATS in order, are told of in health, and are stored once', async () => {
  const { clock, bus, audit, entry, stored, lost } = world();
  audit.record(entry('1'));
  await settle();
  bus.setDown(true);
  for (const target of ['2', '3', '4']) audit.record(entry(target));
  await settle();
  assert.deepEqual(audit.notices(), [], 'a moment without NATS is no news');
  await clock.advance(11_000);
  assert.match(audit.notices()[0] ?? '', /^3 audit entries wait for NATS/u);
  bus.setDown(false);
  await clock.advance(1_000);
  assert.deepEqual(stored(), ['1', '2', '3', '4']);
  assert.deepEqual([audit.waiting, audit.notices(), lost], [0, [], []]);
  assert.deepEqual(bus.published[0]?.subject, 'audit.~.camera.change');
});

test('at the bound the newest are lost: counted, logged in full, told of in health', async () => {
  const { clock, bus, log, audit, entry, stored, lost } = world();
  bus.setDown(true);
  for (let n = 0; n < 1_002; n++) audit.record(entry(`${n}`));
  assert.deepEqual(lost, ['full', 'full']);
  assert.ok(log.lines.some(({ fields }) => (fields['audit'] as AuditEntry | undefined)?.target === '1001'));
  bus.setDown(false);
  await clock.advance(1_000);
  assert.equal(stored().length, 1_000);
  assert.equal(stored().at(-1), '999');
  assert.match(audit.notices()[0] ?? '', /^2 audit entries could not be stored/u);
});

test('a stop stores what waits, and logs all that it cannot store', async () => {
  const fine = world();
  fine.audit.record(fine.entry('1'));
  fine.audit.record(fine.entry('2'));
  await fine.audit.stop();
  assert.deepEqual([fine.stored(), fine.lost], [['1', '2'], []]);
  fine.audit.record(fine.entry('3'));
  assert.deepEqual(fine.lost, ['stopped']);

  const away = world();
  away.bus.setDown(true);
  away.audit.record(away.entry('1'));
  away.audit.record(away.entry('2'));
  await settle();
  await away.audit.stop();
  assert.deepEqual(away.lost, ['stopped', 'stopped']);
});

test('an entry that NATS refuses does not hold up the others', async () => {
  const { clock, bus, audit, entry, stored, lost } = world();
  bus.refusing = true;
  audit.record(entry('bad'));
  await clock.advance(2_000);
  bus.refusing = false;
  audit.record(entry('good'));
  await clock.advance(1_000);
  assert.deepEqual([lost, stored()], [['refused'], ['good']]);
});

test('strangers whose logins are refused cannot fill the stream', async () => {
  const { clock, audit, entry, stored, lost } = world();
  for (let n = 0; n < 40; n++) audit.record(entry('root', 'login.failed'));
  audit.record(entry('ours'));
  await clock.advance(0);
  assert.equal(stored().length, 31);
  assert.equal(stored().at(-1), 'ours');
  assert.deepEqual(new Set(lost), new Set(['too-many']));
  assert.deepEqual(audit.notices(), []);
  await clock.advance(HOUR);
  audit.record(entry('root', 'login.failed'));
  await clock.advance(0);
  assert.equal(stored().length, 32);
});

const ALL: AuditQuery = { from: 0, to: 1e13, who: null, action: null, cameraId: null, limit: 100, before: null };

/** Every page of a query, and the number of reads that they took. */
async function pages(bus: FakeTaskBus, query: Partial<AuditQuery>): Promise<{ found: string[][]; reads: number }> {
  let reads = 0;
  const history = new AuditHistory({ read: (o) => ((reads += 1), bus.read(o)), last: (o) => bus.last(o) });
  const found: string[][] = [];
  for (let before: number | null = null; ;) {
    const page = await history.page({ ...ALL, ...query, before });
    found.push(page.entries.map(({ target }) => target));
    if (page.next === null) return { found, reads };
    assert.ok(before === null || page.next < before, 'it goes on');
    before = page.next;
  }
}

test('pages go back in time, with each entry once', async () => {
  const { clock, bus, audit, entry } = world();
  for (let n = 1; n <= 7; n++) {
    audit.record(entry(`${n}`));
    await clock.advance(1_000);
  }
  assert.deepEqual((await pages(bus, { limit: 3 })).found, [['7', '6', '5'], ['4', '3', '2'], ['1']]);
  assert.deepEqual((await pages(bus, { limit: 7 })).found, [['7', '6', '5', '4', '3', '2', '1']]);
  assert.deepEqual((await pages(new FakeTaskBus(clock), {})).found, [[]]);
});

test('a page holds the entries of its time, person, camera and kind only', async () => {
  const { clock, bus, audit, entry } = world();
  const began = clock.now();
  for (const over of [
    entry('a', 'camera.change', { cameraId: 'north' }),
    entry('b', 'scene.change', { cameraId: 'north' }),
    entry('c', 'camera.change', { cameraId: 'south', who: 'bob' }),
    entry('d', 'login'),
  ]) {
    audit.record({ ...over, at: new Date(clock.now()).toISOString() });
    await clock.advance(1_000);
  }
  const of = async (query: Partial<AuditQuery>): Promise<string> => (await pages(bus, query)).found.flat().join('');
  assert.equal(await of({ cameraId: 'north' }), 'ba');
  assert.equal(await of({ action: 'camera.change' }), 'ca');
  assert.equal(await of({ cameraId: 'north', action: 'scene.change' }), 'b');
  assert.equal(await of({ who: 'bob' }), 'c');
  assert.equal(await of({ action: 'login' }), 'd');
  assert.equal(await of({ from: began + 1_000, to: began + 2_000 }), 'cb');
});

test('a rare entry among many is found with few reads, and each page reads a bounded part', async () => {
  const { clock, bus } = world();
  const one = (n: number, action: string): void =>
    void bus.streams.publish(
      `audit.~.${action}`,
      { ...auditEntry({ who: 'x', role: 'admin', via: 'open', address: '' }, { action, target: `${n}` }, clock.now()) },
      `${n}`,
    );
  one(0, 'key.add');
  for (let n = 1; n <= 21_500; n++) one(n, 'camera.change');
  one(21_501, 'user.add');
  assert.deepEqual((await pages(bus, { action: 'user.add' })).found.flat(), ['21501']);
  const rare = await pages(bus, { action: 'key.add' });
  assert.deepEqual(rare.found.flat(), ['0']);
  assert.ok(rare.reads < 20, String(rare.reads));
  const strange = await pages(bus, { who: 'nobody' });
  assert.deepEqual(strange.found, [[], []], 'it ends early, and goes on');
});

test('health tells before entries of this year are removed for want of room', () => {
  const now = Date.parse('2026-11-27T20:00:00Z');
  const day = 24 * HOUR;
  const fill = { bytes: 85, maxBytes: 100, oldestAt: now - 100 * day };
  assert.match(auditFillNotices(fill, now)[0] ?? '', /85 % full.*2026-08-19.*GANTRY_STREAMS_MB/u);
  assert.deepEqual(auditFillNotices({ ...fill, bytes: 79 }, now), []);
  assert.deepEqual(auditFillNotices({ ...fill, oldestAt: now - 364 * day }, now), []);
  assert.deepEqual(auditFillNotices({ ...fill, oldestAt: null }, now), []);
  assert.equal(streams.audit, 'AUDIT');
});
