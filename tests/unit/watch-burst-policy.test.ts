import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Interest } from '../../src/events/interest.ts';
import { BurstPolicy } from '../../src/watch/burst-policy.ts';
import type { BurstWish } from '../../src/watch/watch.types.ts';

/** A policy that saw regular frames from second 0 to `seconds`, one a second. */
function watched(seconds: number, burstFps = 2): BurstPolicy {
  const policy = new BurstPolicy(burstFps);
  for (let at = 0; at <= seconds; at += 1) policy.take(at * 1_000, false);
  return policy;
}

const interest = (from: number, to: number, value = 0.5): Interest => ({ from: from * 1_000, to: to * 1_000, value });

/** The pictures of a wish, every one as it comes. */
function give(policy: BurstPolicy, { from, to, fps }: BurstWish): number[] {
  const given: number[] = [];
  for (let at = from; at <= to + 1; at += 1_000 / fps) {
    if (policy.has(at)) continue;
    policy.take(at, true);
    given.push(at);
  }
  return given;
}

test('a stretch of interest is wished for at 10 pictures a second', () => {
  assert.deepEqual(
    watched(20).wish(20_000, () => [interest(18, 20, 1)]),
    { from: 18_000, to: 19_900, fps: 10 },
  );
});

test('no wish without tokens, without interest, or while one is open', () => {
  assert.equal(
    watched(0).wish(0, () => [interest(-2, 0)]),
    null,
  );
  assert.equal(
    watched(20, 0).wish(20_000, () => [interest(18, 20)]),
    null,
  );
  const policy = watched(20);
  assert.equal(
    policy.wish(20_000, () => []),
    null,
  );
  assert.ok(policy.wish(20_000, () => [interest(18, 20)]));
  assert.equal(policy.isWaiting, true);
  assert.equal(
    policy.wish(20_000, () => [interest(15, 17)]),
    null,
  );
});

test('moments that were seen are not wished for again', () => {
  const policy = watched(20);
  const wish = policy.wish(20_000, () => [interest(19, 20)]);
  assert.ok(wish);
  give(policy, wish);
  assert.equal(
    policy.wish(20_000, () => [interest(19, 20)]),
    null,
  );
});

test('a wish reaches back no further than the ingest keeps, and less than a second ahead', () => {
  const wish = watched(60).wish(60_000, () => [interest(0, 100)]);
  assert.ok(wish);
  assert.ok(wish.from >= 60_000 - 12_000);
  assert.ok(wish.to <= 61_000);
});

test('the most valuable stretch comes first, and savings are kept for it', () => {
  const policy = watched(20);
  const wish = policy.wish(20_000, () => [interest(15, 16, 0.2), interest(18, 19, 0.9)]);
  assert.ok(wish && wish.from >= 18_000);
  assert.equal(
    watched(7).wish(7_000, () => [interest(5, 7, 0.05)]),
    null,
  );
  assert.ok(watched(20).wish(20_000, () => [interest(18, 20, 0.05)]));
});

test('over any time, no more pictures than the budget', () => {
  const policy = new BurstPolicy(2);
  let pictures = 0;
  for (let second = 0; second <= 300; second += 1) {
    policy.take(second * 1_000, false);
    const wish = policy.wish(second * 1_000, () => [interest(second - 2, second, 0.9)]);
    if (wish !== null) pictures += give(policy, wish).length;
    assert.ok(pictures <= 2 * second, `${pictures} pictures in ${second} s`);
  }
  assert.ok(pictures > 0.9 * 2 * 300, 'and nearly all of it is used');
});

test('a wish whose pictures never come is given up', () => {
  const policy = watched(20);
  assert.ok(policy.wish(20_000, () => [interest(18, 20)]));
  for (const second of [21, 22]) policy.take(second * 1_000, false);
  assert.equal(
    policy.wish(22_000, () => [interest(18, 20)]),
    null,
  );
  policy.take(23_000, false);
  assert.ok(policy.wish(23_000, () => [interest(21, 23)]));
});
