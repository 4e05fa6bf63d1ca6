import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Aggregation } from '../../src/aggregation/aggregation.ts';
import { VerdictAges } from '../../src/aggregation/verdict-ages.ts';
import { type Verdict, Verdicts } from '../../src/aggregation/verdicts.ts';
import { Aggregate } from '../../src/messages/aggregate.ts';
import { type AssessmentResult, isDangerous, RISK_LEVELS, type RiskLevel } from '../../src/messages/assessment.ts';
import type { Detection, PublishedGroup } from '../../src/messages/detection.ts';
import { stillAnswered } from '../../src/tasks/recheck.ts';
import { at, drain, fresh, lines, OPTIONS, T0, told } from '../support/aggregation.ts';
import { detection, group, result } from '../support/samples.ts';

const SECOND = 1_000;
/** A frame so many seconds after T0, with group 1 of these tracks. */
function frameAt(seconds: number, tracks = [1, 2], over: Partial<PublishedGroup> = {}): Detection {
  const [car] = detection(0).detectedObjects;
  assert.ok(car);
  return detection([{ ...group(1), memberIndices: tracks.map((_, index) => index), ...over }], {
    timestamp: at(T0 + seconds * SECOND),
    detectedObjects: tracks.map((trackId, objectId) => ({ ...car, objectId, trackId })),
  });
}
/** Takes the frame in and publishes it; the lines of its revision 0. */
function shownAtOnce(frames: Aggregation, frame: Detection, seconds: number): string[] {
  frames.onDetection(frame, T0 + seconds * SECOND);
  const out = drain(frames, T0 + seconds * SECOND).find(({ aggregate }) => aggregate.requestId === frame.requestId);
  assert.ok(out);
  return lines(Aggregate.parse(out.aggregate));
}
/** Frame 0 with this answer of the model. */
function assessed(frames: Aggregation, level: RiskLevel, over: Parameters<typeof result>[3] = {}): Detection {
  const frame = frameAt(0);
  frames.onDetection(frame, T0);
  frames.onResult(result(frame, 1, level, over), T0 + 500);
  drain(frames);
  return frame;
}

test('a verdict is carried to later frames of its group, with its age and the objects it named', () => {
  const frames = fresh();
  const first = assessed(frames, 'medium', { triggerObjectIds: [1] });
  const next = frameAt(2, [2, 1]);
  frames.onDetection(next, T0 + 2_000);
  const [out] = drain(frames, T0 + 2_000);
  assert.ok(out);
  assert.deepEqual(lines(out.aggregate), ['medium carried pending']);
  const { maxRiskLevel, source, results } = out.aggregate.riskAssessment;
  assert.deepEqual({ maxRiskLevel, source }, { maxRiskLevel: 'medium', source: 'vlm' });
  assert.equal(results[0]?.assessedAt, first.timestamp);
  assert.deepEqual(results[0]?.triggerObjectIds, [0], 'the same object, by its position in this frame');
  assert.equal(out.aggregate.llmModel, null, 'no model was asked about this frame');
});

test('a harmless verdict is carried until a member joins, or for verdict_seconds; a member may leave', () => {
  const frames = fresh();
  assessed(frames, 'low');
  assert.deepEqual(shownAtOnce(frames, frameAt(2, [1]), 2), ['low carried pending']);
  assert.deepEqual(shownAtOnce(frames, frameAt(4, [1, 3]), 4), ['none rules pending']);
  assert.deepEqual(shownAtOnce(frames, frameAt(10), 10), ['low carried pending']);
  assert.deepEqual(shownAtOnce(frames, frameAt(10.1), 10.1), ['none rules pending']);
});

test('a danger is carried, whoever joins, until the model answers again or the group is gone for a minute', () => {
  const frames = fresh();
  assessed(frames, 'high');
  for (let second = 2; second <= 120; second += 2)
    assert.deepEqual(shownAtOnce(frames, frameAt(second, [1, second]), second), ['high carried pending']);
  const answered = frameAt(121);
  assert.deepEqual(shownAtOnce(frames, answered, 121), ['high carried pending']);
  frames.onResult(result(answered, 1, 'unknown', { error: { code: 'unreadable-answer', message: '' } }), T0 + 121_500);
  assert.deepEqual(lines(drain(frames)[0]!.aggregate), ['high carried'], 'a model that cannot tell ends no danger');
  const again = frameAt(122);
  assert.deepEqual(shownAtOnce(frames, again, 122), ['high carried pending']);
  frames.onResult(result(again, 1, 'high'), T0 + 122_500);
  drain(frames);
  assert.deepEqual(shownAtOnce(frames, frameAt(182), 182), ['high carried pending']);
  assert.deepEqual(shownAtOnce(frames, frameAt(242.1), 242.1), ['none rules pending'], 'another one by this name');
});

