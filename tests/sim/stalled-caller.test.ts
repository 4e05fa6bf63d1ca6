import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Random } from '../support/random.ts';
import { callsUnderStalls, exceeded, mostWithin, type Stall, type StalledOptions } from '../support/stalled-caller.ts';

const UNTIL_MS = 90_000;

/** Stalls of up to `mostMs`, `everyMs` apart on average. */
function stalls(random: Random, mostMs: number, everyMs: number): readonly Stall[] {
  const made: Stall[] = [];
  for (let at = 500 + random.next() * everyMs; at < UNTIL_MS;) {
    const to = at + 5 + random.next() * mostMs;
    made.push({ from: at, to });
    at = to + random.next() * 2 * everyMs;
  }
  return made;
}

const calm = (random: Random): StalledOptions => ({
  random,
  qps: 1 + random.below(5),
  rpm: 40 + random.below(200),
  guardMs: 50,
  untilMs: UNTIL_MS,
  wayMs: random.pick([0.1, 5, 60]),
  jitterMs: 4,
  workMs: random.pick([200, 1_500, 3_000]),
  timing: random.chance(0.7),
  mainStalls: [],
  callerStalls: [],
  machineStalls: [],
});

function holds(seeds: number, options: (random: Random) => StalledOptions): number {
  let calls = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const world = options(new Random(seed));
    const arrivals = callsUnderStalls(world);
    assert.deepEqual(exceeded(arrivals, world.qps, world.rpm), [], `seed ${seed}`);
    calls += arrivals.length;
  }
  return calls;
}

describe('the limits, while our own threads are late', () => {
  it('hold when either thread stalls for up to 2 s anywhere between lease, writing, report and settlement', () => {
    const calls = holds(120, (random) => ({
      ...calm(random),
      mainStalls: stalls(random, 2_000, 1_500),
      callerStalls: stalls(random, random.pick([60, 2_000]), 800),
    }));
    assert.ok(calls > 5_000, `${calls} calls`);
  });

  it('hold when the whole machine stalls for up to 2 s, so that also calls that have left arrive later', () => {
    const calls = holds(120, (random) => ({
      ...calm(random),
      machineStalls: stalls(random, random.pick([120, 500, 2_000]), 2_500),
    }));
    assert.ok(calls > 5_000, `${calls} calls`);
  });

  it('are used as much as without the guard for delays while nothing is late', () => {
    const arrivals = callsUnderStalls({
      ...calm(new Random(7)),
      qps: 5,
      rpm: 100_000,
      wayMs: 20,
      workMs: 600,
      timing: true,
    });
    // A burst of five in each second, with the least guard, the roundings and the time that threads need on top.
    assert.ok(arrivals.length >= (5 * UNTIL_MS) / 1_050, `${arrivals.length} calls`);
    assert.equal(mostWithin(arrivals, 1_000), 5);
  });
});
