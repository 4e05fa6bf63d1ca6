import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { leastGuardMs, TransitWays, TransitTimes } from '../../src/keys/transit-guard.ts';
import { transitOf } from '../../src/llm/transit.ts';

const T0 = 1_700_000_000_000;
const GUARD_MS = 50;

describe('how long calls take to a provider', () => {
  it('is not known until enough was seen', () => {
    const times = new TransitTimes();
    for (let i = 0; i < 19; i++) times.add(1_000_000, T0, 1_000_000);
    assert.deepEqual(
      { spreadMs: times.spreadMs(T0), fastest: times.fastest(T0) },
      { spreadMs: null, fastest: { value: 1_000_000, sure: false } },
    );
    times.add(1_000_000, T0 + 999, 1_000_000);
    assert.equal(times.spreadMs(T0 + 999), null, 'all of one start, which may be slow as a whole');
    times.add(1_000_000, T0 + 1_000, 1_000_000);
    assert.deepEqual(
      { spreadMs: times.spreadMs(T0 + 1_000), fastest: times.fastest(T0 + 1_000) },
      { spreadMs: 0, fastest: { value: 1_000_000, sure: true } },
    );
  });

  it('spread is the same whatever the offset of the clocks, and forgotten after ten minutes', () => {
    for (const offset of [-1e9, 0, 1e9]) {
      const times = new TransitTimes();
      times.add(offset + 400, T0, offset);
      const add = (from: number, to: number): void => {
        for (let second = from; second < to; second++) times.add(offset + (second % 17), T0 + second * 1_000, offset);
      };
      add(0, 500);
      assert.equal(times.spreadMs(T0 + 500_000), 400);
      add(500, 700);
      assert.equal(times.spreadMs(T0 + 700_000), 16);
      assert.equal(times.spreadMs(T0 + 1_400_000), null);
    }
  });

  it('is kept for each endpoint, and prefers arrivals to round trips', () => {
    const ways = new TransitWays();
    for (let i = 0; i < 30; i++)
      ways.add('a', { kind: 'arrival', at: T0 + 7 + i, roundTripMs: 7, workMs: 7 }, T0 + i, T0 + i * 50);
    ways.add('a', { kind: 'round-trip', ms: 40 }, T0, T0);
    for (let i = 0; i < 30; i++) ways.add('b', { kind: 'round-trip', ms: 60 + (i % 9) }, T0, T0 + i * 50);
    const later = T0 + 2_000;
    assert.deepEqual(
      ['a', 'b', 'c'].map((endpoint) => ways.spreadMs(endpoint, later)),
      [0, 28, null],
    );
    assert.deepEqual(
      ['a', 'b', 'c'].map((endpoint) => ways.fastest(endpoint, later)?.value ?? null),
      [7, 40, null],
    );
  });

  it('where only the time of work is known, a call arrived within the rest of its round trip', () => {
    const ways = new TransitWays();
    const call = { kind: 'round-trip', ms: 63 } as const;
    ways.add('b', call, T0, T0 + 700);
    assert.equal(ways.arrivedAt('b', call, T0, T0 + 700), null, 'one call tells nothing: it keeps the whole guard');
    for (let i = 0; i < 30; i++) ways.add('b', { kind: 'round-trip', ms: 60 + (i % 9) }, T0 + 700, T0 + 760 + i * 50);
    assert.deepEqual(ways.arrivedAt('b', call, T0, T0 + 2_500), { at: T0 + 63 - 40 + 2, sure: true });
    assert.equal(ways.arrivedAt('b', { kind: 'arrival', at: T0 }, T0, T0 + 2_000), null, 'another zero');
  });

  it('a call counts as arrived when it was answered until the way is known, then as it arrived', () => {
    const ways = new TransitWays();
    const slow = { kind: 'arrival', at: T0 + 80, roundTripMs: 190.5 } as const;
    ways.add('a', slow, T0, T0 + 191);
    assert.deepEqual(ways.arrivedAt('a', slow, T0, T0 + 191), { at: T0 + 191, sure: false });
    for (let i = 0; i < 20; i++)
      ways.add(
        'a',
        { kind: 'arrival', at: T0 + 1_200 + i + 1, roundTripMs: 40, workMs: 40 },
        T0 + 1_200 + i,
        T0 + 1_300,
      );
    assert.deepEqual(ways.arrivedAt('a', slow, T0, T0 + 1_300), { at: T0 + 81, sure: true });
  });

  it('reckons with faster calls than any it saw, as far as the answers leave room for them', () => {
    for (const offset of [-1e6, 0, 1e6]) {
      const ways = new TransitWays();
      const calls = (endpoint: string, wayThere: number, wayBack: number, workMs?: number): void => {
        for (let i = 0; i < 30; i++)
          ways.add(
            endpoint,
            {
              kind: 'arrival',
              at: T0 + offset + i * 50 + wayThere,
              roundTripMs: wayThere + wayBack + (workMs ?? 600),
              ...(workMs === undefined ? {} : { workMs }),
            },
            T0 + i * 50,
            T0 + i * 50 + 700,
          );
      };
      // 9 ms there and 4 back. Had the way there taken all 13 ms, a way of 0 ms would measure as -4 by this zero.
      calls('near', 9, 4, 500);
      calls('far', 150, 120, 500);
      calls('silent', 9, 4);
      const later = T0 + 3_000;
      assert.deepEqual(
        ['near', 'far', 'silent'].map((endpoint) => ways.fastest(endpoint, later)?.value ?? null),
        [offset - 4, offset + 130, offset - 11],
      );
      assert.deepEqual(
        ['near', 'far', 'silent'].map((endpoint) => ways.spreadMs(endpoint, later)),
        [13, 20, 20],
      );
      // All calls seen took 9 ms there. One that left a second later and took 1 ms finds the first counted late enough.
      const first = ways.arrivedAt(
        'near',
        { kind: 'arrival', at: T0 + offset + 9, roundTripMs: 513, workMs: 500 },
        T0,
        later,
      );
      assert.ok(first !== null && first.sure && first.at + 1 + leastGuardMs(GUARD_MS) > T0 + 9 - 1);
      assert.deepEqual(first, { at: T0 + 15, sure: true });
    }
  });

  it('a bound from before a clock was set changes nothing', () => {
    const ways = new TransitWays();
    for (const offset of [0, -5_000])
      for (let i = 0; i < 30; i++)
        ways.add(
          'a',
          { kind: 'arrival', at: T0 + offset + i * 50 + 9, roundTripMs: 513, workMs: 500 },
          T0 + i * 50,
          T0 + i * 50 + 700,
        );
    assert.equal(ways.fastest('a', T0 + 3_000)?.value, -4_991);
  });

  it('reads what providers send', () => {
    const sent = { roundTripMs: 90, writeMs: 0.5 };
    assert.deepEqual(transitOf(new Headers({ 'req-arrive-time': '1700000000123', 'req-cost-time': '5' }), sent), {
      kind: 'arrival',
      at: 1_700_000_000_123,
      ...sent,
      workMs: 5,
    });
    assert.deepEqual(transitOf(new Headers({ 'req-arrive-time': '1700000000123' }), sent), {
      kind: 'arrival',
      at: 1_700_000_000_123,
      ...sent,
    });
    assert.deepEqual(transitOf(new Headers({ 'openai-processing-ms': '70' }), sent), {
      kind: 'round-trip',
      ms: 20,
      writeMs: 0.5,
    });
    assert.equal(transitOf(new Headers({ 'openai-processing-ms': '170' }), sent), null);
    assert.equal(transitOf(new Headers({ 'req-arrive-time': 'soon' }), null), null);
  });
});
