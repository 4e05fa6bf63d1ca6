import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { GroupAssessment } from '../../src/messages/assessment.ts';
import { aggregate } from '../support/http-samples.ts';
import { judge, type Verdict } from './checker.ts';
import { historyOf } from './collect.ts';
import type { Answer, ChaosRecord, Seen } from './record.ts';
import { runChaos } from './run.ts';
import { type FaultKind, FAULTS, scheduleOf } from './schedule.ts';

describe('the schedule of faults', () => {
  const plan = { totalMs: 600_000, calmMs: 3_000, gapMs: [2_000, 4_000], kinds: FAULTS } as const;

  it('is the same for the same seed, and another for another', () => {
    assert.deepEqual(scheduleOf({ ...plan, seed: 5 }), scheduleOf({ ...plan, seed: 5 }));
    assert.notDeepEqual(scheduleOf({ ...plan, seed: 5 }), scheduleOf({ ...plan, seed: 6 }));
  });

  it('has one fault at a time, with calm between them and at both ends, and every kind before any comes again', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const faults = scheduleOf({ ...plan, seed });
      assert.equal(new Set(faults.slice(0, FAULTS.length).map(({ kind }) => kind)).size, FAULTS.length);
      for (const [index, { at, forMs }] of faults.entries()) {
        const next = faults[index + 1]?.at ?? plan.totalMs - plan.calmMs + plan.gapMs[0];
        assert.ok(at >= plan.calmMs && next - (at + forMs) >= plan.gapMs[0], `seed ${seed}, fault ${index}`);
      }
    }
  });
});

