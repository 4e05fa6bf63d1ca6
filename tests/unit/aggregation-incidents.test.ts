import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { StoredAggregate } from '../../src/aggregation/aggregation.types.ts';
import { Aggregate } from '../../src/messages/aggregate.ts';
import type { AssessmentResult, RiskLevel } from '../../src/messages/assessment.ts';
import type { Detection } from '../../src/messages/detection.ts';
import type { MeasuredIncident } from '../../src/messages/incident.ts';
import { at, drain, fresh, T0 } from '../support/aggregation.ts';
import { incident } from '../support/incidents.ts';
import { detection, group, result } from '../support/samples.ts';

const SECOND = 1_000;
/** The n-th frame of the camera, one a second, with these incidents and so many groups. */
const frame = (n: number, incidents: MeasuredIncident[], groups = 0, over: Partial<Detection> = {}): Detection =>
  detection(groups, { frameNumber: n + 1, timestamp: at(T0 + n * SECOND), incidents, ...over });
/** An answer about the incident in this frame. */
const answer = (of: Detection, level: RiskLevel, over: Parameters<typeof result>[3] = {}): AssessmentResult => ({
  ...result(of, of.incidents[0]!.subjectIndex, level, over),
  groupId: of.incidents[0]!.incidentId,
  frameTimestamp: of.timestamp,
  prior: 0.95,
});
/** Of each: the frame's number, its revision, the verdict about its first incident, and whether it is an alert. */
const told = (outcomes: readonly StoredAggregate[]): string[] =>
  outcomes.map(({ aggregate: { frameNumber, revision, incidents }, alert }) => {
    const { state, verdict } = incidents[0]!;
    return [`${frameNumber - 1}.${revision}`, state, verdict.status, verdict.level, verdict.reason, alert]
      .filter((part) => part !== undefined && part !== 'none')
      .join(' ');
  });

describe('a frame with an incident', () => {
  it('is an alert at once when it is dangerous as measured, with or without a group, and a valid message', () => {
    const frames = fresh();
    const { requestId, ...first } = frame(0, [incident()], 1);
    frames.onDetection({ ...first, requestId }, T0);
    const [out] = drain(frames);
    assert.deepEqual(told([out!]), ['0.0 open measured high pending first']);
    const aggregate = Aggregate.parse(out?.aggregate);
    assert.equal(aggregate.incidents[0]?.alertId, requestId);
    assert.deepEqual(
      { level: aggregate.riskAssessment.maxRiskLevel, dangerous: aggregate.riskAssessment.hasDangerousDriving },
      { level: 'high', dangerous: true },
    );
    const alone = fresh();
    alone.onDetection(frame(0, [incident()]), T0);
    const [single] = drain(alone);
    assert.deepEqual(told([single!]), ['0.0 open measured high pending first']);
    assert.equal(single?.aggregate.riskAssessment.source, 'rules');
  });

  it('is none while the incident is low, one that went on in another, or a replay', () => {
    for (const frame0 of [
      frame(0, [incident({ severity: 'low' })]),
      frame(0, [incident({ state: 'closed', mergedInto: 'i0' })]),
      frame(0, [incident()], 0, { replayOf: '01900000-0000-7000-8000-000000000000' }),
    ]) {
      const frames = fresh();
      frames.onDetection(frame0, T0);
      const [out] = drain(frames);
      assert.equal(out?.alert, 'none');
      assert.equal(out?.aggregate.incidents[0]?.alertId, undefined);
    }
  });

  it('is an alert once over fifty frames, and is revised at the end', () => {
    const frames = fresh();
    const out: StoredAggregate[] = [];
    for (let n = 0; n < 50; n += 1) {
      const state = n === 49 ? 'closed' : 'open';
      frames.onDetection(frame(n, [incident({ state, evidence: { durationS: n } })]), T0 + n * SECOND);
      frames.onTime(T0 + n * SECOND);
      out.push(...drain(frames, T0 + n * SECOND));
    }
    assert.deepEqual(told(out.filter(({ alert }) => alert !== 'none')), [
      '0.0 open measured high pending first',
      '0.1 closed measured high pending revision',
    ]);
    assert.equal(out.length, 51, 'every frame went out once, the alert twice');
    const ids = new Set(out.map(({ aggregate }) => aggregate.incidents[0]?.alertId));
    assert.deepEqual([...ids], [out[0]?.aggregate.requestId], 'every frame names the alert');
    assert.equal(out.at(-1)?.aggregate.incidents[0]?.evidence.durationS, 49);
  });

  it('tells more while it goes on: seldom of its length, soon of road users who join, at once of severity', () => {
    const frames = fresh();
    const grown = (n: number, over: Parameters<typeof incident>[0]): string[] => {
      frames.onDetection(frame(n, [incident({ severity: 'medium', ...over })]), T0 + n * SECOND);
      return told(drain(frames, T0 + n * SECOND)).filter(
        (line) => line.includes(' first') || line.includes('revision'),
      );
    };
    assert.deepEqual(grown(0, { trackIds: [1], objects: [0] }), ['0.0 open measured medium pending first']);
    assert.deepEqual(grown(1, { trackIds: [1, 2] }), [], 'within two seconds it waits');
    assert.deepEqual(grown(2, { trackIds: [1, 2] }), ['0.1 open measured medium pending revision']);
    assert.deepEqual(grown(3, { trackIds: [1, 2], severity: 'high' }), ['0.2 open measured high pending revision']);
    assert.deepEqual(grown(60, { trackIds: [1, 2], severity: 'high' }), []);
    assert.deepEqual(grown(93, { trackIds: [1, 2], severity: 'high' }), ['0.3 open measured high pending revision']);
  });

  it('is the alert once the model raises its incident', () => {
    const frames = fresh();
    const first = frame(0, [incident({ kind: 'queue', severity: 'low' })]);
    frames.onDetection(first, T0);
    assert.deepEqual(told(drain(frames)), ['0.0 open measured low pending']);
    frames.onResult(answer(first, 'high'), T0 + SECOND);
    assert.deepEqual(told(drain(frames, T0 + SECOND)), ['0.1 open raised high first']);
  });
});

