import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Aggregate } from '../../src/messages/aggregate.ts';
import { RISK_LEVELS } from '../../src/messages/assessment.ts';
import { group, detection, result } from '../support/samples.ts';
import { at, drain, fresh, lines, rulesSay, T0, told } from '../support/aggregation.ts';

test('a frame without groups goes out once and is harmless', () => {
  const frames = fresh();
  frames.onDetection(detection(0), T0 + 40);
  const [out, ...more] = drain(frames, T0 + 40);
  assert.ok(out);
  assert.equal(more.length, 0);
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
  assert.equal(frames.nextDeadline, null);
});

test('a frame goes out when it is detected, with the verdicts of the rules, and again with its last answer', () => {
  const frames = fresh({ assessByRules: rulesSay('low') });
  const frame = detection(2);
  frames.onDetection(frame, T0);
  const [first] = drain(frames);
  assert.ok(first);
  assert.deepEqual(lines(Aggregate.parse(first.aggregate)), ['low rules pending', 'low rules pending']);
  assert.equal(first.aggregate.riskAssessment.source, 'rules');
  assert.deepEqual([first.aggregate.llmLatency, first.aggregate.llmModel], [0, null]);
  assert.equal(frames.isSettled(frame.requestId), false, 'its answers are awaited');
  frames.onResult(result(frame, 2, 'low', { llmLatency: 0.5 }), T0 + 1);
  assert.deepEqual(drain(frames), [], 'one revision for both answers');
  frames.onResult(result(frame, 1, 'medium', { llmLatency: 1.5 }), T0 + 2);
  assert.equal(frames.isSettled(frame.requestId), false, 'not before the bus has it');
  const [out, ...more] = drain(frames);
  assert.equal(more.length, 0);
  assert.ok(out);
  const { aggregate } = out;
  assert.deepEqual(lines(Aggregate.parse(aggregate)), ['medium vlm', 'low vlm']);
  assert.equal(aggregate.riskAssessment.hasDangerousDriving, true);
  assert.equal(aggregate.riskAssessment.source, 'vlm');
  assert.equal(aggregate.llmLatency, 1.5);
  assert.equal(aggregate.revision, 1);
  assert.equal(aggregate.riskAssessment.results[0]?.assessedAt, frame.timestamp);
  assert.equal(frames.isSettled(frame.requestId), true);
  frames.onTime(T0 + 60_000);
  assert.deepEqual(drain(frames), []);
});

test('at the freshness limit the frame goes out with what is there, and a later answer still revises it', () => {
  const frames = fresh({ assessByRules: rulesSay('low') });
  const frame = detection(3);
  frames.onDetection(frame, T0);
  drain(frames);
  frames.onResult(result(frame, 2, 'none'), T0 + 900);
  assert.equal(frames.nextDeadline, T0 + 2_000);
  frames.onTime(T0 + 1_999);
  assert.deepEqual(drain(frames), []);
  frames.onTime(T0 + 2_000);
  assert.deepEqual(told(drain(frames)), [[1, ['low rules late', 'none vlm', 'low rules late']]]);
  assert.equal(frames.nextDeadline, null);
  assert.equal(frames.isSettled(frame.requestId), true);
  frames.onResult(result(frame, 1, 'high'), T0 + 3_000);
  assert.deepEqual(told(drain(frames)), [[2, ['high vlm', 'none vlm', 'low rules late']]]);
  const { incomplete, unanswered, revised } = frames.counters;
  assert.deepEqual({ incomplete, late: unanswered.late, revised }, { incomplete: 1, late: 2, revised: 2 });
});

test('the limit of a camera counts before that of all cameras, and a changed one for the next frames', () => {
  const frames = fresh();
  frames.onDetection(detection(1, { freshnessSeconds: 5 }), T0);
  assert.equal(frames.nextDeadline, T0 + 5_000);
  frames.configure({ freshnessMs: 700, verdictMs: 1, recheckMs: 1, cameraTurnMs: 1 });
  frames.onDetection(detection(1, { cameraId: 'cam-2' }), T0);
  assert.equal(frames.nextDeadline, T0 + 700);
});

test('a frame that comes after its limit goes out once, at once', () => {
  const frames = fresh();
  const frame = detection(1);
  frames.onDetection(frame, T0 + 9_000);
  assert.deepEqual(told(drain(frames)), [[0, ['none rules late']]]);
  assert.equal(frames.isSettled(frame.requestId), true);
});

