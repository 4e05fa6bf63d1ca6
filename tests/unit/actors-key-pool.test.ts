import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KEY_POOL, keyPoolActor, type KeyPoolMessage } from '../../src/actors/key-pool.ts';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import { LimitMemory } from '../../src/keys/limits.ts';
import type { LeaseGrant, LeaseReply } from '../../src/keys/pool.types.ts';
import type { ActorRef } from '../../src/runtime/ref.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { ManualClock, settle } from '../../src/runtime/testing/manual-clock.ts';
import { memoryLog } from '../support/log.ts';

const SECRET = 'sk-pool-secret-1';

async function started(keys: readonly object[], scheduler: object = {}) {
  const clock = new ManualClock();
  const log = memoryLog();
  const memory = new LimitMemory();
  const config = parseKeyConfig(
    {
      scheduler: { transit_guard_ms: 0, ...scheduler },
      api_keys: keys.map((key, i) => ({ name: `k${i + 1}`, key: `${SECRET}-${i}`, ...key })),
    },
    {},
  );
  const tree = supervisor('root', [child('key-pool', keyPoolActor, () => ({ config, memory }))]);
  const system = await startSystem(tree, { log, clock, onEscalation: (error) => assert.fail(error.message) });
  const pool: ActorRef<KeyPoolMessage> = system.ref(KEY_POOL);
  let asked = 0;
  const lease = (more: { exclude?: string[]; deadline?: number; waiterId?: string } = {}): Promise<LeaseReply> =>
    pool
      .ask(
        { type: 'lease', waiterId: `w${++asked}`, priority: 3, exclude: [], deadline: clock.now() + 60_000, ...more },
        { timeoutMs: 120_000 },
      )
      .then((reply) => {
        // The call leaves at once.
        if (reply.kind === 'granted') pool.tell({ type: 'sent', leaseId: reply.leaseId, at: clock.now() });
        return reply;
      });
  return { clock, log, system, pool, lease };
}

function granted(reply: LeaseReply): LeaseGrant {
  assert.ok(reply.kind === 'granted', JSON.stringify(reply));
  return reply;
}

