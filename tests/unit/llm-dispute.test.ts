import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answeredByModel, NO_CALL } from '../../src/actors/scheduler/result.ts';
import { answerOf } from '../../src/llm/answer.ts';
import { weigh } from '../../src/llm/dispute.ts';
import { assessByRules } from '../../src/llm/rules.ts';
import { PushedAggregate } from '../../src/messages/aggregate.ts';
import { AssessmentResult, type RiskLevel } from '../../src/messages/assessment.ts';
import { ON_DEMAND_CAMERA } from '../../src/messages/ids.ts';
import type { AssessmentTask } from '../../src/messages/task.ts';
import { at, drain, fresh, T0 } from '../support/aggregation.ts';
import { makeTask, plainTask } from '../support/assessment-task.ts';
import { detection } from '../support/samples.ts';

/** Scenes by the level that is measured in them. */
const SCENES: Readonly<Record<'none' | 'low' | 'medium' | 'high', AssessmentTask>> = {
  none: plainTask(),
  low: makeTask([
    { class: 'person', at: [100, 100, 30, 80] },
    { class: 'car', at: [140, 100, 90, 60] },
  ]),
  medium: makeTask([
    { class: 'person', at: [100, 100, 30, 80], velocity: [0, 0] },
    { class: 'car', at: [230, 110, 90, 60], velocity: [-80, 0] },
  ]),
  high: makeTask([
    { class: 'person', at: [100, 100, 30, 80], velocity: [0, 0] },
    { class: 'car', at: [140, 100, 90, 60], velocity: [-400, 0] },
  ]),
};
const said = (level: RiskLevel) => answerOf(level, new Map([['description', 'Normal traffic.']]));

describe("a model's level held against what was measured", () => {
  for (const [measured, model, level] of [
    ['high', 'none', 'medium'],
    ['high', 'low', 'medium'],
    ['medium', 'none', 'low'],
    ['high', 'medium', null],
    ['high', 'high', null],
    ['medium', 'low', null],
    ['low', 'none', null],
    ['none', 'high', null],
    ['high', 'unknown', null],
  ] as const) {
    it(`${model} where ${measured} was measured: ${level === null ? 'stands' : `disputed, counts as ${level}`}`, () => {
      const task = SCENES[measured];
      assert.equal(assessByRules(task, 'en').riskLevel, measured);
      const { answer, dispute } = weigh(said(model), task, 'en');
      assert.equal(answer.riskLevel, level ?? model);
      assert.deepEqual(
        dispute === null ? null : [dispute.measured, dispute.model],
        level === null ? null : [measured, model],
      );
    });
  }

  it('keeps the words of the model, names what was measured, and the objects it was measured on', () => {
    const { answer, dispute } = weigh(said('none'), SCENES.high, 'en');
    assert.equal(answer.description, 'Normal traffic.');
    assert.match(dispute?.description ?? '', /A person is \d+ px from a vehicle/);
    assert.deepEqual(answer.triggerObjectIds, [10, 11]);
    assert.ok(answer.riskTypes.length > 0 && answer.dangerObjectCount === 2);
  });

  it('is left alone on a picture that somebody handed in: nothing was measured on it', () => {
    const alone = { ...SCENES.high, cameraId: ON_DEMAND_CAMERA, members: [] };
    assert.deepEqual(weigh(said('none'), alone, 'en').dispute, null);
  });

  it('reaches result and aggregate, counts as dangerous, and outlives a restart of the aggregator', () => {
    const frame = detection(1);
    const task = { ...SCENES.high, requestId: frame.requestId };
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
    const { aggregate } = out;
    const { riskAssessment } = PushedAggregate.parse({ ...aggregate, offset: 1 });
    assert.deepEqual(
      { maxRiskLevel: riskAssessment.maxRiskLevel, hasDangerousDriving: riskAssessment.hasDangerousDriving },
      { maxRiskLevel: 'medium', hasDangerousDriving: true },
    );
    assert.deepEqual(riskAssessment.results[0]?.disputed, result.results[0]?.disputed);
    const after = fresh();
    after.restore(aggregate);
    after.onDetection(detection(1, { timestamp: at(T0 + 1_000) }), T0 + 1_000);
    const [later] = drain(after);
    assert.deepEqual(later?.aggregate.riskAssessment.results[0]?.disputed, result.results[0]?.disputed);
  });

  it('a group that rules judged says why in the aggregate', () => {
    const frame = detection(1);
    const reason = { code: 'content-refused' as const, message: 'the model declined to answer' };
    const byModel = answeredByModel(
      { ...SCENES.none, requestId: frame.requestId },
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
