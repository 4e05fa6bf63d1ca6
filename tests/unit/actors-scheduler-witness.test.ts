import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answeredByModel, NO_CALL } from '../../src/actors/scheduler/result.ts';
import { weighAnswer } from '../../src/actors/scheduler/weigh-answer.ts';
import { heardWitness } from '../../src/aggregation/witness.ts';
import { answerOf } from '../../src/llm/answer.ts';
import { PushedAggregate } from '../../src/messages/aggregate.ts';
import { AssessmentResult, type RiskLevel } from '../../src/messages/assessment.ts';
import type { MeasuredIncident } from '../../src/messages/incident.ts';
import { ON_DEMAND_CAMERA } from '../../src/messages/ids.ts';
import type { AssessmentTask } from '../../src/messages/task.ts';
import { at, drain, fresh, T0 } from '../support/aggregation.ts';
import { plainTask } from '../support/assessment-task.ts';
import { incident } from '../support/incidents.ts';
import { detection } from '../support/samples.ts';

const said = (level: RiskLevel) => answerOf(level, new Map([['description', 'Normal traffic.']]));
/** A group of the objects 10 and 11, and what was measured in it. */
const groupWith = (...incidents: MeasuredIncident[]): AssessmentTask => ({
  ...plainTask(),
  ...(incidents.length === 0 ? {} : { incidents }),
});
const collision = incident({ objects: [10, 11] });

describe('the level of a measured incident, once the model has been asked', () => {
  for (const [kind, measured, model, status, level] of [
    ['collision', 'high', 'high', 'confirmed', 'high'],
    ['collision', 'medium', 'high', 'raised', 'high'],
    ['collision', 'high', 'none', 'disputed', 'high'],
    ['wrong-way', 'medium', 'none', 'disputed', 'medium'],
    ['person-on-road', 'low', 'none', 'disputed', 'low'],
    ['collision', 'high', 'medium', 'lowered', 'medium'],
    ['collision', 'high', 'low', 'lowered', 'medium'],
    ['person-on-road', 'medium', 'low', 'disputed', 'medium'],
    ['hard-braking', 'high', 'none', 'lowered', 'none'],
    ['queue', 'medium', 'low', 'lowered', 'low'],
    ['near-miss', 'low', 'medium', 'raised', 'medium'],
    ['collision', 'high', 'unknown', 'measured', 'high'],
    ['queue', 'low', 'unknown', 'measured', 'low'],
  ] as const)
    it(`a ${kind} of ${measured} where the model says ${model} is ${status} at ${level}`, () =>
      assert.deepEqual(heardWitness(kind, measured, model), { status, level }));
});