test('a frame of the past that is replayed has its whole time from its arrival, and says whose replay it is', () => {
  const frames = fresh();
  const original = detection(1);
  const frame = detection(1, { replayOf: original.requestId });
  const later = T0 + 3_600_000;
  frames.onDetection(frame, later);
  frames.onDetection(detection(1, { timestamp: at(later - 1_000) }), later);
  assert.deepEqual(told(drain(frames)), [
    [0, ['none rules pending']],
    [0, ['none rules pending']],
  ]);
  assert.equal(frames.nextDeadline, later + 1_000, 'the frame of now is due first, though it came later');
  frames.onTime(later + 1_999);
  assert.equal(drain(frames).length, 1);
  frames.onTime(later + 2_000);
  assert.deepEqual(
    drain(frames).map(({ aggregate }) => [aggregate.replayOf, aggregate.revision]),
    [[original.requestId, 1]],
  );
});

test('a newer frame of the camera with the same group ends the wait; the late answer still revises', () => {
  const frames = fresh();
  const [first, second] = [detection([group(1), group(2)]), detection([group(2)], { timestamp: at(T0 + 500) })];
  frames.onDetection(first, T0);
  drain(frames);
  frames.onDetection(second, T0 + 500);
  assert.deepEqual(told(drain(frames)), [[0, ['none rules pending']]], 'the first still waits for its other group');
  frames.onDetection(detection([group(1)], { timestamp: at(T0 + 600), cameraId: 'cam-2' }), T0 + 600);
  drain(frames);
  frames.onDetection(detection([group(1)], { timestamp: at(T0 + 700) }), T0 + 700);
  assert.deepEqual(told(drain(frames)), [
    [1, ['none rules superseded', 'none rules superseded']],
    [0, ['none rules pending']],
  ]);
  assert.equal(frames.isSettled(first.requestId), true);
  assert.equal(frames.counters.unanswered.superseded, 2);
  frames.onResult(result(first, 1, 'medium'), T0 + 900);
  assert.deepEqual(told(drain(frames)), [[2, ['medium vlm', 'none rules superseded']]]);
});

test('a frame that comes after a newer one with the same group does not wait', () => {
  const frames = fresh();
  frames.onDetection(detection(1, { timestamp: at(T0 + 500) }), T0 + 500);
  drain(frames);
  frames.onDetection(detection(1), T0 + 600);
  assert.deepEqual(told(drain(frames)), [[0, ['none rules superseded']]]);
  assert.equal(frames.pending, 1);
});

test('frames that come together, as after an outage, go out once each', () => {
  const frames = fresh();
  for (let i = 0; i < 5; i += 1) frames.onDetection(detection(1, { timestamp: at(T0 + i * 300) }), T0 + 1_300);
  assert.deepEqual(
    told(drain(frames)).map(([revision, [line]]) => `${revision} ${line}`),
    [...Array.from({ length: 4 }, () => '0 none rules superseded'), '0 none rules pending'],
  );
});

test('an alert is a new verdict of high: not what rules say while the model may answer, not a carried one', () => {
  const frames = fresh({ assessByRules: rulesSay('high') });
  const frame = detection(2);
  frames.onDetection(frame, T0);
  const alerts = (now: number) => drain(frames, now).map(({ aggregate, alert }) => [aggregate.revision, alert]);
  assert.deepEqual(alerts(T0), [[0, 'none']]);
  frames.onResult(result(frame, 1, 'low'), T0 + 1);
  frames.onTime(T0 + 2_000);
  assert.deepEqual(alerts(T0 + 2_000), [[1, 'first']]);
  frames.onResult(result(frame, 2, 'high'), T0 + 3_000);
  assert.deepEqual(alerts(T0 + 3_000), [[2, 'revision']]);
  const next = detection([group(2)], { timestamp: at(T0 + 4_000) });
  frames.onDetection(next, T0 + 4_000);
  assert.deepEqual(alerts(T0 + 4_000), [[0, 'none']], 'carried');
  frames.onResult(result(next, 2, 'high'), T0 + 5_000);
  assert.deepEqual(alerts(T0 + 5_000), [[1, 'first']]);
});

test('answers that come while a revision is on its way go out together in the next', () => {
  const frames = fresh();
  const frame = detection(3);
  frames.onDetection(frame, T0);
  const first = frames.take(T0);
  assert.ok(first);
  for (const index of [1, 2]) frames.onResult(result(frame, index, 'low'), T0 + index);
  assert.equal(frames.take(T0 + 2), null, 'revisions of one frame go one after the other');
  frames.stored(first, null);
  frames.done(frame.requestId);
  assert.deepEqual(drain(frames), [], 'the third answer is awaited');
  frames.onResult(result(frame, 3, 'none'), T0 + 3);
  assert.deepEqual(told(drain(frames)), [[1, ['low vlm', 'low vlm', 'none vlm']]]);
});