describe("the model's answer about an incident", () => {
  it('revises the frame that it saw, is carried to later ones, and is not waited for', () => {
    const frames = fresh();
    const [first, second] = [frame(0, [incident()], 1), frame(1, [incident()], 1)];
    frames.onDetection(first, T0);
    frames.onDetection(second, T0 + SECOND);
    drain(frames, T0 + SECOND);
    assert.equal(frames.pending, 0, 'its members have no question of their own');
    frames.onResult(answer(first, 'none'), T0 + 2 * SECOND);
    const [revised] = drain(frames, T0 + 2 * SECOND);
    assert.deepEqual(told([revised!]), ['0.1 open disputed high revision']);
    assert.partialDeepStrictEqual(revised?.aggregate.incidents[0]?.verdict, {
      modelLevel: 'none',
      confidence: 0.9,
      source: 'vlm',
      model: 'm',
      assessedAt: first.timestamp,
    });
    assert.equal(revised?.aggregate.llmLatency, 1);
    frames.onDetection(frame(2, [incident()]), T0 + 2 * SECOND);
    assert.deepEqual(told(drain(frames, T0 + 2 * SECOND)), ['2.0 open disputed high']);
  });

  it('reaches the alert when it is about a later frame, and an older answer takes nothing back', () => {
    const frames = fresh();
    const [first, second, third] = [0, 1, 2].map((n) => frame(n, [incident({ kind: 'near-miss' })]));
    for (const each of [first!, second!, third!]) frames.onDetection(each, Date.parse(each.timestamp));
    drain(frames, T0 + 2 * SECOND);
    frames.onResult(answer(second!, 'low'), T0 + 3 * SECOND);
    assert.deepEqual(told(drain(frames, T0 + 3 * SECOND)).toSorted(), [
      '0.1 open lowered low revision',
      '1.1 open lowered low',
    ]);
    frames.onResult(answer(first!, 'high'), T0 + 4 * SECOND);
    assert.deepEqual(told(drain(frames, T0 + 4 * SECOND)), ['0.2 open lowered low revision']);
  });

  it('about a frame that was published again, as its incident had become worse, replaces the one before', () => {
    const frames = fresh();
    const first = frame(0, [incident({ kind: 'near-miss', severity: 'medium' })]);
    const again = frame(1, [incident({ kind: 'near-miss' })], 0, { timestamp: first.timestamp });
    frames.onDetection(first, T0);
    drain(frames);
    frames.onResult({ ...answer(first, 'low'), prior: 0.5 }, T0 + SECOND);
    frames.onDetection(again, T0 + SECOND);
    drain(frames, T0 + SECOND);
    frames.onResult({ ...answer(again, 'high'), prior: 0.9 }, T0 + 2 * SECOND);
    assert.deepEqual(told(drain(frames, T0 + 2 * SECOND)).toSorted(), [
      '0.2 open confirmed high revision',
      '1.1 open confirmed high',
    ]);
  });

  it('comes before its detection, twice, or not at all, with the reason', () => {
    const frames = fresh();
    const first = frame(0, [incident()]);
    frames.onResult(answer(first, 'high'), T0);
    frames.onDetection(first, T0);
    assert.deepEqual(told(drain(frames)), ['0.0 open confirmed high first']);
    frames.onResult(answer(first, 'none'), T0);
    assert.deepEqual(drain(frames), []);
    assert.equal(frames.counters.duplicates, 1);

    const without = fresh();
    without.onDetection(first, T0);
    drain(without);
    without.onResult(answer(first, 'high', { source: 'rules', reason: 'no-keys' }), T0);
    assert.deepEqual(told(drain(without)), ['0.1 open measured high no-keys revision']);
  });
});

