import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Aggregation, type Outcome } from '../../src/aggregation/aggregation.ts';
import { RISK_LEVELS, worstRisk } from '../../src/messages/assessment.ts';
import { Aggregate } from '../../src/messages/aggregate.ts';
import { detection, result } from '../support/samples.ts';

const T0 = 1_700_000_000_000;
const OPTIONS = { deadlineMs: 5_000, rememberFrames: 100, rememberClosed: 100, earlyFrames: 10, earlyMs: 60_000 };
const fresh = (over = {}) => new Aggregation({ ...OPTIONS, ...over });

/** Publishes all that is due on a bus that takes everything. */
function drain(frames: Aggregation, now = T0): Outcome[] {
  const outcomes: Outcome[] = [];
  for (let next = frames.take(now); next !== null; next = frames.take(now)) {
    const outcome = frames.stored(next, null);
    assert.ok(outcome);
    frames.done(next.aggregate.requestId, outcome.alert);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** A frame that went out as an alert in an earlier life. */
function alertOfBefore() {
  const before = fresh();
  const frame = detection(1);
  before.onDetection(frame, T0);
  before.onResult(result(frame, 1, 'high'), T0);
  const [out] = drain(before);
  assert.ok(out);
  return { frame, out };
}

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

test('at the deadline the frame goes out, naming the groups nobody judged, and does not look harmless', () => {
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

test('answers that were not had are unknown with their reason, never none', () => {
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

test('a judgement that comes after the news that there is none takes its place, not the other way round', () => {
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

test('after a crash a repeated message changes nothing, and a late answer revises what went out before', () => {
  const before = fresh();
  const frame = detection(2);
  const answer = result(frame, 1, 'medium', { llmLatency: 2 });
  before.onDetection(frame, T0);
  before.onResult(answer, T0);
  before.onTime(T0 + 5_000);
  const [out] = drain(before);
  assert.ok(out);

  const after = fresh();
  after.restore(out.aggregate);
  assert.equal(after.isSettled(frame.requestId), true);
  after.onDetection(frame, T0 + 9_000);
  after.onResult(answer, T0 + 9_000);
  assert.deepEqual(drain(after), []);
  after.onResult(result(frame, 2, 'low', { source: 'rules', llmLatency: 0 }), T0 + 9_000);
  const [late] = drain(after);
  assert.ok(late);
  const { revision, riskAssessment, llmLatency, llmModel } = late.aggregate;
  assert.deepEqual(
    {
      revision,
      maxRiskLevel: riskAssessment.maxRiskLevel,
      source: riskAssessment.source,
      missingGroups: riskAssessment.missingGroups,
      llmLatency,
      llmModel,
    },
    { revision: 1, maxRiskLevel: 'medium', source: 'mixed', missingGroups: [], llmLatency: 2, llmModel: 'm' },
  );
  assert.deepEqual(
    riskAssessment.results.map(({ groupIndex }) => groupIndex),
    [1, 2],
  );
});

test('an alert that went out before a crash is told to the alerts again when one of its messages was not settled', () => {
  const { frame, out } = alertOfBefore();
  const after = fresh();
  after.restore(out.aggregate);
  assert.deepEqual(drain(after), [], 'all its messages may be settled');
  after.onDetection(frame, T0 + 9_000);
  assert.equal(after.isSettled(frame.requestId), false);
  const again = after.take(T0 + 9_000);
  assert.ok(again);
  assert.deepEqual(again, { aggregate: out.aggregate, alertOnly: true });
  assert.deepEqual(after.stored(again, null), { aggregate: out.aggregate, alert: 'first' });
  after.done(frame.requestId, 'first');
  after.onDetection(frame, T0 + 9_001);
  assert.deepEqual(drain(after), [], 'now it is known to be there');
});

test('what an earlier life published under the same revision stands, and what it lacked comes as the next', () => {
  const frame = detection(3);
  const earlier = fresh();
  earlier.onDetection(frame, T0);
  earlier.onResult(result(frame, 1, 'high'), T0);
  earlier.onTime(T0 + 5_000);
  const theirs = earlier.take(T0 + 5_000);
  assert.ok(theirs);

  const now = fresh();
  now.onDetection(frame, T0);
  now.onResult(result(frame, 2, 'low'), T0);
  now.onTime(T0 + 5_000);
  const ours = now.take(T0 + 6_000);
  assert.ok(ours);
  const outcome = now.stored(ours, theirs.aggregate);
  assert.deepEqual(outcome, { aggregate: theirs.aggregate, alert: 'first' });
  now.done(frame.requestId, 'first');
  const [next] = drain(now);
  assert.deepEqual(
    {
      revision: next?.aggregate.revision,
      alert: next?.alert,
      results: next?.aggregate.riskAssessment.results.map(({ riskLevel }) => riskLevel),
    },
    { revision: 1, alert: 'revision', results: ['high', 'low'] },
  );
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

test('frames that went out are forgotten at the bound, those on their way are not', () => {
  const frames = fresh({ rememberFrames: 3 });
  const slow = detection(0);
  frames.onDetection(slow, T0);
  const onItsWay = frames.take(T0);
  assert.ok(onItsWay);
  const all = Array.from({ length: 5 }, () => detection(1));
  for (const frame of all) {
    frames.onDetection(frame, T0);
    frames.onResult(result(frame, 1, 'unknown', { error: { code: 'timeout', message: 'no answer' } }), T0);
    drain(frames);
  }
  assert.equal(frames.remembered, 4);
  frames.onResult(result(all[0]!, 1, 'high'), T0);
  assert.equal(frames.isSettled(all[0]!.requestId), false, 'treated as early: its frame is not known any more');
  frames.onDetection(all[4]!, T0);
  assert.deepEqual(drain(frames), []);
  assert.equal(frames.counters.duplicates, 1);
  assert.ok(frames.stored(onItsWay, null));
});

test('of a frame that is judged whole only the id is kept: what comes again changes nothing', () => {
  const frames = fresh({ rememberClosed: 3 });
  const all = Array.from({ length: 5 }, () => detection(2));
  for (const frame of all) {
    frames.onDetection(frame, T0);
    frames.onResult(result(frame, 1, 'low'), T0);
    frames.onResult(result(frame, 2, 'unknown', { error: { code: 'timeout', message: 'no answer' } }), T0);
    assert.equal(drain(frames).length, 1);
    assert.equal(
      frames.closed,
      all.indexOf(frame) < 3 ? all.indexOf(frame) : 3,
      'what a late answer can still make better is kept',
    );
    frames.onResult(result(frame, 2, 'high'), T0 + 1);
    assert.deepEqual(
      drain(frames).map(({ aggregate, alert }) => [aggregate.revision, alert]),
      [[1, 'first']],
    );
  }
  assert.deepEqual({ remembered: frames.remembered, closed: frames.closed }, { remembered: 0, closed: 3 });
  const last = all[4]!;
  frames.onDetection(last, T0 + 2);
  frames.onResult(result(last, 1, 'high'), T0 + 2);
  frames.onResult(result(last, 2, 'none'), T0 + 2);
  assert.deepEqual(drain(frames), []);
  assert.deepEqual(
    {
      duplicates: frames.counters.duplicates,
      isSettled: frames.isSettled(last.requestId),
      remembered: frames.remembered,
    },
    { duplicates: 3, isSettled: true, remembered: 0 },
  );
});

test('an alert read back after a crash is kept until it is sure that the alerts have it', () => {
  const { frame, out } = alertOfBefore();
  const frames = fresh();
  frames.restore(out.aggregate);
  assert.deepEqual({ remembered: frames.remembered, closed: frames.closed }, { remembered: 1, closed: 0 });
  frames.onResult(result(frame, 1, 'high'), T0 + 1);
  assert.deepEqual(
    drain(frames).map(({ alert }) => alert),
    ['first'],
    'its message was not settled',
  );
  assert.deepEqual({ remembered: frames.remembered, closed: frames.closed }, { remembered: 0, closed: 1 });
  frames.restore(out.aggregate);
  assert.deepEqual({ remembered: frames.remembered, closed: frames.closed }, { remembered: 1, closed: 0 });
});