test('a failure is answered by the rules with its reason; only a model that says so leaves a group unknown', () => {
  const frames = fresh();
  const frame = detection(4);
  frames.onDetection(frame, T0);
  frames.onResult(result(frame, 1, 'unknown', { error: { code: 'expired', message: '' } }), T0);
  frames.onResult(result(frame, 2, 'unknown', { error: { code: 'unreadable-answer', message: '' } }), T0);
  frames.onResult(result(frame, 3, 'low', { source: 'rules', reason: 'budget' }), T0);
  frames.onResult(result(frame, 4, 'low', { source: 'rules' }), T0);
  const [out] = drain(frames);
  assert.ok(out);
  assert.deepEqual(lines(out.aggregate), [
    'none rules expired',
    'unknown vlm',
    'low rules budget',
    'low rules no-keys',
  ]);
  const { maxRiskLevel, missingGroups, source } = out.aggregate.riskAssessment;
  assert.deepEqual(
    { maxRiskLevel, missingGroups, source },
    { maxRiskLevel: 'unknown', missingGroups: [], source: 'rules' },
  );
});

test("the model's answer replaces that of the rules, not the other way round; a failure says more than `late`", () => {
  const frames = fresh();
  const frame = detection(1);
  frames.onDetection(frame, T0);
  frames.onTime(T0 + 2_000);
  drain(frames);
  frames.onResult(result(frame, 1, 'none', { source: 'rules', reason: 'budget' }), T0 + 2_100);
  assert.deepEqual(drain(frames), [], 'the rules have answered');
  const timeout = result(frame, 1, 'none', { source: 'rules', reason: 'timeout' });
  const other = detection(1, { timestamp: at(T0 + 10_000) });
  frames.onDetection(other, T0 + 10_000);
  frames.onTime(T0 + 12_000);
  drain(frames);
  frames.onResult({ ...timeout, requestId: other.requestId }, T0 + 40_000);
  assert.deepEqual(told(drain(frames)), [[1, ['none rules timeout']]]);
});

test('rules and model together are a mixed source; rules in place of a failing model are degraded', () => {
  const frames = fresh();
  const frame = detection(2);
  const degradedReason = { code: 'timeout' as const, message: 'none in 35 s' };
  frames.onDetection(frame, T0);
  frames.onResult({ ...result(frame, 1, 'none', { source: 'rules', degraded: true }), degradedReason }, T0);
  frames.onResult(result(frame, 2, 'none'), T0);
  const [out] = drain(frames);
  const { source, degraded, results } = out?.aggregate.riskAssessment ?? {};
  assert.deepEqual({ source, degraded }, { source: 'mixed', degraded: true });
  assert.deepEqual([results?.[0]?.reason, results?.[0]?.degradedReason], ['timeout', degradedReason]);
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
  assert.deepEqual(told(drain(frames)), [[0, ['low vlm']]]);
  frames.onTime(T0 + 60_000);
  assert.equal(frames.counters.orphans, 2);
  assert.deepEqual(frames.takeGivenUp(), [third.requestId]);
});

test('an answer for a group that the frame does not have changes nothing and is counted', () => {
  const frames = fresh();
  const frame = detection(1);
  frames.onResult(result(frame, 7, 'high'), T0);
  frames.onDetection(frame, T0);
  assert.deepEqual(told(drain(frames)), [[0, ['none rules pending']]], 'it is not taken for the awaited answer');
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

test("each answer of the model is new in one publication, so that its frame's age is observed once", () => {
  const frames = fresh();
  const frame = detection(3);
  frames.onDetection(frame, T0);
  frames.onResult(result(frame, 1, 'low'), T0);
  const counts: number[] = [];
  const publish = () => {
    const taken = frames.take(T0);
    assert.ok(taken);
    counts.push(taken.newVerdicts);
    frames.stored(taken, null);
    frames.done(frame.requestId);
  };
  publish();
  frames.onResult(result(frame, 2, 'low'), T0);
  frames.onTime(T0 + 2_000);
  publish();
  frames.onResult(result(frame, 3, 'low', { source: 'rules', reason: 'timeout' }), T0);
  publish();
  assert.deepEqual(counts, [1, 1, 0]);
});

test('a revision says whether it was made after the freshness limit of its frame', () => {
  const late = [2_000, 2_001].map((afterMs) => {
    const frames = fresh();
    const frame = detection(1);
    frames.onDetection(frame, T0);
    drain(frames);
    frames.onResult(result(frame, 1, 'low'), T0 + afterMs);
    return frames.take(T0 + afterMs)?.late;
  });
  assert.deepEqual(late, [false, true]);
});

test('whatever the order and however often messages are repeated, each frame ends alike', () => {
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
        const published = told(
          shuffled.flatMap((deliver) => {
            deliver();
            return drain(frames);
          }),
        );
        assert.ok(published.length === 1 || published.length === 2, 'at once, and with the last answer');
        assert.deepEqual(published.at(-1), [published.length - 1, levels.map((level) => `${level} vlm`)]);
      },
    ),
  );
});
