import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Circuit, LONGEST_RETRY_MS } from '../../src/keys/circuit.ts';
import { circuitName } from '../../src/keys/circuits.ts';
import type { CallOutcome, CallOutcomeKind } from '../../src/keys/outcome.ts';
import { KeyPool } from '../../src/keys/pool.ts';
import { poolSettings, type LeaseGrant, type PoolStep } from '../../src/keys/pool.types.ts';
import { ask, grants, keyConfig, keyOf, lease, newWaiter, reasons, T0 } from '../support/key-pool.ts';

const OK: CallOutcome = { kind: 'ok' };
const TIMEOUT: CallOutcome = { kind: 'timeout', message: '' };

/** A pool whose waits are not jittered. */
function poolOf(keys: readonly object[], scheduler: object = {}): KeyPool {
  const config = keyConfig(keys, 'round_robin', scheduler);
  return new KeyPool(config.keys, poolSettings(config.strategy, config.scheduler), undefined, 'lease', null, () => 0);
}
const four = Array.from({ length: 4 }, () => ({ qps_limit: 100 }));
const states = (pool: KeyPool, now: number): string[] => pool.stats(now).circuits.map((circuit) => circuit.state);
function fail(pool: KeyPool, now: number, times: number): void {
  for (let i = 0; i < times; i++) pool.settle(lease(pool, now).leaseId, TIMEOUT, now);
}

