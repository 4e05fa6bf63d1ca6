import assert from 'node:assert/strict';
import { test } from 'node:test';
import sharp from 'sharp';
import { DetectionMaker } from '../../bench/scarcity/detections.ts';
import { noise } from '../../bench/pipeline/pictures.ts';
import { dangersOf, figuresOf, isInTime } from '../../bench/scarcity/figures.ts';
import { limitsFor, SlidingKeys } from '../../bench/scarcity/limits.ts';
import type { LoggedQuestion } from '../../bench/scarcity/log.ts';
import { inHindsight } from '../../bench/scarcity/optimum.ts';
import { shownIn, withComment } from '../../bench/scarcity/pictures.ts';
import { byChance, ours } from '../../bench/scarcity/policies.ts';
import { simulate } from '../../bench/scarcity/simulate.ts';
import { framesOf } from '../../bench/scarcity/world.ts';
import { Detection } from '../../src/messages/detection.ts';
import type { ChatRequest } from '../../src/simulator/request.ts';
import { groupFeatures } from '../../src/vision/group-features.ts';

const WORLD = { cameras: 50, groupsPerSecond: 20, seed: 7 };
const HALF_AN_HOUR = framesOf({ ...WORLD, seconds: 1_800 });

test('the world has the cameras, the questions and the dangers that it states', () => {
  const questions = HALF_AN_HOUR.flatMap(({ groups }) => groups);
  assert.ok(Math.abs(questions.length / 1_800 - 20) < 1.5, `${questions.length / 1_800} a second`);
  const groups = [...new Set(questions.map(({ group }) => group))];
  const share = (level: string): number => groups.filter((group) => group.level === level).length / groups.length;
  assert.ok(Math.abs(share('high') - 0.02) < 0.002, `${share('high')} high`);
  assert.ok(Math.abs(share('none') - 0.85) < 0.005, `${share('none')} none`);
  for (const { from, until } of groups) assert.ok(until - from >= 5_000 && until - from <= 60_001);
  for (const { truth, group } of questions) assert.ok(truth === 'none' || truth === group.level);
});

test('the same seed gives the same world, whatever was drawn before', () => {
  const again = framesOf({ ...WORLD, seconds: 60 });
  assert.deepEqual(again, framesOf({ ...WORLD, seconds: 60 }));
  assert.notDeepEqual(again, framesOf({ ...WORLD, seed: 8, seconds: 60 }));
});

test('a frame of the world is a detection, whose boxes have the features that it states', () => {
  const maker = new DetectionMaker('cam');
  const busy = HALF_AN_HOUR.filter(({ camera, groups }) => camera === 3 && groups.length > 0).slice(0, 50);
  assert.equal(busy.length, 50);
  for (const frame of busy) {
    const detection = Detection.parse(maker.next(frame, frame.at));
    for (const { memberIndices, bbox, features } of detection.trafficGroups) {
      const members = memberIndices.flatMap((index) => detection.detectedObjects[index] ?? []);
      assert.deepEqual(groupFeatures(members, bbox), features);
    }
  }
});

test('pictures stay pictures with their comment, and a call is about the newest of them', async () => {
  const picture = await noise(160, 120);
  const shown = { camera: 1, groupId: 'g1', at: 2_000, truth: 'high' } as const;
  const marked = withComment(picture, shown);
  assert.equal((await sharp(marked).metadata()).format, 'jpeg');
  const part = (jpeg: Buffer) =>
    ({ type: 'image_url', image_url: { url: `data:image/jpeg;base64,${jpeg.toString('base64')}` } }) as const;
  const before = withComment(picture, { ...shown, at: 1_000, truth: 'none' });
  const request = (...jpegs: readonly Buffer[]): ChatRequest => ({
    model: 'm',
    messages: [{ role: 'user', content: jpegs.map(part) }],
  });
  assert.deepEqual(shownIn(request(before, marked)), shown);
  assert.deepEqual(shownIn(request(marked, before, picture)), shown);
  assert.equal(shownIn(request(picture)), null);
});

