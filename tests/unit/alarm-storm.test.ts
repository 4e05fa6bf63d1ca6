import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AlarmGuard } from '../../src/alarms/alarm-guard.ts';
import { alertFacts } from '../../src/alarms/alert-facts.ts';
import type { Alarm } from '../../src/messages/alarm.ts';
import { makeStorm, STORMS, type Storm } from '../support/alarm-storms.ts';

const START = Date.parse('2026-05-01T10:00:00.000Z');
/** Members that a page shows of an alarm before the operator scrolls. */
const SHOWN = 20;

interface Outcome {
  readonly calls: readonly number[];
  readonly alarms: readonly Alarm[];
  readonly guard: AlarmGuard;
}

function pass(storm: Storm): Outcome {
  const guard = new AlarmGuard();
  const calls: number[] = [];
  for (const alert of storm.alerts) {
    const at = Date.parse(alert.publishedAt);
    for (const { announce } of guard.take(alertFacts(alert, at))) if (announce) calls.push(at);
  }
  const alarms = [...guard.alarms].map((alarm) => alarm.view()!);
  return { calls, alarms, guard };
}

const worstTenMinutes = (calls: readonly number[]): number =>
  Math.max(0, ...calls.map((from) => calls.filter((at) => at >= from && at < from + 600_000).length));

const shown = (alarms: readonly Alarm[]): ReadonlySet<string> =>
  new Set(alarms.flatMap(({ members }) => members.slice(0, SHOWN).map(({ incidentId }) => incidentId!)));

for (const kind of STORMS)
  for (const seed of [1, 2, 3, 4, 5])
    test(`a storm (${kind}, seed ${seed}) of 5,000 events makes ten alarms with all 20 true ones`, () => {
      const storm = makeStorm({ kind, seed, start: START });
      assert.equal(storm.trueOnes.size, 20);
      const { calls, alarms } = pass(storm);
      assert.ok(worstTenMinutes(calls) <= 10, `${worstTenMinutes(calls)} calls`);
      assert.ok(alarms.length <= calls.length, 'every alarm was announced once');
      const seen = shown(alarms);
      const missing = [...storm.trueOnes].filter((id) => !seen.has(id));
      assert.deepEqual(missing, []);
    });
