import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detection, result } from '../support/samples.ts';
import { at, drain, fresh, lines, rulesSay, T0, told } from '../support/aggregation.ts';

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

test('after a crash a repeated message changes nothing, and a late answer revises what went out before', () => {
  const before = fresh();
  const frame = detection(2);
  const answer = result(frame, 1, 'medium', { llmLatency: 2 });
  before.onDetection(frame, T0);
  before.onResult(answer, T0);
  before.onTime(T0 + 2_000);
  const [out] = drain(before);
  assert.ok(out);

  const after = fresh();
  after.restore(out.aggregate);
  assert.equal(after.isSettled(frame.requestId), true);
  after.onDetection(frame, T0 + 9_000);
  after.onResult(answer, T0 + 9_000);
  assert.deepEqual(drain(after), []);
  after.onResult(result(frame, 2, 'low', { source: 'rules', llmLatency: 0, reason: 'timeout' }), T0 + 9_000);
  const [late] = drain(after);
  assert.ok(late);
  const { revision, riskAssessment, llmLatency, llmModel } = late.aggregate;
  assert.deepEqual(
    { revision, maxRiskLevel: riskAssessment.maxRiskLevel, source: riskAssessment.source, llmLatency, llmModel },
    { revision: 1, maxRiskLevel: 'medium', source: 'mixed', llmLatency: 2, llmModel: 'm' },
  );
  assert.deepEqual(lines(late.aggregate), ['medium vlm', 'low rules timeout']);
});

test('a frame that waited for its answers before a crash waits on, and is revised at its limit', () => {
  const before = fresh({ assessByRules: rulesSay('low') });
  const [first, second] = [detection(1), detection(1, { timestamp: at(T0 + 1_000) })];
  before.onDetection(first, T0);
  const published = drain(before);
  before.onDetection(second, T0 + 1_000);
  published.push(...drain(before, T0 + 1_000).slice(1));

  const after = fresh({ assessByRules: rulesSay('low') });
  for (const { aggregate } of published) after.restore(aggregate);
  assert.equal(after.isSettled(second.requestId), false);
  assert.deepEqual(told(drain(after)), [[1, ['low rules superseded']]], 'the older of the two');
  after.onTime(T0 + 2_999);
  assert.deepEqual(drain(after), []);
  assert.equal(after.nextDeadline, T0 + 3_000);
  after.onTime(T0 + 3_000);
  assert.deepEqual(told(drain(after)), [[1, ['low rules late']]]);
  assert.equal(after.isSettled(second.requestId), true);
});

test('an alert that went out before a crash goes out again when one of its messages was not settled', () => {
  const { frame, out } = alertOfBefore();
  const after = fresh();
  after.restore(out.aggregate);
  assert.deepEqual(drain(after), [], 'all its messages may be settled');
  after.onDetection(frame, T0 + 9_000);
  assert.equal(after.isSettled(frame.requestId), false);
  const again = after.take(T0 + 9_000);
  assert.ok(again);
  assert.deepEqual(again, {
    aggregate: out.aggregate,
    json: JSON.stringify(out.aggregate),
    alertOnly: true,
    newVerdicts: 0,
    late: false,
  });
  assert.deepEqual(after.stored(again, null), { aggregate: out.aggregate, alert: 'first' });
  after.done(frame.requestId, 'first');
  after.onDetection(frame, T0 + 9_001);
  assert.deepEqual(drain(after), [], 'now it is known to be there');
});

test('an alert that the answer after a crash takes back goes out all the same, before that answer', () => {
  const before = fresh({ assessByRules: rulesSay('high') });
  const frame = detection(1);
  before.onDetection(frame, T0 + 5_000);
  const [out] = drain(before);
  assert.equal(out?.alert, 'first', 'late, so the rules decide');

  const after = fresh();
  after.restore(out.aggregate);
  after.onResult(result(frame, 1, 'none'), T0 + 9_000);
  assert.deepEqual(
    drain(after).map(({ aggregate, alert }) => [aggregate.revision, ...lines(aggregate), alert]),
    [
      [0, 'high rules late', 'first'],
      [1, 'none vlm', 'none'],
    ],
  );
});

test('a revision of an earlier life stands, and answers that it lacked come as the next one', () => {
  const frame = detection(3);
  const earlier = fresh();
  earlier.onDetection(frame, T0);
  earlier.onResult(result(frame, 1, 'high'), T0);
  earlier.onTime(T0 + 2_000);
  const theirs = earlier.take(T0 + 2_000);
  assert.ok(theirs);

  const now = fresh();
  now.onDetection(frame, T0);
  now.onResult(result(frame, 2, 'low'), T0);
  now.onTime(T0 + 2_000);
  const ours = now.take(T0 + 6_000);
  assert.ok(ours);
  const outcome = now.stored(ours, theirs.aggregate);
  assert.deepEqual(outcome, { aggregate: theirs.aggregate, alert: 'first' });
  now.done(frame.requestId, 'first');
  const [next] = drain(now);
  assert.ok(next);
  assert.deepEqual([next.aggregate.revision, next.alert], [1, 'revision']);
  assert.deepEqual(lines(next.aggregate), ['high vlm', 'low vlm', 'none rules late']);
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
    frames.onTime(T0 + 2_000);
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

test('of a frame with all answers only the id is kept: repeated messages change nothing', () => {
  const frames = fresh({ rememberClosed: 3 });
  const all = Array.from({ length: 5 }, () => detection(2));
  for (const [index, frame] of all.entries()) {
    frames.onDetection(frame, T0);
    frames.onResult(result(frame, 1, 'low'), T0);
    frames.onTime(T0 + 2_000);
    assert.equal(drain(frames).length, 1);
    assert.equal(frames.closed, Math.min(index, 3), 'a frame that a late answer can still revise is kept');
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

test('the scheduler answers each task once, so an answer of the rules closes a frame as well', () => {
  const frames = fresh();
  const [budget, superseded] = [detection(1), detection(1, { timestamp: at(T0 + 100) })];
  frames.onDetection(budget, T0);
  frames.onResult(result(budget, 1, 'none', { source: 'rules', reason: 'budget' }), T0);
  drain(frames);
  assert.deepEqual([frames.remembered, frames.closed], [0, 1]);
  frames.onDetection(superseded, T0 + 100);
  frames.onDetection(detection(1, { timestamp: at(T0 + 200) }), T0 + 200);
  drain(frames);
  frames.onResult(result(superseded, 1, 'none', { source: 'rules', reason: 'superseded' }), T0 + 300);
  assert.deepEqual(drain(frames), [], 'it is known already');
  assert.deepEqual([frames.remembered, frames.closed], [1, 2]);
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