test('rules never take the place of a verdict that holds; the reason stays visible', () => {
  const frames = fresh();
  assessed(frames, 'medium');
  for (const [second, reason] of [
    [2, 'budget'],
    [4, 'superseded'],
    [6, 'timeout'],
  ] as const) {
    const frame = frameAt(second);
    shownAtOnce(frames, frame, second);
    frames.onResult(result(frame, 1, 'none', { source: 'rules', reason }), T0 + second * SECOND + 1);
    assert.deepEqual(told(drain(frames)), [[1, [`medium carried ${reason}`]]]);
  }
});

test('about a group in which nothing changed no answer is awaited, and its verdict stands', () => {
  const frames = fresh();
  assessed(frames, 'none');
  const unchanged = { unchangedSince: at(T0) };
  const frame = frameAt(2, [1, 2], unchanged);
  assert.deepEqual(shownAtOnce(frames, frame, 2), ['none carried']);
  assert.equal(frames.isSettled(frame.requestId), true);
  assert.equal(frames.pending, 0);
  assert.deepEqual(shownAtOnce(frames, frameAt(30, [1, 2], unchanged), 30), ['none carried']);
  assert.deepEqual(shownAtOnce(frames, frameAt(59.9, [1, 2], unchanged), 59.9), ['none carried']);
  assert.deepEqual(shownAtOnce(frames, frameAt(60, [1, 2], unchanged), 60), ['none rules pending']);
  assert.equal(frames.counters.unchanged, 3);
  frames.onResult(result(frame, 1, 'low'), T0 + 60_500);
  assert.deepEqual(told(drain(frames)), [[1, ['low vlm']]], 'an answer that comes all the same revises');
});

test('an older answer that comes late ends no newer verdict', () => {
  const frames = fresh();
  const [first, second] = [frameAt(0), frameAt(1)];
  shownAtOnce(frames, first, 0);
  shownAtOnce(frames, second, 1);
  frames.onResult(result(second, 1, 'high'), T0 + 2_000);
  frames.onResult(result(first, 1, 'none'), T0 + 2_500);
  assert.deepEqual(told(drain(frames)), [
    [1, ['high vlm']],
    [2, ['none vlm']],
  ]);
  assert.deepEqual(shownAtOnce(frames, frameAt(3), 3), ['high carried pending']);
});

test('an answer about an earlier frame shows on a frame that still waits for its own, once that is revised', () => {
  const frames = fresh();
  const [first, second] = [frameAt(0), frameAt(1)];
  shownAtOnce(frames, first, 0);
  shownAtOnce(frames, second, 1);
  frames.onResult(result(first, 1, 'high'), T0 + 1_500);
  drain(frames);
  frames.onTime(T0 + 3_000);
  assert.deepEqual(told(drain(frames)), [[1, ['high carried late']]]);
});

test('replayed frames, and frames from far in the future, neither learn nor carry verdicts', () => {
  const frames = fresh();
  const [replay, future] = [
    { ...frameAt(0), replayOf: detection(0).requestId },
    { ...frameAt(0), timestamp: '9999-12-31T23:59:59Z' },
  ];
  for (const frame of [replay, future]) {
    frames.onDetection(frame, T0);
    frames.onResult(result(frame, 1, 'high'), T0);
  }
  drain(frames);
  assert.deepEqual(shownAtOnce(frames, frameAt(1), 1), ['none rules pending']);
  frames.onResult(result(assessed(frames, 'low'), 1, 'low'), T0);
  assert.deepEqual(shownAtOnce(frames, { ...frameAt(1), replayOf: replay.requestId }, 1), ['none rules pending']);
});

