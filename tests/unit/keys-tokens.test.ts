import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { parseKeyConfig } from '../../src/keys/key-config.ts';
import type { KeyPool } from '../../src/keys/pool.ts';
import type { LeaseGrant, PoolStep } from '../../src/keys/pool.types.ts';
import { TokenEstimates } from '../../src/keys/token-estimate.ts';
import { ASSUMED_CALL, TOKEN_SPAN_MS, type TokenHold, TokenWindow } from '../../src/keys/tokens.ts';
import { ask, grants, keyConfig, keyOf, newWaiter, poolOf, T0, want } from '../support/key-pool.ts';

interface Counted {
  readonly at: number;
  readonly tokens: number;
}

/** Brute force over every closed minute that begins at a call: no other holds more. */
const worstMinute = (calls: readonly Counted[]): number =>
  Math.max(
    0,
    ...calls.map(({ at: from }) =>
      calls.filter(({ at }) => at >= from && at <= from + TOKEN_SPAN_MS).reduce((sum, { tokens }) => sum + tokens, 0),
    ),
  );

const stepArb = fc.record({
  pause: fc.integer({ min: 0, max: 9_000 }),
  most: fc.integer({ min: 1, max: 60 }),
  /** Of `most`, really used. */
  share: fc.double({ min: 0, max: 1, noNaN: true }),
  lasts: fc.integer({ min: 0, max: 40_000 }),
  /** Between the lease and the end. */
  countedAfter: fc.double({ min: 0, max: 1, noNaN: true }),
  end: fc.constantFrom('known', 'known', 'unknown', 'refund'),
});
const OK = { kind: 'ok' } as const;

describe('the window over tokens', () => {
  it('holds at the provider, wherever between lease and end it counts a call', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 60, max: 200 }),
        fc.integer({ min: 0, max: 50 }),
        fc.array(stepArb, { minLength: 20, maxLength: 120 }),
        (limit, guard, steps) => {
          const window = new TokenWindow(limit, guard);
          const counted: Counted[] = [];
          let open: {
            readonly hold: TokenHold;
            readonly until: number;
            readonly used: number | null;
            readonly refund: boolean;
          }[] = [];
          let now = T0;
          for (const { pause, most, share, lasts, countedAfter, end } of steps) {
            now += pause;
            for (const one of open.filter(({ until }) => until <= now).toSorted((a, b) => a.until - b.until)) {
              if (one.refund) one.hold.refund();
              else one.hold.end(one.used, one.until);
            }
            open = open.filter(({ until }) => until > now);
            if (window.nextAt(now, most) !== now) continue;
            const used = Math.floor(most * share);
            open.push({
              hold: window.reserve(most),
              until: now + lasts,
              used: end === 'unknown' ? null : used,
              refund: end === 'refund',
            });
            if (end !== 'refund') counted.push({ at: now + countedAfter * lasts, tokens: used });
          }
          assert.ok(worstMinute(counted) <= limit, JSON.stringify(counted));
        },
      ),
      { numRuns: 300 },
    );
  });

  it('refuses only calls that could break the limit by what it knows, and names the first safe moment', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 60, max: 200 }),
        fc.array(stepArb, { minLength: 20, maxLength: 80 }),
        (limit, steps) => {
          const window = new TokenWindow(limit, 0);
          const over: Counted[] = [];
          let open: { readonly hold: TokenHold; readonly until: number; readonly used: number }[] = [];
          let now = T0;
          const fits = (at: number, most: number): boolean =>
            open.reduce((sum, { hold }) => sum + hold.tokens, 0) +
              over.filter((one) => one.at + 1 > at - TOKEN_SPAN_MS).reduce((sum, { tokens }) => sum + tokens, 0) +
              most <=
            limit;
          for (const { pause, most, share, lasts } of steps) {
            now += pause;
            for (const one of open.filter(({ until }) => until <= now).toSorted((a, b) => a.until - b.until)) {
              one.hold.end(one.used, one.until);
              over.push({ at: one.until, tokens: one.used });
            }
            open = open.filter(({ until }) => until > now);
            const at = window.nextAt(now, most);
            if (at === null) assert.ok(!fits(now + 1_000_000, most), 'only an end can bring it');
            else {
              assert.ok(fits(at, most));
              assert.ok(at === now || !fits(at - 1, most));
            }
            if (at === now)
              open.push({ hold: window.reserve(most), until: now + lasts, used: Math.floor(most * share) });
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('lets a call that needs more than the limit out alone', () => {
    const window = new TokenWindow(100, 0);
    const hold = window.reserve(10);
    assert.equal(window.nextAt(T0, 5_000), null);
    hold.end(10, T0);
    assert.equal(window.nextAt(T0, 5_000), T0 + 60_001);
    assert.equal(window.nextAt(T0 + 60_001, 5_000), T0 + 60_001);
  });

  it('counts without a limit, for one that is set later; ends each hold once; takes orphans to the end', () => {
    const window = new TokenWindow(null, 0);
    const hold = window.reserve(500);
    assert.equal(window.nextAt(T0, 1e9), T0);
    hold.end(300, T0);
    hold.end(300, T0);
    hold.refund();
    assert.equal(window.used(T0), 300);
    window.setLimit(400, 0);
    assert.equal(window.nextAt(T0, 101), T0 + 60_001);
    window.reserve(50);
    window.orphaned(T0 + 5_000);
    assert.deepEqual(
      { used: window.used(T0 + 60_001), usedLater: window.used(T0 + 65_001), idle: window.idle(T0 + 65_001) },
      { used: 50, usedLater: 0, idle: true },
    );
  });
});