describe('the circuit of a provider', () => {
  it('is shared by ungrouped keys of one endpoint and model; a group has its own; names show no password', () => {
    const { keys } = keyConfig([
      {},
      {},
      { quota_group: 'a' },
      { model: 'other' },
      { base_url: 'https://user:pass@example.com:8443/v1/?key=1' },
    ]);
    assert.deepEqual(keys.map(circuitName), [
      'qwen-vl-plus at dashscope.aliyuncs.com/compatible-mode/v1',
      'qwen-vl-plus at dashscope.aliyuncs.com/compatible-mode/v1',
      'group a at dashscope.aliyuncs.com/compatible-mode/v1',
      'other at dashscope.aliyuncs.com/compatible-mode/v1',
      'qwen-vl-plus at example.com:8443/v1',
    ]);
  });

  it('opens when half of at least five calls fail, over all keys together, and not before', () => {
    const pool = poolOf(four);
    fail(pool, T0, 4);
    assert.deepEqual({ states: states(pool, T0), state: pool.state }, { states: ['closed'], state: 'serving' });
    fail(pool, T0, 1);
    assert.deepEqual({ states: states(pool, T0), state: pool.state }, { states: ['open'], state: 'provider-down' });
    assert.deepEqual(pool.stats(T0).circuits[0], {
      group: 'qwen-vl-plus at dashscope.aliyuncs.com/compatible-mode/v1',
      state: 'open',
      since: new Date(T0).toISOString(),
      failures: 5,
      retryAt: new Date(T0 + 1_000).toISOString(),
    });
    assert.deepEqual(
      pool.circuitChanges(T0).map(({ state }) => state),
      ['open'],
    );
    assert.deepEqual(pool.circuitChanges(T0), [], 'told once');
  });

  it('stays closed while most calls are answered, however many fail; a 429 and a refused key say nothing', () => {
    const pool = poolOf(four, { max_retry_per_key: 1_000 });
    for (let i = 0; i < 300; i++) {
      const now = T0 + i * 20;
      pool.settle(lease(pool, now).leaseId, i % 4 === 0 ? TIMEOUT : OK, now);
    }
    assert.deepEqual(states(pool, T0 + 6_000), ['closed']);
    const quiet = poolOf(Array.from({ length: 10 }, () => ({})));
    for (let i = 0; i < 5; i++)
      quiet.settle(lease(quiet, T0).leaseId, { kind: 'rate-limited', retryAfterMs: 1_000, message: '' }, T0);
    for (let i = 0; i < 5; i++)
      quiet.settle(lease(quiet, T0).leaseId, { kind: 'rejected-key', status: 401, message: '' }, T0);
    assert.deepEqual(states(quiet, T0), ['closed']);
  });

  it('opens when its only key fails too often in a row; the rest of the key does not outlive the outage', () => {
    const pool = poolOf([{}]);
    fail(pool, T0, 3);
    assert.deepEqual(
      { states: states(pool, T0), status: keyOf(pool, 'k1', T0).status },
      { states: ['open'], status: 'cooling' },
    );
    const trial = lease(pool, T0 + 1_000);
    assert.equal(trial.trial, true);
    pool.settle(trial.leaseId, OK, T0 + 1_200);
    assert.deepEqual(
      { states: states(pool, T0 + 1_200), status: keyOf(pool, 'k1', T0 + 1_200).status, state: pool.state },
      { states: ['closed'], status: 'available', state: 'serving' },
    );
    assert.deepEqual(
      [lease(pool, T0 + 1_200), lease(pool, T0 + 1_200)].map((grant) => grant.trial),
      [false, false],
    );
  });

  it('a rest that a 429 asked for outlives the outage', () => {
    const pool = poolOf(four);
    pool.settle(lease(pool, T0).leaseId, { kind: 'rate-limited', retryAfterMs: 60_000, message: '' }, T0);
    fail(pool, T0, 5);
    pool.settle(lease(pool, T0 + 1_000).leaseId, OK, T0 + 1_100);
    assert.deepEqual(
      pool.stats(T0 + 1_100).keys.map((key) => key.status),
      ['cooling', 'available', 'available', 'available'],
    );
  });

  it('lets one trial out after 1, 2, 4, 8, 16, 30, 30 s, one at a time', () => {
    const pool = poolOf(four);
    fail(pool, T0, 5);
    let now = T0;
    for (const wait of [1, 2, 4, 8, 16, 30, 30]) {
      const early = ask(pool, now + wait * 1_000 - 1);
      assert.equal(grants(early).length, 0);
      now += wait * 1_000;
      const [trial] = grants(pool.advance(now));
      assert.ok(trial?.trial === true, `after ${wait} s`);
      assert.equal(grants(ask(pool, now)).length, 0, 'one at a time');
      assert.deepEqual(states(pool, now), ['half-open']);
      pool.settle(trial.leaseId, TIMEOUT, now);
      assert.deepEqual(states(pool, now), ['open']);
    }
  });

  it('keys of another provider serve meanwhile', () => {
    const pool = poolOf([{}, { base_url: 'https://example.com/v1', qps_limit: 100 }]);
    for (let i = 0; i < 3; i++) {
      const both = [lease(pool, T0), lease(pool, T0)];
      for (const grant of both) pool.settle(grant.leaseId, grant.keyName === 'k1' ? TIMEOUT : OK, T0);
    }
    assert.deepEqual({ states: states(pool, T0), state: pool.state }, { states: ['open', 'closed'], state: 'serving' });
    assert.deepEqual(
      [lease(pool, T0), lease(pool, T0), lease(pool, T0)].map((grant) => grant.keyName),
      ['k2', 'k2', 'k2'],
    );
  });

  it('waiters wait for the trial while their deadline allows, and are told why nothing came', () => {
    const pool = poolOf(four);
    fail(pool, T0, 5);
    assert.deepEqual(reasons(ask(pool, T0, 900)), ['provider-down']);
    const waiting = ask(pool, T0, 5_000);
    assert.deepEqual({ replies: waiting.replies, wakeAt: waiting.wakeAt }, { replies: [], wakeAt: T0 + 1_000 });
    assert.equal(grants(pool.advance(T0 + 1_000)).length, 1);
    ask(pool, T0 + 1_000, 2_000);
    assert.deepEqual(reasons(pool.advance(T0 + 3_000)), ['provider-down']);
    const full = poolOf([{ qps_limit: 1 }]);
    lease(full, T0);
    assert.deepEqual(reasons(ask(full, T0, 500)), ['deadline']);
  });

  it('calls in flight when it opened neither count again, nor close it, nor speak against their keys', () => {
    const pool = poolOf(four);
    const inFlight = Array.from({ length: 20 }, () => lease(pool, T0));
    fail(pool, T0, 5);
    for (const grant of inFlight.slice(0, 10)) pool.settle(grant.leaseId, TIMEOUT, T0 + 500);
    pool.settle(inFlight[10]?.leaseId ?? '', OK, T0 + 600);
    const [circuit] = pool.stats(T0 + 600).circuits;
    assert.deepEqual(
      { state: circuit?.state, failures: circuit?.failures, retryAt: circuit?.retryAt },
      { state: 'open', failures: 5, retryAt: new Date(T0 + 1_000).toISOString() },
    );
    pool.settle(lease(pool, T0 + 1_000).leaseId, OK, T0 + 1_100);
    for (const grant of inFlight.slice(11)) pool.settle(grant.leaseId, TIMEOUT, T0 + 1_200);
    assert.deepEqual(
      { states: states(pool, T0 + 1_200), cooling_keys: pool.stats(T0 + 1_200).cooling_keys },
      { states: ['closed'], cooling_keys: 0 },
    );
  });

  it('a trial that is given up is followed by another at once; one that nobody settles counts as failed', () => {
    const pool = poolOf(four, { timeout_seconds: 1 });
    fail(pool, T0, 5);
    pool.settle(lease(pool, T0 + 1_000).leaseId, { kind: 'abandoned', message: '' }, T0 + 1_000);
    lease(pool, T0 + 1_001);
    pool.advance(T0 + 7_001);
    assert.equal(pool.stats(T0 + 7_001).circuits[0]?.retryAt, new Date(T0 + 9_001).toISOString());
  });

  it('is forgotten with its last key, and a key that comes to another provider starts there', () => {
    const pool = poolOf([{}]);
    fail(pool, T0, 3);
    pool.configure(keyConfig([{ base_url: 'https://example.com/v1' }]).keys, 'round_robin', T0);
    assert.deepEqual(
      pool.stats(T0).circuits.map(({ group, state }) => [group, state]),
      [['qwen-vl-plus at example.com/v1', 'closed']],
    );
    assert.equal(lease(pool, T0).keyName, 'k1');
  });

  it('never has two trials, never calls while open, and closes within its longest wait after an outage', () => {
    const kinds: readonly CallOutcomeKind[] = [
      'ok',
      'timeout',
      'server-error',
      'network',
      'rate-limited',
      'abandoned',
      'unreadable',
    ];
    const event = fc.record({
      after: fc.integer({ min: 0, max: 4_000 }),
      begin: fc.boolean(),
      end: fc.nat(),
      outcome: fc.constantFrom(...kinds),
      lost: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(event, { minLength: 20, maxLength: 200 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (events, random) => {
          const circuit = new Circuit('g', () => random);
          let now = T0;
          const open: ReturnType<Circuit['begin']>[] = [];
          for (const { after, begin, end, outcome, lost } of events) {
            now += after;
            if (begin && circuit.nextAt(now) === now) {
              assert.notEqual(circuit.state(now), 'open');
              open.push(circuit.begin());
            }
            assert.ok(open.filter((mark) => mark.trial).length <= 1, 'two trials');
            if (!begin && open.length > 0) {
              const [mark] = open.splice(end % open.length, 1);
              assert.ok(mark !== undefined);
              if (lost && outcome === 'timeout') circuit.lost(mark, now);
              else circuit.end(mark, outcome, now);
            }
          }
          // From here on the provider answers all; calls already out end first.
          for (const mark of open) circuit.end(mark, 'timeout', now);
          const works = now;
          while (!circuit.closed) {
            const at = circuit.nextAt(now);
            assert.ok(at !== null && at <= works + LONGEST_RETRY_MS, 'not within the bound');
            now = at;
            circuit.end(circuit.begin(), 'ok', now);
          }
        },
      ),
      { numRuns: 500 },
    );
  });

  it('over random traffic in a pool: one trial at a time, and all keys serve again after an outage', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ after: fc.integer({ min: 1, max: 800 }), holdMs: fc.integer({ min: 0, max: 3_000 }) }), {
          minLength: 30,
          maxLength: 120,
        }),
        (calls) => {
          const pool = poolOf([{ qps_limit: 20 }, { qps_limit: 20 }, { qps_limit: 20 }]);
          const works = T0 + 20_000;
          const out = new Map<string, { readonly at: number; readonly grant: LeaseGrant; readonly ok: boolean }>();
          let now = T0;
          const note = (step: PoolStep, holdMs: number): void => {
            for (const grant of grants(step)) {
              const notClosed = states(pool, now)[0] !== 'closed';
              assert.ok(
                !notClosed || [...out.values()].every((one) => !one.grant.trial || one.grant.grantedAt < now),
                'two trials',
              );
              pool.sent(grant.leaseId, now, now);
              out.set(grant.leaseId, { at: now + holdMs, grant, ok: now >= works });
            }
          };
          for (const { after, holdMs } of calls) {
            now += after;
            for (const [id, { at, ok }] of out) {
              if (at > now) continue;
              out.delete(id);
              note(pool.settle(id, ok ? OK : TIMEOUT, now), holdMs);
            }
            note(
              pool.request({ waiterId: newWaiter(), priority: 3, exclude: [], deadline: now + 30_000 }, now),
              holdMs,
            );
          }
          now = Math.max(now, works) + 100_000;
          for (const id of out.keys()) pool.settle(id, TIMEOUT, now);
          for (let i = 0; i < 5 && states(pool, now)[0] !== 'closed'; i++) {
            now += LONGEST_RETRY_MS;
            const [grant] = grants(ask(pool, now));
            if (grant !== undefined) pool.settle(grant.leaseId, OK, now);
          }
          assert.deepEqual(
            { states: states(pool, now), cooling_keys: pool.stats(now).cooling_keys },
            { states: ['closed'], cooling_keys: 0 },
          );
        },
      ),
      { numRuns: 60 },
    );
  });
});