describe('a group with an incident', () => {
  it('has the level of its worst incident without the model, and is no second alert', () => {
    const frames = fresh({
      assessByRules: ({ group: { groupIndex }, incidents }) => ({
        groupIndex,
        riskLevel: incidents[0]?.verdict.level ?? 'none',
        confidence: 0.5,
        riskTypes: [],
        description: '',
        dangerObjectCount: 0,
        triggerObjectIds: [],
      }),
    });
    const first = frame(0, [incident({ objects: [0] })], 1);
    frames.onDetection(first, T0);
    const [alert] = drain(frames);
    assert.deepEqual([alert?.alert, alert?.aggregate.riskAssessment.results[0]?.riskLevel], ['first', 'high']);
    const second = frame(1, [incident({ objects: [0] })], 1);
    frames.onDetection(second, T0 + SECOND);
    frames.onResult(result(second, 1, 'high', { source: 'rules', reason: 'no-keys' }), T0 + SECOND);
    const later = drain(frames, T0 + SECOND).filter(({ aggregate }) => aggregate.frameNumber === 2);
    assert.deepEqual(
      later.map(({ alert: kind, aggregate }) => [kind, aggregate.riskAssessment.results[0]?.riskLevel]),
      [['none', 'high']],
    );
  });

  it('is an alert of its own for other road users than those of the incident', () => {
    for (const [triggers, alert] of [
      [[0], 'none'],
      [[1], 'first'],
      [[], 'none'],
    ] as const) {
      const frames = fresh();
      frames.onDetection(frame(0, [incident({ objects: [0] })], 1), T0);
      drain(frames);
      const second = frame(1, [incident({ objects: [0] })], 1);
      frames.onDetection(second, T0 + SECOND);
      frames.onResult(result(second, 1, 'high', { triggerObjectIds: [...triggers] }), T0 + SECOND);
      const out = drain(frames, T0 + SECOND).filter(({ aggregate }) => aggregate.frameNumber === 2);
      assert.deepEqual(
        out.map((each) => each.alert),
        [alert],
      );
    }
  });
});

