import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { showBudget } from '../../src/app/budget-metrics.ts';
import { budgetPort } from '../../src/app/budget-port.ts';
import { budgetReport, keysNeeded, shortageSentence } from '../../src/app/budget-report.ts';
import { RecentAnswers } from '../../src/app/recent-answers.ts';
import { AggregatorFigures, GeneratorFigures, PoolFigures, SchedulerFigures } from '../../src/app/scheduler-figures.ts';
import { SchedulerWatch } from '../../src/app/scheduler-watch.ts';
import { BudgetReport, MOST_CAMERAS } from '../../src/http/schemas/budget-schema.ts';
import { METRICS } from '../../src/infra/metric-table.ts';
import { poolOf } from '../support/key-pool.ts';
import { startedScheduler } from '../support/scheduler.ts';

const T0 = Date.UTC(2026, 10, 27, 12);
const ISO = new Date(T0).toISOString();
const BASE = { mode: 'vlm', bus_ok: true, in_flight: 0, max_concurrent_tasks: 50, queue_lag: {} };
/** A scheduler's figures with these fields; all others as of a scheduler that has done nothing. */
const figures = (over: Record<string, unknown> = {}): SchedulerFigures => SchedulerFigures.parse({ ...BASE, ...over });
const questions = (asked: number, budget: number, superseded = 0) => ({ asked, superseded, budget });
const NO_CALLS = { calls_last_minute: 0, calls_today: 0, cost_today: 0 };
const recent = (over: Record<string, unknown> = {}) => ({
  by_model: 60,
  by_rules: {},
  questions: questions(60, 120),
  calls: 60,
  ...over,
});

/** Notes totals every 5 s for `seconds`, growing evenly by these questions a minute. Returns the end, epoch ms. */
function grow(answers: RecentAnswers, from: number, seconds: number, perMinute: ReturnType<typeof questions>): number {
  for (let at = 0; at <= seconds; at += 5) {
    const grown = (count: number): number => Math.round((count * at) / 60);
    const { asked, budget, superseded } = perMinute;
    answers.note(
      figures({
        assessed: grown(asked + budget),
        rules: { budget: grown(budget) },
        questions: questions(grown(asked), grown(budget), grown(superseded)),
        calls: { used: grown(asked) },
      }),
      from + at * 1_000,
    );
  }
  return from + seconds * 1_000;
}

describe('the last minute of a scheduler', () => {
  it('is not known before a minute was seen, then what was added in it', () => {
    const answers = new RecentAnswers();
    grow(answers, T0, 55, questions(60, 30, 10));
    assert.equal(answers.recent(), null);
    const long = new RecentAnswers();
    grow(long, T0, 300, questions(60, 30, 10));
    assert.deepEqual(long.recent(), {
      by_model: 60,
      by_rules: { budget: 30 },
      questions: questions(60, 30, 10),
      calls: 60,
    });
  });

  it('begins anew when the scheduler was restarted', () => {
    const answers = new RecentAnswers();
    const end = grow(answers, T0, 120, questions(60, 120));
    assert.notEqual(answers.shortSince, null);
    answers.note(figures(), end + 5_000);
    assert.deepEqual({ recent: answers.recent(), since: answers.shortSince }, { recent: null, since: null });
  });

  it('is short of calls when rules answered more than a fifth for a minute, since its beginning', () => {
    for (const [perMinute, isShort] of [
      [questions(80, 20), false],
      [questions(76, 24), true],
      [questions(60, 20, 40), false],
      // Too few to say anything.
      [questions(3, 6), false],
    ] as const) {
      const answers = new RecentAnswers();
      grow(answers, T0, 55, perMinute);
      assert.equal(answers.shortSince, null, 'not within the first minute');
      grow(answers, T0 + 600_000, 180, perMinute);
      assert.equal(answers.shortSince, isShort ? T0 + 600_000 : null, JSON.stringify(perMinute));
    }
  });

  it('is not short any more a minute after enough calls are there', () => {
    const answers = new RecentAnswers();
    grow(answers, T0, 120, questions(0, 60));
    assert.equal(answers.shortSince, T0);
    for (let at = 0; at <= 60; at += 5)
      answers.note(figures({ assessed: 120 + at, questions: questions(at, 120) }), T0 + 120_000 + at * 1_000);
    assert.equal(answers.shortSince, null);
  });

  it('keeps a bounded number of totals, however often they are noted', () => {
    const answers = new RecentAnswers();
    for (let at = 0; at < 10_000; at++) answers.note(figures({ assessed: at }), T0 + at);
    assert.equal(answers.recent(), null, 'the window of 64 notes is shorter than a minute');
  });
});

