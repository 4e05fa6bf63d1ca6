import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RISK_LEVELS, worstRisk } from '../../src/messages/assessment.ts';
import { Aggregate } from '../../src/messages/aggregate.ts';
import { detection, result } from '../support/samples.ts';
import { drain, fresh, T0 } from '../support/aggregation.ts';

test('a frame without groups goes out at once and is harmless', () => {
  const frames = fresh();
  frames.onDetection(detection(0), T0 + 40);
  const [out] = drain(frames, T0 + 40);
  assert.ok(out);
  const { riskAssessment, publishedAt } = Aggregate.parse(out.aggregate);
  assert.deepEqual(riskAssessment, {
    maxRiskLevel: 'none',
    hasDangerousDriving: false,
    results: [],
    missingGroups: [],
    source: 'none',
    degraded: false,
  });
  assert.equal(Date.parse(publishedAt), T0 + 40);
});

test('a frame goes out with its last answer, once, with the worst level and the slowest call', () => {
  const frames = fresh();
  const frame = detection(2);
  frames.onDetection(frame, T0);
  frames.onResult(result(frame, 2, 'low', { llmLatency: 0.5 }), T0 + 1);
  assert.deepEqual(drain(frames), []);
  frames.onResult(result(frame, 1, 'medium', { llmLatency: 1.5 }), T0 + 2);
  assert.equal(frames.isSettled(frame.requestId), false, 'not before the bus has it');
  const [out, ...more] = drain(frames);
  assert.equal(more.length, 0);
  assert.ok(out);
  const { aggregate } = out;
  assert.equal(aggregate.riskAssessment.maxRiskLevel, 'medium');
  assert.equal(aggregate.riskAssessment.hasDangerousDriving, true);
  assert.equal(aggregate.llmLatency, 1.5);
  assert.equal(aggregate.revision, 0);
  assert.equal(frames.isSettled(frame.requestId), true);
  frames.onTime(T0 + 60_000);
  assert.deepEqual(drain(frames), []);
});

test('at the deadline the frame goes out, naming the groups without an assessment, and is not harmless', () => {
  const frames = fresh();
  const frame = detection(3);
  frames.onDetection(frame, T0);
  frames.onResult(result(frame, 2, 'none'), T0);
  assert.equal(frames.nextDeadline, T0 + 5_000);
  frames.onTime(T0 + 4_999);
  assert.deepEqual(drain(frames), []);
  frames.onTime(T0 + 5_000);
  const [out] = drain(frames);
  assert.ok(out);
  const { riskAssessment } = out.aggregate;
  assert.deepEqual(riskAssessment.missingGroups, [
    { groupIndex: 1, reason: 'late' },
    { groupIndex: 3, reason: 'late' },
  ]);
  assert.equal(riskAssessment.maxRiskLevel, 'unknown');
  assert.equal(frames.nextDeadline, null);
});

test('a frame of the past that is replayed has its whole time from its arrival, and says whose replay it is', () => {
  const frames = fresh();
  const original = detection(1);
  const frame = detection(1, { replayOf: original.requestId });
  const later = T0 + 3_600_000;
  frames.onDetection(frame, later);
  frames.onDetection(detection(1, { timestamp: new Date(later - 1_000).toISOString() }), later);
  assert.equal(frames.nextDeadline, later + 4_000, 'the frame of now is due first, though it came later');
  frames.onTime(later + 4_999);
  assert.equal(drain(frames).length, 1);
  frames.onTime(later + 5_000);
  assert.deepEqual(
    drain(frames).map(({ aggregate }) => aggregate.replayOf),
    [original.requestId],
  );
});

test('a late answer is a revision of the same aggregate, and raises the alert once', () => {
  const frames = fresh();
  const frame = detection(2);
  frames.onDetection(frame, T0);
  frames.onTime(T0 + 5_000);
  assert.deepEqual(
    drain(frames).map(({ alert }) => alert),
    ['none'],
  );
  frames.onResult(result(frame, 1, 'high'), T0 + 7_000);
  const [late] = drain(frames);
  assert.ok(late);
  assert.deepEqual(
    { requestId: late.aggregate.requestId, revision: late.aggregate.revision, alert: late.alert },
    { requestId: frame.requestId, revision: 1, alert: 'first' },
  );
  frames.onResult(result(frame, 2, 'none'), T0 + 8_000);
  const [later] = drain(frames);
  assert.ok(later);
  assert.deepEqual(
    {
      revision: later.aggregate.revision,
      maxRiskLevel: later.aggregate.riskAssessment.maxRiskLevel,
      alert: later.alert,
    },
    { revision: 2, maxRiskLevel: 'high', alert: 'revision' },
  );
});

test('answers that come while a revision is on its way go out together in the next', () => {
  const frames = fresh();
  const frame = detection(3);
  frames.onDetection(frame, T0);
  frames.onTime(T0 + 5_000);
  const first = frames.take(T0 + 5_000);
  assert.ok(first);
  frames.onResult(result(frame, 1, 'none'), T0 + 5_001);
  frames.onResult(result(frame, 2, 'low'), T0 + 5_002);
  assert.equal(frames.take(T0 + 5_002), null, 'revisions of one frame go one after the other');
  frames.stored(first, null);
  frames.done(frame.requestId);
  const [second, ...more] = drain(frames);
  assert.equal(more.length, 0);
  assert.deepEqual(
    { revision: second?.aggregate.revision, missingGroups: second?.aggregate.riskAssessment.missingGroups },
    { revision: 1, missingGroups: [{ groupIndex: 3, reason: 'late' }] },
  );
});

