import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import { aggregate } from '../support/http-samples.ts';
import { judge, type Verdict } from './checker.ts';
import { historyOf } from './collect.ts';
import type { ChaosRecord, Seen } from './record.ts';
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
  const frames = Array.from({ length: 6 }, (_, index) =>
    aggregate('north', {
      risk: index % 2 === 0 ? 'high' : 'low',
      timestamp: new Date(AT + index * 1_000).toISOString(),
      publishedAt: new Date(AT + index * 1_000 + 500).toISOString(),
    }),
  );
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
    aggregates: frames,
    resultTaskIds: frames.map(({ requestId }) => `${requestId}_group1`),
    history,
    redis: history,
    seen,
    seenByReturning: seen,
    deadLetters: 0,
    faults: [{ kind: 'kill-nats', at: 0, forMs: 0, victim: 0, beganAt: AT + 1_500, endedAt: AT + 1_500 }],
    violations: [],
  };
  const verdict = (over: Partial<ChaosRecord>): Verdict => judge({ ...good, ...over }, AT + 60_000, 0);
  const without =
    (gone: { readonly requestId: string }) =>
    (each: { readonly requestId: string }): boolean =>
      each.requestId !== gone.requestId;

  it('finds a whole run well', () => {
    const { ok, emitted, aggregated, recovery, alerts: found } = verdict({});
    assert.deepEqual(
      { ok, emitted, aggregated, inHistory: found.inHistory },
      { ok: true, emitted: 6, aggregated: 6, inHistory: 3 },
    );
    assert.deepEqual(recovery, [{ kind: 'kill-nats', ms: 1_100 }]);
  });

  it('takes a frame that was shed, counted and named for no loss; one that nobody counted is silent', () => {
    const aggregates = frames.filter(without(second));
    assert.deepEqual(
      {
        ok: verdict({ aggregates, shed: [second.requestId], shedCounted: 1 }).ok,
        silent: verdict({ aggregates, shed: [second.requestId] }).silent.length,
      },
      { ok: true, silent: 1 },
    );
  });

  const planted: readonly (readonly [string, Partial<ChaosRecord>, (verdict: Verdict) => readonly unknown[]])[] = [
    ['a lost frame', { aggregates: frames.filter(without(second)) }, ({ lost }) => lost],
    ['a frame that went out twice', { aggregates: [...frames, second] }, ({ doubled }) => doubled],
    ['revisions out of order', { aggregates: [{ ...first, revision: 1 }, ...frames] }, ({ doubled }) => doubled],
    [
      'a task with two results',
      { resultTaskIds: [...good.resultTaskIds, `${first.requestId}_group1`] },
      ({ doubled }) => doubled,
    ],
    [
      'a group of which nothing is said',
      {
        aggregates: frames.map((each) =>
          each === second ? { ...each, riskAssessment: { ...each.riskAssessment, results: [] } } : each,
        ),
      },
      ({ silent }) => silent,
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
      { history: historyOf([...alerts, { ...third, revision: 1 }]) },
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
    assert.equal(
      verdict({ emitted: [], aggregates: [], resultTaskIds: [], history: {}, redis: {}, faults: [] }).ok,
      false,
    );
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
  { timeout: 110_000 },
  async (t) => {
    const result = await runChaos({
      seed: 27,
      totalMs: 24_000,
      calmMs: 2_000,
      gapMs: [2_500, 4_000],
      kinds: SHORT,
      say: (line) => t.diagnostic(line),
    });
    const { ok, lost, doubled, silent, alerts, violations, recovery, folder, aggregated, faults } = result;
    assert.ok(
      ok,
      `${JSON.stringify({ lost, doubled, silent, alerts, violations, recovery }, null, 2)}\nlogs: ${folder}`,
    );
    assert.ok(faults.length >= 5 && faults.every(({ skipped }) => skipped === undefined), JSON.stringify(faults));
    assert.ok(
      aggregated > 20 && alerts.inHistory > 3,
      `${aggregated} frames with groups, ${alerts.inHistory} alerts: enough to mean something`,
    );
  },
);