test('keys of the simulation allow what a strict provider would', () => {
  const limits = limitsFor(20 / 3);
  assert.deepEqual(limits, { keys: 4, qps: 5, rpm: 100 });
  const keys = new SlidingKeys(limits);
  const times: number[] = [];
  for (let now = 0; now < 180_000; now += 10) while (keys.take(now)) times.push(now);
  assert.ok(times.length >= 1_150);
  for (const at of times) {
    assert.ok(times.filter((other) => other > at - 60_000 && other <= at).length <= 400);
    assert.ok(times.filter((other) => other > at - 1_000 && other <= at).length <= 20);
  }
});

const question = (at: number, truth: LoggedQuestion['truth'], groupId = 'g1'): LoggedQuestion => ({
  camera: 0,
  groupId,
  at,
  truth,
});

test('a danger is a stretch of frames, and in time when a verdict of danger about it was seen in time', () => {
  const dangers = dangersOf(
    [
      question(0, 'none'),
      question(2_000, 'high'),
      question(4_000, 'high'),
      question(6_000, 'none'),
      question(8_000, 'high'),
    ],
    1_000,
  );
  assert.deepEqual(
    dangers.map(({ firstAt, lastAt }) => [firstAt, lastAt]),
    [
      [2_000, 4_000],
      [8_000, 8_000],
    ],
  );
  const verdict = { camera: 0, groupId: 'g1', frameAt: 2_000, seenAt: 4_400, level: 'high' } as const;
  const [first, second] = dangers;
  assert.equal(isInTime(first!, [verdict]), true);
  assert.equal(isInTime(first!, [{ ...verdict, seenAt: 4_600 }]), false);
  assert.equal(isInTime(first!, [{ ...verdict, level: 'none' }]), false);
  assert.equal(isInTime(second!, [verdict]), false);
  assert.equal(isInTime(second!, undefined), false);
});

test('a camera counts as not asked about only while it had a fresh group', () => {
  const questions = [0, 2_000, 4_000, 100_000].map((at) => question(at, 'none'));
  const call = (at: number) => ({ camera: 0, at });
  const longest = (...times: readonly number[]): number =>
    figuresOf({ questions, verdicts: [], calls: times.map(call) }, 0).longestUnaskedMs;
  assert.equal(longest(100, 100_500), 3_900);
  assert.equal(longest(100, 2_100, 4_100, 100_500), 0);
  assert.equal(longest(100, 2_100, 4_100), 100_000 - 4_100);
});

test('in hindsight every danger is shown for which there is a call in time', () => {
  const at = (firstAt: number, groupId: string) =>
    ({ camera: 0, groupId, level: 'high', firstAt, lastAt: firstAt }) as const;
  const limits = { keys: 1, qps: 2, rpm: 60 };
  const crowd = Array.from({ length: 10 }, (_, index) => at(100_000, `g${index}`));
  // A second allows two calls, a minute one a second: two at once, and two more within the time that is left.
  assert.equal(inHindsight(crowd, limits).length, 4);
  const apart = Array.from({ length: 10 }, (_, index) => at(100_000 + index * 5_000, `g${index}`));
  assert.equal(inHindsight(apart, limits).length, 10);
});

for (const { budget, high, ofOptimum } of [
  { budget: 1 / 3, high: 0.97, ofOptimum: 0.95 },
  { budget: 1 / 10, high: 0.85, ofOptimum: 0.85 },
])
  test(`with calls for ${budget.toFixed(2)} of the questions, dangers are seen in time`, () => {
    const limits = limitsFor(20 * budget);
    const played = { frames: HALF_AN_HOUR, limits, seed: 1 };
    const log = simulate(ours(limits), played);
    const figures = figuresOf(log, 120_000);
    const optimum = inHindsight(dangersOf(log.questions, 120_000), limits).length;
    assert.ok(figures.highs > 30);
    assert.ok(figures.highsInTime >= high * figures.highs, `${figures.highsInTime} of ${figures.highs} high`);
    assert.ok(figures.dangersInTime >= ofOptimum * optimum, `${figures.dangersInTime} of ${optimum}`);
    const chance = figuresOf(simulate(byChance(1), played), 120_000);
    assert.ok(chance.dangersInTime < figures.dangersInTime / 2, `${chance.dangersInTime} by chance`);
  });