describe('the estimate of a call', () => {
  const [spec] = keyConfig([{}]).keys;
  assert.ok(spec !== undefined);
  const bound = { prompt: 4_000, completion: 600 };

  it('is the bound for 20 calls, then the densest prompt of ten minutes and a tenth, and the longest answer', () => {
    const estimates = new TokenEstimates();
    assert.equal(estimates.most(spec, bound, T0), 4_600);
    for (let i = 0; i < 19; i++) estimates.learn(spec, bound, { prompt: 1_000 + i, completion: 50 }, T0);
    assert.equal(estimates.most(spec, bound, T0), 4_600);
    estimates.learn(spec, bound, { prompt: 1_200, completion: 50 }, T0);
    assert.equal(estimates.most(spec, bound, T0), 1_920);
    assert.equal(estimates.most(spec, { prompt: 8_000, completion: 600 }, T0), 3_240);
    assert.equal(estimates.most(spec, bound, T0 + 600_000), 4_600, 'forgotten');
  });

  it('follows a model that takes more than the bound at once', () => {
    const estimates = new TokenEstimates();
    estimates.learn(spec, bound, { prompt: 20_000, completion: 1_200 }, T0);
    assert.equal(estimates.most(spec, bound, T0), 23_200);
  });
});

function take(pool: KeyPool, now: number, tokens = { prompt: 400, completion: 100 }): LeaseGrant | undefined {
  const [grant] = grants(pool.request(want({ deadline: now + 600_000, tokens }), now));
  if (grant !== undefined) pool.sent(grant.leaseId, now, now);
  return grant;
}
function use(pool: KeyPool, now: number, tokens: number): boolean {
  const grant = take(pool, now);
  if (grant !== undefined) pool.settle(grant.leaseId, OK, now, 'key', null, { prompt: tokens, completion: 0 });
  return grant !== undefined;
}
const shared = (tpm: number, count = 2) =>
  Array.from({ length: count }, () => ({ quota_group: 'g', tpm_limit: tpm, qps_limit: 100 }));

