import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransitGuard, TransitGuards } from '../../src/keys/guard.ts';
import { transitOf } from '../../src/llm/transit.ts';

const T0 = 1_700_000_000_000;
const BOUNDS = { minMs: 5, maxMs: 50 };

describe('the guard against jitter', () => {
  it('is the configured one until enough was seen', () => {
    const guard = new TransitGuard(BOUNDS);
    for (let i = 0; i < 19; i++) guard.add(1_000_000, T0, 1_000_000);
    assert.deepEqual([guard.guardMs(T0), guard.spreadMs(T0)], [50, null]);
    guard.add(1_000_000, T0 + 999, 1_000_000);
    assert.deepEqual([guard.guardMs(T0 + 999), guard.spreadMs(T0 + 999)], [50, null], 'all of one start, which may be slow as a whole');
    guard.add(1_000_000, T0 + 1_000, 1_000_000);
    assert.deepEqual([guard.guardMs(T0 + 1_000), guard.spreadMs(T0 + 1_000)], [5, 0]);
  });

  it('covers the whole spread and a quarter more, within its bounds, whatever the offset of the clocks', () => {
    for (const offset of [-1e9, 0, 1e9]) {
      const guard = new TransitGuard(BOUNDS);
      for (let i = 0; i < 50; i++) guard.add(offset + (i % 17), T0 + i * 50, offset);
      assert.equal(guard.guardMs(T0 + 2_500), 22);
      guard.add(offset + 400, T0 + 2_500, offset);
      assert.equal(guard.guardMs(T0 + 2_500), 50);
    }
  });

  it('forgets after ten minutes', () => {
    const guard = new TransitGuard(BOUNDS);
    guard.add(30, T0, 0);
    for (let minute = 0; minute < 12; minute++) for (let i = 0; i < 10; i++) guard.add(0, T0 + minute * 60_000, 0);
    assert.equal(guard.guardMs(T0 + 11 * 60_000), 5);
    assert.equal(guard.guardMs(T0 + 30 * 60_000), 50, 'nothing recent: as at the start');
  });

  it('is kept for each endpoint, and prefers arrivals to round trips', () => {
    const guards = new TransitGuards(BOUNDS);
    for (let i = 0; i < 30; i++) guards.add('a', { kind: 'arrival', at: T0 + 7 + i, roundTripMs: 7, workMs: 7 }, T0 + i, T0 + i * 50);
    guards.add('a', { kind: 'round-trip', ms: 40 }, T0, T0);
    for (let i = 0; i < 30; i++) guards.add('b', { kind: 'round-trip', ms: i % 9 }, T0, T0 + i * 50);
    const later = T0 + 2_000;
    assert.deepEqual([guards.guardMs('a', later), guards.guardMs('b', later), guards.guardMs('c', later)], [5, 12, 50]);
  });

  it('a call counts as arrived when it was answered until the way is known, then as it arrived', () => {
    const guards = new TransitGuards(BOUNDS);
    const slow = { kind: 'arrival', at: T0 + 80, roundTripMs: 190.5 } as const;
    guards.add('a', slow, T0, T0 + 191);
    assert.deepEqual(guards.arrivedAt('a', slow, T0, T0 + 191), { at: T0 + 191, sure: false });
    for (let i = 0; i < 20; i++) guards.add('a', { kind: 'arrival', at: T0 + 1_200 + i + 1, roundTripMs: 40, workMs: 40 }, T0 + 1_200 + i, T0 + 1_300);
    assert.deepEqual(guards.arrivedAt('a', slow, T0, T0 + 1_300), { at: T0 + 81, sure: true });
  });

  it('reckons with faster calls than any it saw, as far as the answers leave room for them', () => {
    for (const offset of [-1e6, 0, 1e6]) {
      const guards = new TransitGuards(BOUNDS);
      const calls = (endpoint: string, wayThere: number, wayBack: number, workMs?: number): void => {
        for (let i = 0; i < 30; i++) guards.add(endpoint, { kind: 'arrival', at: T0 + offset + i * 50 + wayThere, roundTripMs: wayThere + wayBack + (workMs ?? 600), ...(workMs === undefined ? {} : { workMs }) }, T0 + i * 50, T0 + i * 50 + 700);
      };
      // 9 ms there and 4 back: no way there can be faster than 13 ms less than a way back of nothing, so than -4 ms by this zero.
      calls('near', 9, 4, 500);
      calls('far', 150, 120, 500);
      calls('silent', 9, 4);
      const later = T0 + 3_000;
      assert.deepEqual(['near', 'far', 'silent'].map((endpoint) => guards.fastestMs(endpoint, later)), [offset - 4, offset + 130, offset - 11]);
      assert.deepEqual(['near', 'far', 'silent'].map((endpoint) => guards.guardMs(endpoint, later)), [19, 27, 27]);
      // All calls seen took 9 ms there. One that left a second later and took 1 ms finds the first counted late enough.
      const first = guards.arrivedAt('near', { kind: 'arrival', at: T0 + offset + 9, roundTripMs: 513, workMs: 500 }, T0, later);
      assert.ok(first !== null && first.sure && first.at + 1 + guards.leastMs > T0 + 9 - 1);
      assert.deepEqual(first, { at: T0 + 15, sure: true });
    }
  });

  it('a bound from before a clock was set changes nothing', () => {
    const guards = new TransitGuards(BOUNDS);
    for (const offset of [0, -5_000]) for (let i = 0; i < 30; i++) guards.add('a', { kind: 'arrival', at: T0 + offset + i * 50 + 9, roundTripMs: 513, workMs: 500 }, T0 + i * 50, T0 + i * 50 + 700);
    assert.equal(guards.fastestMs('a', T0 + 3_000), -4_991);
  });

  it('reads what providers send', () => {
    assert.deepEqual(transitOf(new Headers({ 'req-arrive-time': '1700000000123', 'req-cost-time': '5' }), 90), { kind: 'arrival', at: 1_700_000_000_123, roundTripMs: 90, workMs: 5 });
    assert.deepEqual(transitOf(new Headers({ 'req-arrive-time': '1700000000123' }), 90), { kind: 'arrival', at: 1_700_000_000_123, roundTripMs: 90 });
    assert.deepEqual(transitOf(new Headers({ 'openai-processing-ms': '70' }), 90), { kind: 'round-trip', ms: 20 });
    assert.equal(transitOf(new Headers({ 'openai-processing-ms': '170' }), 90), null);
    assert.equal(transitOf(new Headers({ 'req-arrive-time': 'soon' }), null), null);
  });
});