describe('the judge of a run', () => {
  const AT = 1_700_000_000_000;
  /** The same frame, with this in place of its group's assessment. */
  const shows = (frame: Aggregate, over: Partial<GroupAssessment>): Aggregate => ({
    ...frame,
    riskAssessment: {
      ...frame.riskAssessment,
      results: frame.riskAssessment.results.map((result) => ({ ...result, ...over })),
    },
  });
  /** Six final revisions; the model has assessed each group. */
  const frames = Array.from({ length: 6 }, (_, index) =>
    shows(
      aggregate('north', {
        risk: index % 2 === 0 ? 'high' : 'low',
        revision: 1,
        timestamp: new Date(AT + index * 1_000).toISOString(),
        publishedAt: new Date(AT + index * 1_000 + 500).toISOString(),
      }),
      { source: 'vlm' },
    ),
  );
  /** What went out before: the verdict of the rules, which is no alert. */
  const firsts = frames.map((frame) =>
    shows({ ...frame, revision: 0 }, { source: 'rules', reason: 'pending', riskLevel: 'high' }),
  );
  const published = (finals: readonly Aggregate[]): readonly Aggregate[] => [...firsts, ...finals];
  const alerts = frames.filter(({ riskAssessment }) => riskAssessment.maxRiskLevel === 'high');
  const [first, second, third] = frames as [(typeof frames)[number], (typeof frames)[number], (typeof frames)[number]];
  const seen = frames.flatMap(({ requestId, revision, timestamp, riskAssessment }, index): Seen[] =>
    (riskAssessment.maxRiskLevel === 'high'
      ? (['detection_result', 'alert'] as const)
      : (['detection_result'] as const)
    ).map((type) => ({ type, requestId, revision, frameAt: Date.parse(timestamp), at: AT + index * 1_000 + 600 })),
  );
  const history = historyOf(alerts);
  const good: ChaosRecord = {
    emitted: frames.map(({ requestId, cameraId, trafficGroups, timestamp }) => ({
      requestId,
      cameraId,
      groups: trafficGroups.length,
      at: Date.parse(timestamp),
    })),
    shed: [],
    shedCounted: 0,
    aggregates: published(frames),
    answers: frames.map(({ requestId, riskAssessment }) => ({
      taskId: `${requestId}_group1`,
      source: 'vlm',
      level: riskAssessment.maxRiskLevel,
    })),
    history,
    redis: history,
    seen,
    seenByReturning: seen,
    deadLetters: 0,
    faults: [{ kind: 'kill-nats', at: 0, forMs: 0, victim: 0, beganAt: AT + 1_500, endedAt: AT + 1_500 }],
    violations: [],
  };
  const verdict = (over: Partial<ChaosRecord>): Verdict => judge({ ...good, ...over }, AT + 60_000, 0);
  /** With the second frame's group shown like this, and answered like this; null: not at all. */
  const groupOfSecond = (over: Partial<GroupAssessment>, answer: Partial<Answer> | null): Partial<ChaosRecord> => ({
    aggregates: published(frames.map((each) => (each === second ? shows(each, over) : each))),
    answers: good.answers.flatMap((each) =>
      each.taskId !== `${second.requestId}_group1` ? [each] : answer === null ? [] : [{ ...each, ...answer }],
    ),
  });
  const without =
    (gone: { readonly requestId: string }) =>
    (each: { readonly requestId: string }): boolean =>
      each.requestId !== gone.requestId;

  it('finds a whole run well', () => {
    const { ok, emitted, aggregated, verdicts, recovery, alerts: found } = verdict({});
    assert.deepEqual(
      { ok, emitted, aggregated, verdicts, inHistory: found.inHistory },
      { ok: true, emitted: 6, aggregated: 6, verdicts: { vlm: 6 }, inHistory: 3 },
    );
    assert.deepEqual(recovery, [{ kind: 'kill-nats', ms: 1_100, judgedMs: 1_000 }]);
  });

  const BY_RULES = { source: 'rules', level: 'low' } as const;
  const wellSaid: readonly (readonly [string, Partial<ChaosRecord>, string])[] = [
    [
      'was superseded in the bus, so that nobody answered',
      groupOfSecond({ source: 'rules', reason: 'superseded' }, null),
      'rules, superseded',
    ],
    ['had no call to spare', groupOfSecond({ source: 'rules', reason: 'budget' }, BY_RULES), 'rules, budget'],
    ['was answered late', groupOfSecond({ carried: true, reason: 'late' }, null), 'carried, late'],
    ['the model failed on', groupOfSecond({ source: 'rules', reason: 'timeout' }, BY_RULES), 'rules, timeout'],
    ['the model says it cannot tell', groupOfSecond({ riskLevel: 'unknown' }, { level: 'unknown' }), 'vlm'],
    [
      'the model cannot tell after an earlier verdict',
      groupOfSecond({ carried: true }, { level: 'unknown' }),
      'carried',
    ],
  ];
  for (const [what, over, mark] of wellSaid) {
    it(`finds nothing wrong with a group that ${what}, and counts it`, () => {
      const { ok, verdicts } = verdict(over);
      assert.deepEqual({ ok, verdicts }, { ok: true, verdicts: mark === 'vlm' ? { vlm: 6 } : { vlm: 5, [mark]: 1 } });
    });
  }

  it('takes a carried verdict without a question for well only while nothing in the group changes', () => {
    const carried = groupOfSecond({ carried: true }, null);
    const unchanged = (carried.aggregates ?? []).map((each) => ({
      ...each,
      trafficGroups: each.trafficGroups.map((group) => ({ ...group, unchangedSince: new Date(AT).toISOString() })),
    }));
    assert.deepEqual(
      { ok: verdict({ ...carried, aggregates: unchanged }).ok, silent: verdict(carried).silent.length },
      { ok: true, silent: 1 },
    );
  });

  it('takes a high level that is carried, or that of rules while the model may answer, for no alert', () => {
    const fewer = historyOf(alerts.slice(1));
    const aggregates = published(frames.map((each) => (each === first ? shows(each, { carried: true }) : each)));
    const answers = good.answers.map((each) =>
      each.taskId === `${first.requestId}_group1` ? { ...each, ...BY_RULES } : each,
    );
    assert.equal(verdict({ aggregates, answers, history: fewer, redis: fewer }).ok, true);
  });

  it('takes a frame that was shed, counted and named for no loss; one that nobody counted is silent', () => {
    const aggregates = published(frames).filter(without(second));
    assert.deepEqual(
      {
        ok: verdict({ aggregates, shed: [second.requestId], shedCounted: 1 }).ok,
        silent: verdict({ aggregates, shed: [second.requestId] }).silent.length,
      },
      { ok: true, silent: 1 },
    );
  });

  const planted: readonly (readonly [string, Partial<ChaosRecord>, (verdict: Verdict) => readonly unknown[]])[] = [
    ['a lost frame', { aggregates: published(frames).filter(without(second)) }, ({ lost }) => lost],
    ['a frame that went out twice', { aggregates: [...published(frames), second] }, ({ doubled }) => doubled],
    [
      'revisions out of order',
      { aggregates: [{ ...first, revision: 1 }, ...published(frames)] },
      ({ doubled }) => doubled,
    ],
    ['a task with two results', { answers: [...good.answers, ...good.answers.slice(0, 1)] }, ({ doubled }) => doubled],
    [
      'a group of which nothing is said',
      {
        aggregates: published(
          frames.map((each) =>
            each === second ? { ...each, riskAssessment: { ...each.riskAssessment, results: [] } } : each,
          ),
        ),
      },
      ({ silent }) => silent,
    ],
    [
      'a group that is still pending at the end',
      groupOfSecond({ source: 'rules', reason: 'pending' }, null),
      ({ silent }) => silent,
    ],
    [
      'a group that was never answered, though its question had a place in the budget',
      groupOfSecond({ source: 'rules', reason: 'budget' }, null),
      ({ silent }) => silent,
    ],
    [
      "a model's answer that no aggregate shows",
      groupOfSecond({ source: 'rules', reason: 'late' }, {}),
      ({ silent }) => silent,
    ],
    ["a model's answer that nobody gave", groupOfSecond({}, null), ({ silent }) => silent],
    [
      'a verdict of rules that does not say why',
      groupOfSecond({ source: 'rules' }, { source: 'rules' }),
      ({ silent }) => silent,
    ],
    [
      'a group that is unknown though no model said so',
      groupOfSecond({ source: 'rules', reason: 'timeout', riskLevel: 'unknown' }, { source: 'rules' }),
      ({ unknown }) => unknown,
    ],
    [
      'a group that vanished',
      { emitted: good.emitted.map((each) => (each.requestId === second.requestId ? { ...each, groups: 2 } : each)) },
      ({ silent }) => silent,
    ],
    [
      'an alert that is not in the history',
      { history: historyOf(alerts.slice(1)), redis: historyOf(alerts.slice(1)) },
      ({ alerts: { differ } }) => differ,
    ],
    ['an alert that Redis does not have', { redis: historyOf(alerts.slice(1)) }, ({ alerts: { differ } }) => differ],
    [
      'alerts in another order in Redis',
      { redis: { north: (history['north'] ?? []).toReversed() } },
      ({ alerts: { differ } }) => differ,
    ],
    [
      'an older revision of an alert in Redis',
      { history: historyOf([...alerts, { ...third, revision: 2 }]) },
      ({ alerts: { differ } }) => differ,
    ],
    [
      'an alert that a viewer never saw',
      { seenByReturning: seen.filter((each) => !(each.type === 'alert' && each.requestId === first.requestId)) },
      ({ alerts: { unseen } }) => unseen,
    ],
    [
      'a feed that came back late',
      { seen: seen.map((each) => (each.type === 'detection_result' ? { ...each, at: each.at + 5_000 } : each)) },
      ({ recovery }) => recovery.filter(({ ms }) => (ms ?? Infinity) > 5_000),
    ],
    [
      'a feed that never came back',
      { seen: seen.filter(({ type, at }) => type === 'alert' || at < AT + 1_500) },
      ({ recovery }) => recovery.filter(({ ms }) => ms === null),
    ],
    [
      'more calls than a key allows',
      { violations: [{ budget: 'key:k', spanMs: 1_000, limit: 5, calls: 6, unit: 'calls', from: AT }] },
      ({ violations }) => Array.from({ length: violations }),
    ],
  ];
  for (const [what, over, list] of planted) {
    it(`finds ${what}`, () => {
      const found = verdict(over);
      assert.equal(found.ok, false);
      assert.equal(list(found).length, 1);
    });
  }

  it('a run in which nothing was emitted proves nothing', () => {
    assert.equal(verdict({ emitted: [], aggregates: [], answers: [], history: {}, redis: {}, faults: [] }).ok, false);
  });
});

