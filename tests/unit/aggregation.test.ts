import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Aggregation } from '../../src/aggregation/aggregation.ts';
import { RISK_LEVELS, worstRisk } from '../../src/messages/assessment.ts';
import { Aggregate } from '../../src/messages/aggregate.ts';
import { detection, result } from '../support/samples.ts';

const T0 = 1_700_000_000_000;
const OPTIONS = { deadlineMs: 5_000, rememberFrames: 100, earlyFrames: 10, earlyMs: 60_000 };
const fresh = (over = {}) => new Aggregation({ ...OPTIONS, ...over });

test('a frame without groups goes out at once and is harmless', () => {
  const [publication] = fresh().onDetection(detection(0), T0 + 40);
  assert.ok(publication);
  const { riskAssessment } = Aggregate.parse(publication.aggregate);
  assert.deepEqual(riskAssessment, { maxRiskLevel: 'none', hasDangerousDriving: false, results: [], missingGroups: [], source: 'none' });
});

test('a frame goes out with its last answer, once, with the worst level and the slowest call', () => {
  const frames = fresh();
  const frame = detection(2);
  assert.deepEqual(frames.onDetection(frame, T0), []);
  assert.deepEqual(frames.onResult(result(frame, 2, 'low', { llmLatency: 0.5 }), T0 + 1), []);
  const [publication, ...more] = frames.onResult(result(frame, 1, 'medium', { llmLatency: 1.5 }), T0 + 2);
  assert.equal(more.length, 0);
  assert.ok(publication);
  const { aggregate } = publication;
  assert.equal(aggregate.riskAssessment.maxRiskLevel, 'medium');
  assert.equal(aggregate.riskAssessment.hasDangerousDriving, true);
  assert.equal(aggregate.llmLatency, 1.5);
  assert.equal(aggregate.revision, 0);
  assert.equal(frames.isSettled(frame.requestId), true);
  assert.deepEqual(frames.onTime(T0 + 60_000), []);
});

test('at the deadline the frame goes out, naming the groups nobody judged, and does not look harmless', () => {
  const frames = fresh();
  const frame = detection(3);
  frames.onDetection(frame, T0);
  frames.onResult(result(frame, 2, 'none'), T0);
  assert.equal(frames.nextDeadline, T0 + 5_000);
  assert.deepEqual(frames.onTime(T0 + 4_999), []);
  const [publication] = frames.onTime(T0 + 5_000);
  assert.ok(publication);
  const { riskAssessment } = publication.aggregate;
  assert.deepEqual(riskAssessment.missingGroups, [{ groupIndex: 1, reason: 'late' }, { groupIndex: 3, reason: 'late' }]);
  assert.equal(riskAssessment.maxRiskLevel, 'unknown');
  assert.equal(frames.nextDeadline, null);
});

test('a late answer is a revision of the same aggregate, and raises the alert once', () => {
  const frames = fresh();
  const frame = detection(2);
  frames.onDetection(frame, T0);
  frames.onTime(T0 + 5_000);
  const [late] = frames.onResult(result(frame, 1, 'high'), T0 + 7_000);
  assert.ok(late);
  assert.deepEqual([late.aggregate.requestId, late.aggregate.revision, late.alert], [frame.requestId, 1, true]);
  const [later] = frames.onResult(result(frame, 2, 'none'), T0 + 8_000);
  assert.ok(later);
  assert.deepEqual([later.aggregate.revision, later.aggregate.riskAssessment.maxRiskLevel, later.alert], [2, 'high', false]);
});

test('answers that were not had are unknown with their reason, never none', () => {
  const frames = fresh();
  const frame = detection(2);
  frames.onDetection(frame, T0);
  frames.onResult(result(frame, 1, 'unknown', { error: { code: 'expired', message: '' } }), T0);
  const [publication] = frames.onResult(result(frame, 2, 'unknown', { error: { code: 'unreadable-answer', message: '' } }), T0);
  assert.ok(publication);
  const { riskAssessment } = publication.aggregate;
  assert.equal(riskAssessment.maxRiskLevel, 'unknown');
  assert.equal(riskAssessment.source, 'none');
  assert.deepEqual(riskAssessment.missingGroups.map((each) => each.reason), ['expired', 'failed']);
});

test('rules and model together are a mixed source', () => {
  const frames = fresh();
  const frame = detection(2);
  frames.onDetection(frame, T0);
  frames.onResult(result(frame, 1, 'none', { source: 'rules' }), T0);
  const [publication] = frames.onResult(result(frame, 2, 'none'), T0);
  assert.equal(publication?.aggregate.riskAssessment.source, 'mixed');
});

test('answers that come before their detection are kept for it, bounded in number and time', () => {
  const frames = fresh({ earlyFrames: 2 });
  const [first, second, third] = [detection(1), detection(1), detection(1)];
  for (const frame of [first, second, third]) frames.onResult(result(frame, 1, 'low'), T0);
  assert.equal(frames.counters.orphans, 1, 'the oldest was given up at the bound');
  assert.equal(frames.isSettled(first.requestId), true);
  assert.equal(frames.isSettled(second.requestId), false, 'not acked while its frame may still come');
  assert.equal(frames.onDetection(second, T0).length, 1);
  frames.onTime(T0 + 60_000);
  assert.equal(frames.counters.orphans, 2);
});

test('whatever the order and however often messages are repeated, each frame goes out once and ends alike', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...RISK_LEVELS), { maxLength: 4 }), fc.array(fc.nat(), { maxLength: 20 }), (levels, order) => {
      const frames = fresh();
      const frame = detection(levels.length);
      const messages = [() => frames.onDetection(frame, T0), ...levels.map((level, i) => () => frames.onResult(result(frame, i + 1, level), T0))];
      const shuffled = [...order.map((n) => messages[n % messages.length]!), ...messages];
      const published = shuffled.flatMap((deliver) => deliver());
      assert.equal(published.filter((each) => each.aggregate.revision === 0).length, 1);
      assert.equal(published.length, 1);
      assert.equal(published[0]!.aggregate.riskAssessment.maxRiskLevel, worstRisk(levels));
      assert.ok(published.filter((each) => each.alert).length <= 1);
    }),
  );
});

test('frames that went out are forgotten at the bound', () => {
  const frames = fresh({ rememberFrames: 3 });
  const all = Array.from({ length: 5 }, () => detection(0));
  for (const frame of all) frames.onDetection(frame, T0);
  frames.onResult(result(all[0]!, 1, 'high'), T0);
  assert.equal(frames.isSettled(all[0]!.requestId), false, 'treated as early: its frame is not known any more');
  assert.equal(frames.onDetection(all[4]!, T0).length, 0);
  assert.equal(frames.counters.duplicates, 1);
});
