import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { auditEntry } from '../../src/infra/audit-entry.ts';
import { AuditHistory } from '../../src/infra/audit-history.ts';
import { readAuditFill } from '../../src/infra/nats/audit-fill.ts';
import { AuditEntry } from '../../src/messages/audit.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { startBus } from '../support/aggregator.ts';

let world: Awaited<ReturnType<typeof startBus>>;
before(async () => {
  world = await startBus();
});
after(() => world.stop());

test('entries are kept for a year, are found by camera and kind, and cannot be deleted', async () => {
  const { bus } = world;
  const actor = { who: 'alice', role: 'admin', via: 'session', address: '10.0.0.7' } as const;
  for (const [target, cameraId, action] of [
    ['1', 'north', 'camera.change'],
    ['2', null, 'login'],
    ['3', 'north', 'scene.change'],
    ['4', null, 'login.failed'],
  ] as const) {
    const entry = auditEntry(actor, { action, target, cameraId }, Date.now());
    await bus.publish(subjects.audit(cameraId, action), entry, { cameraId: '', requestId: '', traceId: '' }, target);
  }
  const history = new AuditHistory(bus);
  const all = { from: 0, to: Date.now() + 60_000, who: null, action: null, cameraId: null, limit: 50, before: null };
  const found = async (query: object): Promise<string> =>
    (await history.page({ ...all, ...query })).entries.map(({ target }) => target).join('');
  assert.equal(await found({}), '4321');
  assert.equal(await found({ cameraId: 'north' }), '31');
  assert.equal(await found({ action: 'login' }), '2');
  assert.equal(await found({ before: 3 }), '21');
  assert.equal(await found({ to: 1 }), '');

  const { jsm } = bus.link;
  await assert.rejects(jsm.streams.deleteMessage(streams.audit, 1), /delete not permitted/u);
  await assert.rejects(jsm.streams.purge(streams.audit), /purge not permitted/u);
  const first = await jsm.streams.getMessage(streams.audit, { seq: 1 });
  assert.equal(AuditEntry.parse(first.json()).target, '1');
  const { config } = await jsm.streams.info(streams.audit);
  assert.equal(config.max_age / 1e9 / 86_400, 365);
  const fill = await readAuditFill(bus.link);
  assert.ok(fill.bytes > 0 && fill.maxBytes >= 4 * 1024 * 1024 && fill.oldestAt !== null);
});
