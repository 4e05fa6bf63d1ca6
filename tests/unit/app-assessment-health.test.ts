import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assessmentHealthOf } from '../../src/app/assessment-health.ts';
import { PoolFigures, SchedulerFigures } from '../../src/app/scheduler-figures.ts';
import { poolView, schedulerView } from '../../src/app/scheduler-port.ts';
import { keyPoolHealth } from '../../src/http/schemas/operations-schema.ts';
import type { CallOutcome } from '../../src/keys/outcome.ts';
import type { KeyPool } from '../../src/keys/pool.ts';
import { lease, poolOf, T0 } from '../support/key-pool.ts';

const ARREARS: CallOutcome = { kind: 'rejected-key', status: 400, why: 'arrears', message: '400 Arrearage' };
const MISSING: CallOutcome = {
  kind: 'misconfigured',
  status: 404,
  message: 'model m cannot be used: 404 no such model',
};
const THOUGHT: CallOutcome = { kind: 'unreadable', reason: 'reasoning-only', message: 'reasoning and no answer' };
const BROKEN: CallOutcome = { kind: 'unreadable', reason: 'no-json', message: 'no JSON' };

const figuresOf = (pool: KeyPool, now = T0) => PoolFigures.parse(pool.stats(now));
const of = (pool: KeyPool, now = T0) => assessmentHealthOf(figuresOf(pool, now));
function settle(pool: KeyPool, outcome: CallOutcome, times = 1, adaptations: readonly string[] = []): void {
  for (let each = 0; each < times; each++)
    pool.settle(lease(pool, T0).leaseId, outcome, T0, 'key', null, null, adaptations);
}
const keys = (count: number): object[] => Array.from({ length: count }, () => ({ qps_limit: 100, rpm_limit: 1_000 }));

const NOTHING_RECENT = { by_model: 0, by_rules: {}, questions: { asked: 0, superseded: 0, budget: 0 }, calls: 0 };
/** Figures of a scheduler that is well, with these fields. */
const figures = (over: Record<string, unknown> = {}): SchedulerFigures =>
  SchedulerFigures.parse({ mode: 'vlm', bus_ok: true, in_flight: 0, max_concurrent_tasks: 1, queue_lag: {}, ...over });