test('failed assessments are unknown with their reason, never none', () => {
  const frames = fresh();
  const frame = detection(3);
  frames.onDetection(frame, T0);
  frames.onResult(result(frame, 1, 'unknown', { error: { code: 'expired', message: '' } }), T0);
  frames.onResult(result(frame, 2, 'unknown', { error: { code: 'unreadable-answer', message: '' } }), T0);
  frames.onResult(result(frame, 3, 'unknown', { error: { code: 'shed', message: '' } }), T0);
  const [out] = drain(frames);
  assert.ok(out);
  const { riskAssessment } = out.aggregate;
  assert.equal(riskAssessment.maxRiskLevel, 'unknown');
  assert.equal(riskAssessment.source, 'none');
  assert.deepEqual(
    riskAssessment.missingGroups.map((each) => each.reason),
    ['expired', 'failed', 'shed'],
  );
});

test('an assessment that comes after its own failure replaces it, not the other way round', () => {
  const frames = fresh();
  const frame = detection(1);
  const failed = result(frame, 1, 'unknown', { error: { code: 'timeout', message: '' } });
  frames.onDetection(frame, T0);
  frames.onResult(failed, T0);
  drain(frames);
  frames.onResult(result(frame, 1, 'high'), T0 + 1);
  assert.deepEqual(
    drain(frames).map(({ aggregate }) => [
      aggregate.revision,
      aggregate.riskAssessment.maxRiskLevel,
      aggregate.riskAssessment.missingGroups.length,
    ]),
    [[1, 'high', 0]],
  );
  frames.onResult(failed, T0 + 2);
  assert.deepEqual(drain(frames), []);
});

test('rules and model together are a mixed source; rules in place of the model are degraded', () => {
  const frames = fresh();
  const frame = detection(2);
  frames.onDetection(frame, T0);
  frames.onResult(result(frame, 1, 'none', { source: 'rules', degraded: true }), T0);
  frames.onResult(result(frame, 2, 'none'), T0);
  const [out] = drain(frames);
  assert.deepEqual(
    { source: out?.aggregate.riskAssessment.source, degraded: out?.aggregate.riskAssessment.degraded },
    { source: 'mixed', degraded: true },
  );
});

test('answers that come before their detection are kept for it, bounded in number and time', () => {
  const frames = fresh({ earlyFrames: 2 });
  const [first, second, third] = [detection(1), detection(1), detection(1)];
  for (const frame of [first, second, third]) frames.onResult(result(frame, 1, 'low'), T0);
  assert.equal(frames.counters.orphans, 1, 'the oldest was given up at the bound');
  assert.deepEqual(frames.takeGivenUp(), [first.requestId]);
  assert.equal(frames.isSettled(first.requestId), true);
  assert.equal(frames.isSettled(second.requestId), false, 'not acked while its frame may still come');
  frames.onDetection(second, T0);
  assert.equal(drain(frames).length, 1);
  frames.onTime(T0 + 60_000);
  assert.equal(frames.counters.orphans, 2);
  assert.deepEqual(frames.takeGivenUp(), [third.requestId]);
});

test('an answer for a group that the frame does not have changes nothing and is counted', () => {
  const frames = fresh();
  const frame = detection(1);
  frames.onResult(result(frame, 7, 'high'), T0);
  frames.onDetection(frame, T0);
  assert.deepEqual(drain(frames), [], 'it is not taken for the answer that is missing');
  assert.equal(frames.counters.orphans, 1);
});

test('a revision that stood in the stream and is gone goes out under the next number', () => {
  const frames = fresh();
  const frame = detection(0);
  frames.onDetection(frame, T0);
  const first = frames.take(T0);
  assert.ok(first);
  assert.equal(frames.stored(first, 'gone'), null);
  assert.deepEqual(
    drain(frames).map(({ aggregate }) => aggregate.revision),
    [1],
  );
});

test('whatever the order and however often messages are repeated, each frame goes out once and ends alike', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...RISK_LEVELS), { maxLength: 4 }),
      fc.array(fc.nat(), { maxLength: 20 }),
      (levels, order) => {
        const frames = fresh();
        const frame = detection(levels.length);
        const messages = [
          () => frames.onDetection(frame, T0),
          ...levels.map((level, i) => () => frames.onResult(result(frame, i + 1, level), T0)),
        ];
        const shuffled = [...order.map((n) => messages[n % messages.length]!), ...messages];
        const published = shuffled.flatMap((deliver) => {
          deliver();
          return drain(frames);
        });
        assert.equal(published.length, 1);
        assert.equal(published[0]!.aggregate.revision, 0);
        assert.equal(published[0]!.aggregate.riskAssessment.maxRiskLevel, worstRisk(levels));
      },
    ),
  );
});