describe("a model's answer held against what was measured", () => {
  it('counts as it is where nothing was measured, or only kinds that one answer may lower', () => {
    for (const task of [groupWith(), groupWith({ ...collision, kind: 'hard-braking' })]) {
      const { answer, dispute } = weighAnswer(said('none'), task, 'en');
      assert.deepEqual([answer.riskLevel, dispute], ['none', null]);
    }
  });

  it('keeps the words of the model, names what was measured, and the objects it was measured on', () => {
    const { answer, dispute } = weighAnswer(
      said('none'),
      groupWith({ ...collision, evidence: { ...collision.evidence, speedKmh: 31.24, durationS: 2 }, zone: 'lane-2' }),
      'en',
    );
    assert.deepEqual([answer.riskLevel, answer.description], ['high', 'Normal traffic.']);
    assert.deepEqual(dispute, {
      measured: 'high',
      model: 'none',
      description: 'A collision in zone lane-2, 31.2 km/h, for 2 s.',
    });
    assert.deepEqual(answer.triggerObjectIds, [10, 11]);
    assert.deepEqual([answer.riskTypes, answer.dangerObjectCount], [['a collision'], 2]);
  });

  it("is the question's own incident where there is one", () => {
    const task = { ...groupWith(), incident: { ...collision, kind: 'queue' as const } };
    assert.equal(weighAnswer(said('none'), task, 'en').answer.riskLevel, 'none');
  });

  it('is left alone on a picture that somebody handed in: nothing was measured on it', () => {
    const alone = { ...plainTask(), cameraId: ON_DEMAND_CAMERA, members: [] };
    assert.deepEqual(weighAnswer(said('none'), alone, 'en').dispute, null);
  });

  it('reaches result and aggregate, counts as dangerous, and outlives a restart of the aggregator', () => {
    const frame = detection(1);
    const task = { ...groupWith(collision), requestId: frame.requestId };
    const result = answeredByModel(task, said('none'), 'en', NO_CALL, Date.now());
    AssessmentResult.parse(result);
    assert.deepEqual(
      { source: result.source, error: result.error, model: result.results[0]?.disputed?.model },
      { source: 'vlm', error: undefined, model: 'none' },
    );
    const frames = fresh();
    frames.onDetection(frame, T0);
    frames.onResult(result, T0);
    const [out] = drain(frames);
    assert.ok(out);
    const { riskAssessment } = PushedAggregate.parse({ ...out.aggregate, offset: 1 });
    assert.deepEqual(
      { maxRiskLevel: riskAssessment.maxRiskLevel, hasDangerousDriving: riskAssessment.hasDangerousDriving },
      { maxRiskLevel: 'high', hasDangerousDriving: true },
    );
    assert.deepEqual(riskAssessment.results[0]?.disputed, result.results[0]?.disputed);
    const after = fresh();
    after.restore(out.aggregate);
    after.onDetection(detection(1, { timestamp: at(T0 + 1_000) }), T0 + 1_000);
    const [later] = drain(after);
    assert.deepEqual(later?.aggregate.riskAssessment.results[0]?.disputed, result.results[0]?.disputed);
  });

  it('keeps what the model wrote about a danger, in the frame that it saw only', () => {
    const replyTo = (level: RiskLevel, ...incidents: MeasuredIncident[]) =>
      answeredByModel(groupWith(...incidents), said(level), 'en', NO_CALL, Date.now(), { reply: 'as it was written' })
        .results[0]?.reply;
    assert.deepEqual(
      [replyTo('high'), replyTo('none'), replyTo('none', collision)],
      ['as it was written', undefined, 'as it was written'],
    );
    const frame = detection(1);
    const frames = fresh();
    frames.onDetection(frame, T0);
    const task = { ...groupWith(), requestId: frame.requestId };
    frames.onResult(answeredByModel(task, said('high'), 'en', NO_CALL, T0, { reply: 'as it was written' }), T0);
    frames.onDetection(detection(1, { timestamp: at(T0 + 1_000) }), T0 + 1_000);
    const shown = drain(frames).map(({ aggregate }) => aggregate.riskAssessment.results[0]);
    assert.deepEqual(
      shown.map((result) => [result?.carried, result?.reply]).filter(([, reply], i) => i > 0 || reply !== undefined),
      [
        [undefined, 'as it was written'],
        [true, undefined],
      ],
    );
  });

  it('a group that was assessed without the model says why in the aggregate', () => {
    const frame = detection(1);
    const reason = { code: 'content-refused' as const, message: 'the model declined to answer' };
    const byModel = answeredByModel(
      { ...groupWith(), requestId: frame.requestId },
      said('none'),
      'en',
      NO_CALL,
      Date.now(),
    );
    const byRules: AssessmentResult = { ...byModel, source: 'rules', degraded: true, degradedReason: reason };
    const of = (result: AssessmentResult) => {
      const frames = fresh();
      frames.onDetection(frame, T0);
      frames.onResult(result, T0);
      return drain(frames)[0]?.aggregate.riskAssessment;
    };
    const riskAssessment = of(byRules);
    assert.deepEqual(
      { degraded: riskAssessment?.degraded, degradedReason: riskAssessment?.results[0]?.degradedReason },
      { degraded: true, degradedReason: reason },
    );
    assert.equal(of(byModel)?.results[0]?.degradedReason, undefined);
  });
});