test('after a crash the published aggregates give the verdicts back, also one that they have only as carried', () => {
  const before = fresh();
  const published = [];
  const first = frameAt(0);
  before.onDetection(first, T0);
  before.onResult(result(first, 1, 'high', { triggerObjectIds: [1] }), T0 + 500);
  published.push(...drain(before, T0 + 500));
  before.onDetection(frameAt(2, [1, 2, 3]), T0 + 2_000);
  published.push(...drain(before, T0 + 2_000));
  for (const known of [published, published.slice(1)]) {
    const after = fresh();
    for (const { aggregate } of known) after.restore(aggregate);
    const next = frameAt(4, [2, 3, 1, 4]);
    assert.deepEqual(shownAtOnce(after, next, 4), ['high carried pending']);
    after.onResult(result(next, 1, 'none', { source: 'rules', reason: 'budget' }), T0 + 4_500);
    const out = drain(after).find(({ aggregate }) => aggregate.requestId === next.requestId);
    const [shown] = out?.aggregate.riskAssessment.results ?? [];
    assert.deepEqual([shown?.assessedAt, shown?.triggerObjectIds], [first.timestamp, [0]]);
  }
});

test('the groups remembered are bounded: the one unseen for longest is forgotten, and counted', () => {
  const verdicts = new Verdicts({ most: 2, goneMs: 60_000 });
  const verdict = (time: number): Verdict => ({
    at: time,
    assessment: result(detection(1), 1, 'low').results[0]!,
    members: new Set(),
    triggers: [],
  });
  verdicts.learn('a', 'g1', verdict(1), 1);
  verdicts.learn('a', 'g2', verdict(2), 2);
  verdicts.seen('a', 'g1', 3);
  verdicts.learn('b', 'g1', verdict(4), 4);
  assert.equal(verdicts.of('a', 'g2'), null);
  assert.deepEqual({ size: verdicts.size, dropped: verdicts.dropped }, { size: 2, dropped: 1 });
  verdicts.expire(60_003);
  assert.deepEqual([verdicts.of('a', 'g1'), verdicts.of('b', 'g1')?.at], [null, 4]);
});

test('the ages of verdicts are those of the last minute, and bounded', () => {
  const ages = new VerdictAges();
  assert.deepEqual(ages.figures(0), { p50: null, p95: null, count: 0 });
  ages.add(9, 0);
  for (let i = 1; i <= 100; i += 1) ages.add(i / 100, 1_000);
  assert.deepEqual(ages.figures(60_500), { p50: 0.5, p95: 0.95, count: 100 });
  for (let i = 0; i < 20_000; i += 1) ages.add(1, 61_000);
  assert.deepEqual(ages.figures(61_000), { p50: 1, p95: 1, count: 4_096 });
});

interface Step {
  readonly gap: number;
  readonly tracks: number[];
  readonly unchangedFor: number;
  /** Of the answer; negative: none comes. */
  readonly delay: number;
  readonly level: RiskLevel;
  readonly by: 'vlm' | 'rules';
}
const step: fc.Arbitrary<Step> = fc.record({
  gap: fc.integer({ min: 200, max: 4_000 }),
  tracks: fc.subarray([1, 2, 3], { minLength: 1 }),
  unchangedFor: fc.constantFrom(-1, -1, 1_000, 5_000, 20_000),
  delay: fc.oneof(fc.integer({ min: 100, max: 5_000 }), fc.constant(-1)),
  level: fc.constantFrom(...RISK_LEVELS),
  by: fc.constantFrom('vlm', 'vlm', 'rules'),
});