describe('whether a model assesses', () => {
  it('says nothing while all is well, and of keys the operator switched off', () => {
    const pool = poolOf([...keys(1), { enabled: false }]);
    settle(pool, { kind: 'ok' }, 3);
    assert.deepEqual(of(pool), { lastFailure: null, outage: null, defects: [] });
  });

  it('names the keys that are out, with the reason, while others serve', () => {
    const pool = poolOf(keys(2));
    settle(pool, ARREARS);
    settle(pool, { kind: 'ok' });
    assert.deepEqual(of(pool).defects, ['key k1 is out (arrears: the account is not paid (400)); the others serve']);
    assert.equal(of(pool).outage, null);
  });

  it('names a model of which no key can serve, while another assesses', () => {
    const pool = poolOf(
      [{ model: 'big' }, { model: 'big' }, { model: 'small' }].map((key) => ({ ...keys(1)[0], ...key })),
    );
    settle(pool, ARREARS);
    settle(pool, { kind: 'rate-limited', retryAfterMs: 5_000, limit: 'rate', message: 'slow' });
    settle(pool, { kind: 'ok' });
    assert.deepEqual(of(pool).defects, [
      'model big at https://dashscope.aliyuncs.com does not assess: ' +
        'key k1 is out (arrears: the account is not paid (400)); ' +
        `key k2 is resting (rate-limited, the first until ${new Date(T0 + 5_000).toISOString()})`,
    ]);
    assert.equal(of(pool).outage, null);
  });

  it('says in one sentence when every key is out or rests, and is back to normal by itself', () => {
    const pool = poolOf(keys(3));
    settle(pool, ARREARS, 2);
    settle(pool, { kind: 'rate-limited', retryAfterMs: 5_000, limit: 'rate', message: 'slow' });
    const { outage } = of(pool);
    assert.equal(
      outage,
      'No model can assess: keys k1, k2 are out (arrears: the account is not paid (400)); ' +
        `key k3 is resting (rate-limited, the first until ${new Date(T0 + 5_000).toISOString()}). ` +
        'The rules answer meanwhile',
    );
    assert.equal(of(pool, T0 + 5_001).outage, null);
  });

  it('names key, model and reason of a model that is not there, and not for ever', () => {
    const pool = poolOf(keys(1));
    settle(pool, MISSING);
    assert.equal(
      of(pool).outage,
      'No model can assess: key k1 is out (configuration: model m cannot be used: 404 no such model). The rules answer',
    );
    const again = T0 + 60_000;
    pool.settle(lease(pool, again).leaseId, { kind: 'ok' }, again);
    assert.equal(of(pool, again).outage, null);
  });

  it('says that a model refuses all requests once two keys were refused alike, until one is answered', () => {
    const pool = poolOf(keys(2));
    const refused: CallOutcome = { kind: 'rejected-request', status: 400, message: '400 stream only' };
    settle(pool, refused);
    assert.equal(of(pool).outage, null);
    settle(pool, refused);
    assert.match(
      of(pool).outage ?? '',
      /^No model can assess: model .* refuses 2 of the last 2 requests \(400 stream only\)$/u,
    );
    settle(pool, { kind: 'ok' });
    assert.equal(of(pool).outage, null);
  });

  it('tells of reasoning that takes all tokens after one call, of unreadable answers after some', () => {
    const thinking = poolOf(keys(1));
    settle(thinking, THOUGHT);
    const said = of(thinking).outage ?? '';
    assert.match(
      said,
      /^No model can assess: model qwen-vl-plus at https:\/\/dashscope\.aliyuncs\.com: reasoning eats all/,
    );
    assert.match(said, /all tokens of 1 of the last 1 answers; raise max_output_tokens or set extra_body/);
    const odd = poolOf(keys(1));
    settle(odd, BROKEN, 2);
    assert.equal(of(odd).outage, null);
    settle(odd, BROKEN, 2);
    settle(odd, { kind: 'ok' });
    assert.match(of(odd).outage ?? '', /4 of the last 5 answers cannot be read/);
    settle(odd, { kind: 'ok' }, 10);
    assert.equal(of(odd).outage, null);
  });

  it('tells of calls that fail, whatever the circuit does', () => {
    const pool = poolOf(keys(2));
    settle(
      pool,
      { kind: 'server-error', status: 200, message: 'a page came in place of an answer: Just a moment...' },
      3,
    );
    assert.match(of(pool).outage ?? '', /: 3 of the last 3 calls failed \(a page came in place of an answer: Just/);
    settle(pool, { kind: 'ok' }, 9);
    assert.equal(of(pool).outage, null);
  });

  it('a picture that is refused says nothing of the model', () => {
    const pool = poolOf(keys(1));
    settle(pool, { kind: 'content-refused', message: 'inappropriate' }, 9);
    assert.equal(of(pool).outage, null);
  });

  it('stays short with a thousand keys, and without the query or password of an address', () => {
    const pool = poolOf(
      Array.from({ length: 200 }, (_, i) => ({
        qps_limit: 100,
        rpm_limit: 1_000,
        base_url: `http://u:secret@h${i}/v1?token=hidden`,
      })),
    );
    settle(pool, ARREARS, 200);
    const { outage } = of(pool);
    assert.ok(outage !== null && outage.length < 420 && !/secret|hidden/.test(outage), outage ?? '');
  });

  it('is what the health of the scheduler says', () => {
    const pool = poolOf(keys(1));
    settle(pool, ARREARS);
    assert.match(schedulerView(figures(), figuresOf(pool)).message, /^No model can assess/);
    assert.deepEqual(
      {
        status: schedulerView(figures()).status,
        message: schedulerView(figures(), figuresOf(poolOf(keys(1)))).message,
      },
      { status: 'ok', message: 'the model assesses the groups' },
    );
    const down = schedulerView(figures({ provider_down_since: new Date(T0).toISOString() }), figuresOf(pool));
    assert.match(down.message, /the provider has not answered since .* \(400 Arrearage\)/);
  });

  it('names the reason when rules answer in place of a model that seems well', () => {
    const pool = figuresOf(poolOf(keys(1)));
    const after = (by_rules: Record<string, number>, by_model = 0) =>
      schedulerView(figures({ recent: { ...NOTHING_RECENT, by_model, by_rules } }), pool);
    assert.deepEqual(
      { status: after({ 'no-image': 30, timeout: 4 }).status, message: after({ 'no-image': 30, timeout: 4 }).message },
      {
        status: 'degraded',
        message:
          "Rules answered 34 of the last minute's 34 groups in place of the model (30 no-image, their pictures are " +
          'gone; 4 timeout, the model did not answer in time)',
      },
    );
    for (const [by_rules, by_model] of [
      [{ 'no-image': 30 }, 31],
      [{ 'no-image': 4 }, 0],
      [{ budget: 100, superseded: 100, 'no-keys': 100 }, 0],
    ] as const)
      assert.equal(after(by_rules, by_model).status, 'ok', JSON.stringify(by_rules));
  });

  it('says that the model answers more slowly than verdicts may be old, with its name', () => {
    const pool = poolOf(keys(1));
    settle(pool, { kind: 'ok' });
    const after = (answer_ms: number | null) =>
      schedulerView(figures({ freshness_ms: 2_000, calls: { answer_ms } }), figuresOf(pool));
    assert.match(
      after(2_640).message,
      /^model qwen-vl-plus at \S+: an answer takes 2\.6 s, longer than freshness_seconds \(2 s\)/u,
    );
    assert.deepEqual(
      [after(2_640), after(2_000), after(null)].map(({ status }) => status),
      ['degraded', 'ok', 'ok'],
    );
  });

  it('tells of money that is spent and of too few calls, which are no faults', () => {
    const pool = figuresOf(poolOf(keys(2)));
    const spent = schedulerView(figures({ within_daily_budget: false }), pool);
    assert.match(spent.message, /^the day's budget is spent: rules assess the groups/u);
    const short = schedulerView(
      figures({
        short_since: new Date(T0).toISOString(),
        recent: { ...NOTHING_RECENT, by_model: 60, questions: { asked: 60, superseded: 0, budget: 120 } },
        calls: { allowed_per_minute: 60 },
      }),
      pool,
    );
    assert.match(short.shortage ?? '', /^too few calls since .*; 6 keys like the present 2 would be needed/u);
    assert.deepEqual(
      {
        spent: spent.status,
        short: short.status,
        says: short.message,
        shortage: schedulerView(figures(), pool).shortage,
      },
      { spent: 'ok', short: 'ok', says: short.shortage, shortage: null },
    );
  });

  it('states that there are no keys, or that all are switched off, as no fault and no shortage', () => {
    const recent = { ...NOTHING_RECENT, questions: { asked: 0, superseded: 0, budget: 120 } };
    const rules = figures({ mode: 'rules', short_since: new Date(T0).toISOString(), recent });
    const none = schedulerView(rules, figuresOf(poolOf([])));
    assert.deepEqual(
      [none.status, none.shortage, none.source, none.message],
      ['ok', null, 'rules', keyPoolHealth(poolView(figuresOf(poolOf([])))).message],
    );
    assert.match(none.message, /^no API key is configured: measured events alone raise alerts.* to add a key, see/u);
    const off = schedulerView(rules, figuresOf(poolOf([{ enabled: false }])));
    assert.match(off.message, /^every API key is switched off: measured events alone raise alerts/u);
    assert.deepEqual([off.status, off.shortage], ['ok', null]);
  });

  it('keeps what is remembered of a model for all of its keys', () => {
    const pool = poolOf(keys(2));
    settle(pool, { kind: 'ok' }, 1, ['streamed', 'max_completion_tokens']);
    assert.deepEqual(
      pool.view(T0).map(({ adaptations }) => adaptations),
      [
        ['streamed', 'max_completion_tokens'],
        ['streamed', 'max_completion_tokens'],
      ],
    );
    assert.deepEqual(
      pool.stats(T0).models.map(({ adaptations }) => adaptations),
      [['streamed', 'max_completion_tokens']],
    );
  });
});