describe('tpm_limit in the pool', () => {
  it('is shared by a group; what a call used less is free again, and what is not known stays', () => {
    const pool = poolOf(shared(1_000));
    const [first, second] = [take(pool, T0), take(pool, T0)];
    assert.ok(first !== undefined && second !== undefined && first.keyName !== second.keyName);
    const waiting = ask(pool, T0, 600_000);
    assert.equal(grants(waiting).length, 0);
    assert.equal(keyOf(pool, 'k2', T0).tokens_last_minute, 1_000);
    pool.settle(second.leaseId, { kind: 'timeout', message: '' }, T0 + 10);
    pool.settle(first.leaseId, OK, T0 + 10, 'key', null, { prompt: 100, completion: 20 });
    assert.deepEqual(
      {
        tpm_limit: keyOf(pool, 'k1', T0 + 10).tpm_limit,
        tokens_last_minute: keyOf(pool, 'k1', T0 + 10).tokens_last_minute,
      },
      { tpm_limit: 1_000, tokens_last_minute: 620 },
    );
  });

  it('gives back what a call that was never sent had reserved', () => {
    const pool = poolOf(shared(1_000));
    const [grant] = grants(pool.request(want({ deadline: T0 + 1_000, tokens: { prompt: 800, completion: 200 } }), T0));
    assert.ok(grant !== undefined);
    pool.settle(grant.leaseId, { kind: 'abandoned', message: '' }, T0);
    assert.equal(keyOf(pool, 'k1', T0).tokens_last_minute, 0);
  });

  it('a call that needs much is not overtaken for ever by those that need little', () => {
    const pool = poolOf(shared(1_000, 1));
    for (let i = 0; i < 4; i++) assert.ok(use(pool, T0 + i, 150));
    const big = newWaiter();
    const served: string[] = [];
    const serve = ({ replies }: PoolStep, now: number): void => {
      for (const { waiterId, reply } of replies) {
        assert.ok(reply.kind === 'granted');
        served.push(waiterId);
        serve(pool.settle(reply.leaseId, OK, now, 'key', null, { prompt: 50, completion: 10 }), now);
      }
    };
    serve(
      pool.request(
        { waiterId: big, priority: 3, exclude: [], deadline: T0 + 600_000, tokens: { prompt: 900, completion: 100 } },
        T0 + 10,
      ),
      T0 + 10,
    );
    for (let now = T0 + 500; now < T0 + 61_000; now += 500) {
      serve(pool.request(want({ deadline: now + 400_000, tokens: { prompt: 50, completion: 10 } }), now), now);
    }
    assert.equal(served[0], big, `${served.length} served`);
    assert.ok(served.length > 10, 'the others follow');
  });

  it('a limit that is set, changed and moved while running counts what was used before', () => {
    const pool = poolOf([{ qps_limit: 100 }]);
    for (let i = 0; i < 6; i++) assert.ok(use(pool, T0, 100));
    pool.configure(keyConfig([{ qps_limit: 100, tpm_limit: 1_000 }]).keys, 'round_robin', T0);
    assert.equal(take(pool, T0), undefined);
    const moved = poolOf([{ qps_limit: 100, tpm_limit: 1_000 }]);
    const open = take(moved, T0);
    assert.ok(open !== undefined && use(moved, T0, 300));
    moved.configure(keyConfig(shared(1_000, 1)).keys, 'round_robin', T0);
    assert.equal(keyOf(moved, 'k1', T0).tokens_last_minute, 800);
    moved.settle(open.leaseId, OK, T0, 'key', null, { prompt: 50, completion: 0 });
    assert.equal(keyOf(moved, 'k1', T0).tokens_last_minute, 350);
  });

  it('limits that are changed again and again are kept, with calls that last and use less than reserved', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            after: fc.integer({ min: 0, max: 3_000 }),
            used: fc.integer({ min: 1, max: 500 }),
            holdMs: fc.integer({ min: 0, max: 9_000 }),
          }),
          { minLength: 20, maxLength: 120 },
        ),
        (calls) => {
          const pool = poolOf(shared(2_000));
          const counted: Counted[] = [];
          const out: { readonly id: string; readonly at: number; readonly tokens: number }[] = [];
          let now = T0;
          const note = (granted: readonly LeaseGrant[], used: number, holdMs: number): void => {
            for (const { leaseId } of granted) {
              pool.sent(leaseId, now, now);
              counted.push({ at: now, tokens: used });
              out.push({ id: leaseId, at: now + holdMs, tokens: used });
            }
          };
          for (const { after, used, holdMs } of calls) {
            now += after;
            for (const one of out.splice(0)) {
              if (one.at > now) out.push(one);
              else
                note(
                  grants(pool.settle(one.id, OK, now, 'key', null, { prompt: one.tokens, completion: 0 })),
                  used,
                  holdMs,
                );
            }
            note(
              grants(pool.request(want({ deadline: now + 20_000, tokens: { prompt: 500, completion: 0 } }), now)),
              used,
              holdMs,
            );
          }
          assert.ok(worstMinute(counted) <= 2_000);
          assert.ok(counted.length >= 3);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('tpm_limit in the configuration', () => {
  it('must be the same for a group, a whole number from 1, and is warned of when it is less than one call', () => {
    const parse = (...keys: object[]) =>
      parseKeyConfig(
        { api_keys: keys.map((key, i) => ({ name: `k${i + 1}`, key: '${K}' + String(i), ...key })) },
        { K: 'x' },
      );
    assert.throws(
      () => parse({ quota_group: 'g', tpm_limit: 9_000 }, { quota_group: 'g', tpm_limit: 9_001 }),
      /api_keys\[1\].tpm_limit: must be 9000 as for "k1"/,
    );
    assert.throws(() => parse({ quota_group: 'g', tpm_limit: 9_000 }, { quota_group: 'g' }), /tpm_limit: must be 9000/);
    for (const tpm_limit of [0, -1, 1.5]) assert.throws(() => parse({ tpm_limit }), /tpm_limit/);
    assert.deepEqual(parse({ tpm_limit: 100_000 }).warnings, []);
    assert.match(
      parse({ tpm_limit: ASSUMED_CALL.prompt }).warnings.join(),
      /tpm_limit 6000 is less than one call may use/,
    );
    assert.equal(parse({}).keys[0]?.tpmLimit, null);
  });
});