describe('the keys that would be needed', () => {
  const allowed = (allowed_per_minute: number | null) => ({ ...figures().calls, allowed_per_minute });

  it('are as many as the questions take, with the calls that a question costs', () => {
    // 180 questions a minute; each key allows 30 calls.
    assert.equal(keysNeeded({ recent: recent(), calls: allowed(60) }, 2), 6);
    assert.equal(keysNeeded({ recent: recent({ calls: 90 }), calls: allowed(60) }, 2), 9);
    assert.equal(keysNeeded({ recent: recent({ questions: questions(20, 0) }), calls: allowed(60) }, 2), 2);
  });

  it('are not known without a minute, a key or a rate', () => {
    assert.deepEqual(
      [
        keysNeeded({ recent: null, calls: allowed(60) }, 2),
        keysNeeded({ recent: recent(), calls: allowed(60) }, 0),
        keysNeeded({ recent: recent(), calls: allowed(60) }, null),
        keysNeeded({ recent: recent(), calls: allowed(null) }, 2),
        keysNeeded({ recent: recent(), calls: allowed(0) }, 2),
      ],
      [null, null, null, null, null],
    );
  });

  it('are named while a shortage lasts, in a sentence', () => {
    const short_since = new Date(T0).toISOString();
    assert.equal(
      shortageSentence({ short_since, recent: recent(), calls: allowed(60) }, 2),
      'too few calls since 2026-11-27T12:00:00.000Z: the cameras ask 180 questions a minute, and the keys allow 60, ' +
        'so rules answer 67 % of them; 6 keys like the present 2 would be needed (see GET /api/budget)',
    );
    assert.equal(shortageSentence({ short_since: null, recent: recent(), calls: allowed(60) }, 2), null);
    assert.match(
      shortageSentence({ short_since, recent: recent(), calls: allowed(null) }, 2) ?? '',
      /180 questions a minute, so rules answer 67 % of them \(see/u,
    );
    assert.equal(shortageSentence({ short_since, recent: recent(), calls: allowed(null) }, 0), null, 'rules by choice');
  });
});

describe('the report of the budget', () => {
  const pool = PoolFigures.parse(poolOf([{}, {}, { enabled: false }]).stats(T0));

  const scheduler = figures({
    freshness_ms: 2_000,
    recent: recent(),
    tokens_per_call: { prompt: 800, completion: 60 },
    questions: {
      ...questions(100, 50, 5),
      by_camera: [
        { camera_id: 'calm', ...questions(60, 1) },
        { camera_id: 'busy', ...questions(40, 49, 5) },
      ],
    },
    calls: { allowed_per_minute: 60, used: 110, answer_ms: 900, price: 0.3 },
  });

  it('joins the figures of all stages', () => {
    const report = budgetReport(
      {
        schedulers: [scheduler],
        pools: [pool],
        generators: [
          GeneratorFigures.parse({ carried: 5, byCamera: { calm: { tasks: 9, carried: 4 }, parked: { carried: 1 } } }),
          GeneratorFigures.parse({ carried: 2, byCamera: { parked: { carried: 2 } } }),
        ],
        aggregators: [
          AggregatorFigures.parse({}),
          AggregatorFigures.parse({ freshness: { p50: 1.2, p95: 1.9, count: 4 } }),
        ],
      },
      T0,
    );
    assert.deepEqual(BudgetReport.parse(report), report);
    assert.deepEqual(report.questions, {
      ...questions(100, 50, 5),
      carried: 7,
      per_minute: 180,
      by_camera: [
        { camera_id: 'busy', ...questions(40, 49, 5), carried: 0, ...NO_CALLS },
        { camera_id: 'calm', ...questions(60, 1), carried: 4, ...NO_CALLS },
        { camera_id: 'parked', ...questions(0, 0), carried: 3, ...NO_CALLS },
      ],
    });
    assert.deepEqual(
      { keys: report.keys, freshness: report.freshness, tokens: report.tokens_per_call, used: report.calls.used },
      {
        keys: { present: 2, needed: 6 },
        freshness: { limit_seconds: 2, p50_seconds: 1.2, p95_seconds: 1.9, reached: true },
        tokens: { prompt: 800, completion: 60 },
        used: 110,
      },
    );
  });

  it('adds up the schedulers of all nodes, but not what the keys allow', () => {
    const other = figures({
      short_since: ISO,
      recent: recent({ questions: questions(20, 0, 40) }),
      questions: { ...questions(10, 1), by_camera: [{ camera_id: 'busy', ...questions(10, 1) }] },
      calls: { allowed_per_minute: 60, used: 20, used_last_minute: 5, wasted: 3, answer_ms: 1_400 },
    });
    const report = budgetReport({ schedulers: [scheduler, other], pools: [pool], generators: [], aggregators: [] }, T0);
    assert.deepEqual(BudgetReport.parse(report), report);
    const { by_camera, ...totals } = report.questions;
    assert.deepEqual(totals, { ...questions(110, 51, 5), carried: null, per_minute: 240 });
    assert.deepEqual(by_camera[0], { camera_id: 'busy', ...questions(50, 50, 5), carried: null, ...NO_CALLS });
    assert.deepEqual(report.calls, {
      allowed_per_minute: 60,
      used_last_minute: 5,
      wasted_last_minute: 0,
      used: 130,
      wasted: 3,
      answer_ms: 1_400,
      price: 0.3,
    });
    assert.deepEqual(
      { keys: report.keys, since: report.short_since },
      { keys: { present: 2, needed: 12 }, since: ISO },
    );
  });

  it('tells the use of each limit, cooling keys, the cost, and who got the calls, over all nodes', () => {
    const figuresOf = (camera_id: string, cost: number) =>
      figures({
        freshness_ms: 2_000,
        calls: { by_camera: [{ camera_id, calls: 3 }] },
        today: { cost, budget: 2, by_camera: [{ camera_id, calls: 30, cost: 0.1 }] },
      });
    const [key = assert.fail(), ...more] = pool.keys;
    const used = { used_last_second: 1, used_last_minute: 4, tokens_last_minute: 500 };
    const busy = { ...key, ...used, tpm_limit: 9_000, cooldown_until: new Date(T0 + 4_200).toISOString() };
    const report = budgetReport(
      {
        schedulers: [figuresOf('a', 0.2), figuresOf('b', 0.3), figuresOf('a', 0.1)],
        pools: [{ keys: [{ ...busy, last_error_code: '429' }, ...more] }, { keys: [busy] }],
        generators: [],
        aggregators: [AggregatorFigures.parse({ freshness: { p50: 1, p95: 2.1 } })],
      },
      T0,
    );
    assert.deepEqual(BudgetReport.parse(report), report);
    const { key_id, qps_limit, rpm_limit } = key;
    assert.deepEqual(
      report.limits.filter((limit) => limit.key === key_id || limit.key === null),
      [
        { key: key_id, limit: 'qps', used: 2, of: qps_limit },
        { key: key_id, limit: 'rpm', used: 8, of: rpm_limit },
        { key: key_id, limit: 'tpm', used: 1_000, of: 9_000 },
        { key: null, limit: 'day', used: 0.3, of: 2 },
      ],
    );
    assert.deepEqual(report.cooling, [
      { key: key_id, until: busy.cooldown_until, seconds: 5, notice: 'rests after 429' },
    ]);
    assert.deepEqual([report.cost_today, report.freshness.reached], [0.3, false]);
    const none = { ...questions(0, 0), carried: null };
    assert.deepEqual(report.questions.by_camera, [
      { camera_id: 'a', ...none, calls_last_minute: 6, calls_today: 60, cost_today: 0.2 },
      { camera_id: 'b', ...none, calls_last_minute: 3, calls_today: 30, cost_today: 0.1 },
    ]);
    assert.equal('by_camera' in report.calls, false);
  });

  it('says which figures are not known, and names no more cameras than it may', () => {
    const by_camera = Array.from({ length: 600 }, (_, i) => ({ camera_id: `c${i}`, ...questions(1, i) }));
    const report = budgetReport(
      {
        schedulers: [figures({ questions: { ...questions(600, 0), by_camera } })],
        pools: [],
        generators: [],
        aggregators: [],
      },
      T0,
    );
    assert.deepEqual(BudgetReport.parse(report), report);
    assert.deepEqual(
      { first: report.questions.by_camera[0]?.camera_id, cameras: report.questions.by_camera.length },
      { first: 'c599', cameras: MOST_CAMERAS },
    );
    assert.deepEqual(
      { carried: report.questions.carried, keys: report.keys, p95: report.freshness.p95_seconds },
      { carried: null, keys: { present: null, needed: null }, p95: null },
    );
  });

  it('is refused only when no scheduler answers', async () => {
    const away = () => Promise.reject(new Error('away'));
    const nowhere = { schedulers: away, pools: away, generators: away, aggregators: away };
    const here = { ...nowhere, schedulers: async () => [scheduler] };
    assert.equal((await budgetPort(nowhere, here)()).questions.asked, 100);
    const both = { ...nowhere, schedulers: async () => [scheduler, scheduler] };
    assert.equal((await budgetPort(both, here)()).questions.asked, 200);
    await assert.rejects(budgetPort(nowhere, nowhere)(), /no process with the role scheduler answers/u);
  });

  it('goes into the metrics, with 0 for a figure that is not known', () => {
    const shown = new Map<string, unknown>();
    const metrics = { replace: (name: string, series: Iterable<unknown>) => void shown.set(name, [...series]) };
    showBudget(metrics, figures({ calls: { used: 4 } }), 2);
    assert.deepEqual(shown.get('budget_calls_used_total'), [[{}, 4]]);
    assert.deepEqual([shown.get('budget_calls_allowed'), shown.get('budget_keys_needed')], [[[{}, 0]], [[{}, 0]]]);
    showBudget(metrics, figures({ recent: recent(), calls: { allowed_per_minute: 60 }, short_since: ISO }), 2);
    assert.deepEqual(
      [shown.get('budget_calls_allowed'), shown.get('budget_keys_needed'), shown.get('budget_short')],
      [[[{}, 60]], [[{}, 6]], [[{}, 1]]],
    );
    showBudget(metrics, figures({ recent: recent(), short_since: ISO }), 0);
    assert.deepEqual(shown.get('budget_short'), [[{}, 0]], 'rules by choice');
    assert.ok([...shown.keys()].every((name) => Object.hasOwn(METRICS, name)));
  });
});

describe('the watch over the scheduler', () => {
  it('adds the last minute, the money and the tokens to its statistics', async (t) => {
    const { clock, system, bus, task, stop } = await startedScheduler();
    t.after(() => stop());
    const row = { key: 'k', camera: 'c', calls: 4, promptTokens: 3_202, completionTokens: 200, cost: 1 };
    const ledger = { spent: 0.5, dailyBudget: 2, allows: () => false, rows: () => [row] };
    const watch = new SchedulerWatch({ system, clock, ledger, freshnessMs: () => 2_000 });
    t.after(() => watch.close());
    await watch.look();
    bus.add(task(), task());
    await clock.advance(60_000);
    await watch.look();
    const stats = SchedulerFigures.parse(await watch.stats());
    assert.deepEqual(
      {
        by_model: stats.recent?.by_model,
        within: stats.within_daily_budget,
        freshness: stats.freshness_ms,
        tokens: stats.tokens_per_call,
      },
      { by_model: 2, within: false, freshness: 2_000, tokens: { prompt: 800.5, completion: 50 } },
    );
    assert.deepEqual(stats.today, { cost: 0.5, budget: 2, by_camera: [{ camera_id: 'c', calls: 4, cost: 1 }] });
  });

  it('bears a scheduler that does not answer', async () => {
    const watch = new SchedulerWatch({
      system: { ref: () => ({ ask: () => Promise.reject(new Error('restarting')) }) } as never,
      clock: { now: () => T0 },
      ledger: { spent: 0, dailyBudget: null, allows: () => true, rows: () => [] },
      freshnessMs: () => 2_000,
    });
    await watch.look();
    await assert.rejects(watch.stats(), /restarting/u);
    watch.close();
  });
});
