import assert from 'node:assert/strict';
import { test } from 'node:test';
import { detection, result } from '../support/samples.ts';
import { drain, fresh, T0 } from '../support/aggregation.ts';

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

test('an alert that went out before a crash goes out again when one of its messages was not settled', () => {
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

test('a revision of an earlier life stands, and answers that it lacked come as the next one', () => {
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

test('of a frame with all assessments only the id is kept: repeated messages change nothing', () => {
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