/** The longer faults, and the others, come with `npm run chaos`. */
const SHORT: readonly FaultKind[] = [
  'kill-nats',
  'kill-redis',
  'kill-scheduler',
  'kill-aggregator',
  'kill-camera-thread',
  'full-disk',
];

test(
  'a whole Gantry, broken in a few ways by a fixed seed, loses, doubles and hides nothing',
  { timeout: 300_000 },
  async (t) => {
    const result = await runChaos({
      seed: 27,
      totalMs: 24_000,
      calmMs: 2_000,
      gapMs: [2_500, 4_000],
      kinds: SHORT,
      // Other tests share the processors: `npm run chaos` holds the feed to its five seconds.
      feedBackMs: 60_000,
      say: (line) => t.diagnostic(line),
    });
    const { ok, lost, doubled, silent, unknown, alerts, violations, recovery, folder, aggregated, faults } = result;
    assert.ok(
      ok,
      `${JSON.stringify({ lost, doubled, silent, unknown, alerts, violations, recovery }, null, 2)}\nlogs: ${folder}`,
    );
    assert.ok(faults.length >= 5 && faults.every(({ skipped }) => skipped === undefined), JSON.stringify(faults));
    assert.ok(
      aggregated > 20 && alerts.inHistory > 3,
      `${aggregated} frames with groups, ${alerts.inHistory} alerts: enough to mean something`,
    );
  },
);