describe('the key pool actor', () => {
  it('answers a waiting lease at the very millisecond the limit allows', async (t) => {
    const { clock, lease, system } = await started([{ qps_limit: 1 }]);
    t.after(() => system.stop());
    assert.equal(granted(await lease()).secret.reveal(), `${SECRET}-0`);
    let second: LeaseReply | undefined;
    const waiting = lease().then((reply) => (second = reply));
    await clock.advance(1_000);
    assert.equal(second, undefined);
    await clock.advance(1);
    assert.equal(granted(await waiting).grantedAt, clock.now());
  });

  it('takes a late report of a sent call, and a late thread, as delays of calls under way too', async (t) => {
    const { clock, pool, system } = await started([{ qps_limit: 1 }]);
    t.after(() => system.stop());
    const ask = (): Promise<LeaseReply> => {
      const waiterId = `own-${clock.now()}-${Math.random()}`;
      return pool.ask(
        { type: 'lease', waiterId, priority: 3, exclude: [], deadline: clock.now() + 60_000 },
        { timeoutMs: 120_000 },
      );
    };
    for (const [told, waitsMs] of [
      [{ agoMs: 0 }, 1_001],
      [{ agoMs: 100 }, 1_001 + 200 - 100],
      [{ agoMs: 0, delayMs: 300 }, 1_001 + 600],
    ] as const) {
      const { leaseId } = granted(await ask());
      await clock.advance(told.agoMs);
      const { agoMs, ...more } = told;
      pool.tell({ type: 'sent', leaseId, at: clock.now() - agoMs, ...more });
      let next: LeaseReply | undefined;
      const waiting = ask().then((reply) => (next = reply));
      await clock.advance(waitsMs - 1);
      assert.equal(next, undefined, JSON.stringify(told));
      await clock.advance(1);
      const { leaseId: second } = granted(await waiting);
      for (const one of [leaseId, second]) pool.tell({ type: 'settle', leaseId: one, outcome: { kind: 'ok' } });
      await clock.advance(60_000);
    }
  });

  it('refuses at the deadline, on withdrawal, and a second request of one id', async (t) => {
    const { clock, lease, pool, system } = await started([{ qps_limit: 1, max_in_flight: 1 }]);
    t.after(() => system.stop());
    await lease();
    const late = lease({ deadline: clock.now() + 3_000 });
    const withdrawn = lease({ waiterId: 'mine' });
    const twice = await lease({ waiterId: 'mine' });
    assert.deepEqual(twice.kind === 'refused' && twice.reason, 'duplicate');
    pool.tell({ type: 'cancel', waiterId: 'mine' });
    const reply = await withdrawn;
    assert.deepEqual(reply.kind === 'refused' && reply.reason, 'cancelled');
    await clock.advance(3_000);
    const refused = await late;
    assert.deepEqual(refused.kind === 'refused' && refused.reason, 'deadline');
  });

  it('tells the log of a key that rests or is disabled, with its name and without the key', async (t) => {
    const { clock, lease, pool, log, system } = await started([{}, {}]);
    t.after(() => system.stop());
    const first = granted(await lease());
    const second = granted(await lease());
    pool.tell({
      type: 'settle',
      leaseId: first.leaseId,
      outcome: { kind: 'rate-limited', retryAfterMs: 5_000, message: '' },
    });
    pool.tell({ type: 'settle', leaseId: second.leaseId, outcome: { kind: 'rejected-key', status: 401, message: '' } });
    await settle();
    const stats = await pool.ask({ type: 'stats' }, { timeoutMs: 1_000 });
    assert.deepEqual(
      { cooling_keys: stats.cooling_keys, disabled_keys: stats.disabled_keys, total_calls: stats.total_calls },
      { cooling_keys: 1, disabled_keys: 1, total_calls: 2 },
    );
    const lines = log.lines.filter((line) => line.level === 'warn');
    assert.deepEqual(
      lines.map((line) => [line.fields['key'], line.fields['status'], line.fields['cause']]),
      [
        ['k1', 'cooling', 'rate-limited'],
        ['k2', 'disabled', 'rejected-key'],
      ],
    );
    assert.ok(!JSON.stringify([log.lines, stats, system.snapshot(), first]).includes(SECRET));
    await clock.advance(5_000);
    assert.equal(granted(await lease()).keyName, 'k1');
  });

  it('shows its figures in the tree', async (t) => {
    const { clock, lease, system } = await started([{}, {}]);
    t.after(() => system.stop());
    await lease();
    await clock.advance(1_000);
    assert.match(JSON.stringify(system.snapshot()), /"total_keys":2,"available_keys":1,"in_use_keys":1/);
  });

  it('does not lose a budget to leases that a restart forgot', async (t) => {
    const { clock, pool, lease, system } = await started([{ qps_limit: 1, rpm_limit: 10 }]);
    t.after(() => system.stop());
    const forgotten = await pool.ask(
      { type: 'lease', waiterId: 'forgotten', priority: 3, exclude: [], deadline: clock.now() + 60_000 },
      { timeoutMs: 1_000 },
    );
    granted(forgotten);
    (pool as unknown as ActorRef<{ type: 'nonsense' }>).tell({ type: 'nonsense' });
    // Restarted after some 100 ms; the forgotten call counts as leaving a second later.
    await clock.advance(500);
    const next = lease();
    await clock.advance(3_000);
    granted(await next);
  });

  it('a change while running outlives a restart of the actor', async (t) => {
    const { clock, pool, system } = await started([{}, {}]);
    t.after(() => system.stop());
    const { keys } = parseKeyConfig(
      {
        api_keys: [
          { name: 'k2', key: `${SECRET}-1` },
          { name: 'k3', key: `${SECRET}-2` },
          { name: 'k4', key: `${SECRET}-3` },
        ],
      },
      {},
    );
    const summary = await pool.ask({ type: 'configure', keys, strategy: 'priority' }, { timeoutMs: 1_000 });
    assert.deepEqual({ added: summary.added, removed: summary.removed }, { added: ['k3', 'k4'], removed: ['k1'] });
    await pool.ask({ type: 'drain', keyName: 'k3', on: true }, { timeoutMs: 1_000 });
    await pool.ask({ type: 'disable', keyName: 'k4', on: true }, { timeoutMs: 1_000 });
    (pool as unknown as ActorRef<{ type: 'nonsense' }>).tell({ type: 'nonsense' });
    await clock.advance(2_000);
    const view = await pool.ask({ type: 'keys' }, { timeoutMs: 1_000 });
    assert.deepEqual(
      view.map((key) => [key.key_id, key.drained, key.switched_off]),
      [
        ['k2', false, false],
        ['k3', true, false],
        ['k4', false, true],
      ],
    );
    assert.ok(!JSON.stringify(view).includes(SECRET));
    assert.equal((await pool.ask({ type: 'stats' }, { timeoutMs: 1_000 })).strategy, 'priority');
  });

  it('does not spend a budget twice over a restart, and rejects who waited so that they ask again', async (t) => {
    const { clock, lease, pool, system } = await started([{ qps_limit: 1, rpm_limit: 2 }]);
    t.after(() => system.stop());
    await lease();
    await clock.advance(1_001);
    await lease();
    const waiting = lease();
    const rejected = assert.rejects(waiting);
    // A message of a type it does not have ends the incarnation.
    (pool as unknown as ActorRef<{ type: 'nonsense' }>).tell({ type: 'nonsense' });
    await settle();
    await rejected;
    await clock.advance(2_000);
    let third: LeaseReply | undefined;
    void lease().then((reply) => (third = reply));
    // The minute's two permits were given at 0 and 1001 ms; a third may come at 60,001 ms.
    await clock.advance(60_000 - 3_001);
    assert.equal(third, undefined);
    await clock.advance(1);
    assert.ok(third !== undefined);
    granted(third);
  });
});