/** Plays the frames of one group in time, and publishes after each event. Calls `see` with each published revision. */
function play(
  steps: readonly Step[],
  see: (
    aggregate: Aggregate,
    known: { readonly frame: Detection; readonly answers: readonly AssessmentResult[] },
  ) => void,
): Map<string, Aggregate[]> {
  const frames = fresh();
  let time = T0;
  const events: { time: number; frame?: Detection; answer?: AssessmentResult; waited?: true }[] = [];
  for (const { gap, tracks, unchangedFor, delay, level, by } of steps) {
    time += gap;
    const since = unchangedFor < 0 ? {} : { unchangedSince: at(time - unchangedFor) };
    const frame = frameAt((time - T0) / SECOND, tracks, since);
    events.push({ time: time + 1, frame }, { time: time + 2_000, waited: true });
    const over = by === 'vlm' ? {} : { source: by, reason: 'budget' as const };
    if (delay >= 0) events.push({ time: time + delay, answer: result(frame, 1, level, over) });
  }
  let newest: Detection | null = null;
  const answers: AssessmentResult[] = [];
  const out = new Map<string, Aggregate[]>();
  for (const event of events.toSorted((a, b) => a.time - b.time)) {
    if (event.frame !== undefined) frames.onDetection((newest = event.frame), event.time);
    if (event.answer !== undefined) {
      answers.push(event.answer);
      frames.onResult(event.answer, event.time);
    }
    frames.onTime(event.time);
    const published = drain(frames, event.time).map(({ aggregate }) => Aggregate.parse(aggregate));
    if (event.frame !== undefined)
      assert.ok(
        published.some(({ requestId, revision }) => requestId === event.frame?.requestId && revision === 0),
        'revision 0 waits for nothing',
      );
    for (const aggregate of published) {
      out.set(aggregate.requestId, [...(out.get(aggregate.requestId) ?? []), aggregate]);
      assert.ok(newest !== null);
      see(aggregate, { frame: newest, answers });
    }
  }
  return out;
}

const byModel = ({ source, results: [answer] }: AssessmentResult): boolean =>
  source === 'vlm' && answer?.riskLevel !== 'unknown';

test("the newest frame shows the model's last answer as long as it holds, and no danger ends without one", () => {
  const { verdictMs, recheckMs } = OPTIONS.freshness;
  let carriedDangers = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), (steps) => {
      const seen = new Map<string, Detection>();
      play(steps, (aggregate, { frame, answers }) => {
        seen.set(frame.requestId, frame);
        const [shown] = aggregate.riskAssessment.results;
        assert.ok(shown, 'every group has a result');
        assert.equal(aggregate.riskAssessment.missingGroups.length, 0);
        assert.ok(shown.assessedAt !== undefined && shown.assessedAt <= aggregate.timestamp);
        assert.equal(shown.carried === true, shown.assessedAt < aggregate.timestamp);
        if (aggregate.requestId !== frame.requestId) return;
        const last = answers
          .filter(byModel)
          .map((answer) => ({ answer, of: seen.get(answer.requestId) }))
          .filter((each) => each.of !== undefined)
          .toSorted((a, b) => (a.answer.timestamp < b.answer.timestamp ? 1 : -1))[0];
        const level = last?.answer.results[0]?.riskLevel;
        if (last?.of === undefined || level === undefined) {
          assert.notEqual(shown.carried, true);
          return;
        }
        const [now] = aggregate.trafficGroups;
        assert.ok(now);
        const [assessedAt, frameAtMs] = [Date.parse(last.of.timestamp), Date.parse(aggregate.timestamp)];
        const tracks = ({ detectedObjects }: Pick<Detection, 'detectedObjects'>) =>
          detectedObjects.map(({ trackId }) => trackId);
        const known = new Set(tracks(last.of));
        const stands =
          isDangerous(level) ||
          stillAnswered(now, assessedAt, frameAtMs, recheckMs) ||
          (frameAtMs - assessedAt <= verdictMs && tracks(aggregate).every((track) => known.has(track)));
        assert.equal(shown.source === 'vlm' && shown.riskLevel !== 'unknown', stands, JSON.stringify(shown));
        if (!stands) return;
        assert.equal(shown.riskLevel, level);
        assert.equal(shown.assessedAt, last.of.timestamp);
        if (isDangerous(level) && shown.carried === true) carriedDangers += 1;
      });
    }),
    { numRuns: 500 },
  );
  assert.ok(carriedDangers > 100, 'the property has seen dangers carried');
});

test('a frame is revised at most once before the answers that come after its wait', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const out = play(steps, () => undefined);
      assert.equal(out.size, steps.length);
      for (const revisions of out.values()) {
        assert.deepEqual(
          revisions.map(({ revision }) => revision),
          revisions.map((_, index) => index),
        );
        assert.ok(revisions.length <= 3, 'at once, when its wait ended, and a late answer');
        const reasons = revisions.map(({ riskAssessment }) => riskAssessment.results[0]?.reason);
        assert.ok(!reasons.slice(1).includes('pending'), reasons.join());
      }
    }),
    { numRuns: 500 },
  );
});