describe('incidents over frames and crashes', () => {
  it('outlive a crash: no second alert, the verdict stays, the end revises the alert', () => {
    const before = fresh();
    const first = frame(0, [incident()]);
    before.onDetection(first, T0);
    before.onResult(answer(first, 'high'), T0);
    before.onDetection(frame(1, [incident()]), T0 + SECOND);
    const stored = drain(before, T0 + SECOND);

    const after = fresh();
    for (const { aggregate } of stored) after.restore(aggregate);
    assert.deepEqual(drain(after, T0 + 2 * SECOND), [], 'nothing is left to do');
    after.onDetection(frame(2, [incident({ state: 'closed', evidence: { durationS: 2 } })]), T0 + 2 * SECOND);
    assert.deepEqual(told(drain(after, T0 + 2 * SECOND)).toSorted(), [
      '0.1 closed confirmed high first',
      '2.0 closed confirmed high',
    ]);
  });

  it('that ended in the last frame before a crash end in their alert after it', () => {
    const before = fresh();
    before.onDetection(frame(0, [incident()]), T0);
    const [alert] = drain(before);
    before.onDetection(frame(1, [incident({ state: 'closed' })]), T0 + SECOND);
    const last = drain(before, T0 + SECOND).find(({ aggregate }) => aggregate.frameNumber === 2);
    const after = fresh();
    after.restore(alert!.aggregate);
    after.restore(last!.aggregate);
    assert.deepEqual(told(drain(after, T0 + 2 * SECOND)), ['0.1 closed measured high pending first']);
  });

  it('that merge have one alert', () => {
    const frames = fresh();
    frames.onDetection(frame(0, [incident()]), T0);
    const [alert] = drain(frames);
    const merged = incident({ state: 'closed', mergedInto: 'i2' });
    const heir = incident({ incidentId: 'i2', subjectIndex: 3 });
    frames.onDetection(frame(1, [merged, heir]), T0 + SECOND);
    const out = drain(frames, T0 + SECOND);
    assert.deepEqual(out.map(({ aggregate, alert: kind }) => [aggregate.frameNumber, kind]).toSorted(), [
      [1, 'revision'],
      [2, 'none'],
    ]);
    const { incidents } = out.find(({ aggregate }) => aggregate.frameNumber === 2)!.aggregate;
    assert.equal(incidents[1]?.alertId, alert?.aggregate.requestId);
  });

  it('whose alert the bus refused are an alert in the next frame', () => {
    const frames = fresh();
    frames.onDetection(frame(0, [incident()]), T0);
    const taken = frames.take(T0);
    frames.refused(taken!.aggregate.requestId);
    frames.onDetection(frame(1, [incident()]), T0 + SECOND);
    assert.deepEqual(told(drain(frames, T0 + SECOND)), ['1.0 open measured high pending first']);
  });

  it('are forgotten when their camera is gone, and the longest unseen one at the bound, with a count', () => {
    const frames = fresh({ rememberIncidents: 2, rememberAlerts: 1 });
    for (const n of [0, 1, 2]) frames.onDetection(frame(n, [incident({ incidentId: `i${n}` })]), T0);
    drain(frames);
    assert.deepEqual(
      [frames.incidents.size, frames.incidents.dropped, frames.forgottenAlerts, frames.remembered],
      [2, 1, 1, 2],
    );
    frames.onTime(T0 + 601 * SECOND);
    assert.equal(frames.incidents.size, 0);
  });

  it('end once: what a frame of before says comes too late', () => {
    const frames = fresh();
    frames.onDetection(frame(1, [incident({ state: 'closed' })]), T0);
    frames.onDetection(frame(0, [incident()]), T0);
    assert.deepEqual(told(drain(frames)), ['1.0 closed measured high pending first', '0.0 open measured high pending']);
    assert.deepEqual(drain(frames), []);
  });

  it('a group of which one member is in no incident is asked about', () => {
    const frames = fresh();
    frames.onDetection(frame(0, [incident({ objects: [0] })], 0, { trafficGroups: [group(1)] }), T0);
    assert.deepEqual([frames.pending, frames.counters.unchanged], [1, 0]);
  });
});
