import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AlarmGuard } from '../../src/alarms/alarm-guard.ts';
import type { AlertFacts, IncidentFacts } from '../../src/alarms/alert-facts.ts';
import { ScopedAlarms } from '../../src/alarms/scoped-alarms.ts';
import { EVENT_KINDS } from '../../src/messages/scene-constants.ts';
import { Random } from '../support/random.ts';

const T0 = Date.parse('2026-05-01T10:00:00.000Z');
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const ALL = { groups: null, sees: () => true };

let made = 0;
function alert(at: number, cameraId = 'north', more: Partial<IncidentFacts> = {}, alertId?: string): AlertFacts {
  made += 1;
  const key = more.key ?? `${cameraId}-${made}`;
  const facts: IncidentFacts = {
    key,
    incidentId: key,
    kind: 'queue',
    level: 'medium',
    trust: 10,
    dangerous: true,
    confirmed: false,
    over: false,
    ...more,
  };
  return { alertId: alertId ?? `alert-${key}`, cameraId, at, frameAt: at, incidents: [facts] };
}
const high = { level: 'high', trust: 30 } as const;
const confirmed = { ...high, confirmed: true, trust: 55 } as const;

/** Takes alerts; returns for each whether the operator was called. */
const calls = (guard: AlarmGuard, alerts: readonly AlertFacts[]): boolean[] =>
  alerts.map((each) => guard.take(each).some(({ announce }) => announce));
const shape = (guard: AlarmGuard): string[] => [...guard.alarms].map(({ reason, count }) => `${reason} ${count}`);

/** A flood of queues on many cameras: two own alarms or more, and one that collects. */
function flood(guard: AlarmGuard, at: number, count = 30): void {
  for (let index = 0; index < count; index += 1) guard.take(alert(at + index * 100, `many-${index}`));
}

test('in quiet times every incident calls the operator with an alarm of its own', () => {
  const guard = new AlarmGuard();
  const called = calls(guard, [alert(T0), alert(T0 + 2 * MINUTE, 'south'), alert(T0 + 4 * MINUTE, 'north')]);
  assert.deepEqual(called, [true, true, true]);
  assert.deepEqual(shape(guard), ['incident 1', 'incident 1', 'incident 1']);
});

test('a source with three in a minute folds into one alarm, which is revised and calls nobody again', () => {
  const guard = new AlarmGuard();
  const called = calls(
    guard,
    [0, 10, 20, 30, 40].map((seconds) => alert(T0 + seconds * SECOND)),
  );
  assert.deepEqual(called, [true, true, false, false, false]);
  assert.deepEqual(shape(guard), ['incident 1', 'source 4']);
});

test('the alarm of a source calls again when its level rises', () => {
  const guard = new AlarmGuard();
  calls(
    guard,
    [0, 10, 20].map((seconds) => alert(T0 + seconds * SECOND)),
  );
  const called = calls(guard, [alert(T0 + 30 * SECOND, 'north', high), alert(T0 + 40 * SECOND, 'north', high)]);
  assert.deepEqual(called, [true, false]);
  assert.equal([...guard.alarms].at(-1)?.level, 'high');
});

test('a source that was quiet for ten minutes begins anew', () => {
  const guard = new AlarmGuard();
  calls(
    guard,
    [0, 10, 20].map((seconds) => alert(T0 + seconds * SECOND)),
  );
  assert.deepEqual(calls(guard, [alert(T0 + 11 * MINUTE)]), [true]);
  assert.deepEqual(shape(guard), ['incident 1', 'source 2', 'incident 1']);
});

test('in a flood a confirmed danger elsewhere calls the operator, and an unconfirmed medium one does not', () => {
  const guard = new AlarmGuard();
  flood(guard, T0);
  const called = calls(guard, [
    alert(T0 + MINUTE, 'east', { kind: 'collision', ...confirmed }),
    alert(T0 + MINUTE, 'west', { kind: 'queue' }),
  ]);
  assert.deepEqual(called, [true, false]);
});

test('an incident of a flood gets an alarm of its own once the model confirms it as high', () => {
  const guard = new AlarmGuard();
  flood(guard, T0);
  guard.take(alert(T0 + MINUTE, 'east', { key: 'odd' }));
  const before = [...guard.alarms].find(({ reason }) => reason === 'flood')!;
  const [was] = [before.count];
  assert.deepEqual(calls(guard, [alert(T0 + MINUTE + SECOND, 'east', { key: 'odd', ...confirmed })]), [true]);
  assert.equal(before.count, was - 1, 'it is a member of one alarm only');
  assert.equal(guard.find('i-odd')?.count, 1);
  assert.equal(guard.figures.promoted, 1);
});

test('the operator is never called more than ten times in ten minutes, whatever comes', () => {
  for (const seed of [1, 2, 3]) {
    const random = new Random(seed);
    const guard = new AlarmGuard();
    const times: number[] = [];
    let at = T0;
    const keys: string[] = [];
    for (let index = 0; index < 6_000; index += 1) {
      at += random.chance(0.01) ? random.between(0, 15 * MINUTE) : random.between(0, 2 * SECOND);
      const key = random.chance(0.2) && keys.length > 0 ? keys[random.below(keys.length)]! : `k${seed}-${index}`;
      keys.push(key);
      const facts = {
        key,
        kind: random.pick(EVENT_KINDS),
        ...(random.chance(0.3) ? confirmed : random.chance(0.3) ? high : {}),
      };
      for (const { announce } of guard.take(alert(at, `cam-${random.below(random.pick([1, 5, 100]))}`, facts)))
        if (announce) times.push(at);
    }
    const worst = Math.max(
      ...times.map((from) => times.filter((time) => time >= from && time < from + 10 * MINUTE).length),
    );
    assert.ok(times.length > 50, 'it called');
    assert.ok(worst <= 10, `${worst} calls`);
    const members = [...guard.alarms].flatMap((alarm) => [...alarm.members].map(({ key }) => key));
    assert.equal(members.length, new Set(members).size, 'no incident is in two alarms');
    assert.equal(members.length, new Set(keys).size, 'every incident is in one');
  }
});

test('a source whose alerts people call false is trusted less, until they take it back', () => {
  const trustOfNext = (at: number): number | undefined => {
    const next = alert(at, 'north', { key: `next-${at}` });
    guard.take(next);
    return [...guard.alarms].flatMap(({ members }) => [...members]).find(({ key }) => key === `next-${at}`)?.trust;
  };
  const guard = new AlarmGuard();
  guard.take(alert(T0, 'north', {}, 'a1'));
  guard.take(alert(T0 + 20 * MINUTE, 'north', {}, 'a2'));
  assert.equal(trustOfNext(T0 + 40 * MINUTE), 10);
  guard.judge('a1', true);
  guard.judge('a1', true);
  guard.judge('a2', false);
  const doubted = trustOfNext(T0 + 60 * MINUTE) ?? 0;
  assert.ok(doubted < 10 && doubted > 5, `${doubted}: one of two false, beside five that are assumed true`);
  guard.judge('a2', true);
  assert.ok((trustOfNext(T0 + 80 * MINUTE) ?? 0) < doubted);
  guard.judge('a1', null);
  guard.judge('a2', null);
  assert.equal(trustOfNext(T0 + 100 * MINUTE), 10);
});

test('the most serious and trustworthy members come first, those of the last half hour before older ones', () => {
  const guard = new AlarmGuard();
  for (const [index, trust] of [10, 40, 20, 30].entries())
    guard.take(alert(T0 + index * SECOND, 'north', { trust, key: `t${trust}` }));
  const source = [...guard.alarms].at(-1)!;
  assert.deepEqual(
    source.view()?.members.map(({ incidentId }) => incidentId),
    // The first two have alarms of their own; the second became the source's.
    ['t40', 't20', 't30'].toSorted((a, b) => (a < b ? 1 : -1)),
  );
});

test('an alarm is acknowledged when all its alerts are, and closed when its incident has ended, too', () => {
  const guard = new AlarmGuard();
  guard.take(alert(T0, 'north', { key: 'one' }, 'a1'));
  const view = () => guard.find('i-one')?.view()?.state;
  assert.equal(view(), 'open');
  guard.acknowledge('a1', true);
  assert.equal(view(), 'acknowledged');
  guard.take(alert(T0 + MINUTE, 'north', { key: 'one', over: true }, 'a1'));
  assert.equal(view(), 'closed');
  guard.acknowledge('a1', false);
  assert.equal(view(), 'open');
});

test('an incident that the model talks down makes no alarm, and goes to the end of the one it is in', () => {
  const guard = new AlarmGuard();
  assert.deepEqual(calls(guard, [alert(T0, 'north', { dangerous: false })]), [false]);
  assert.deepEqual(shape(guard), []);
});

test('the memory is bounded: the oldest members and alarms are forgotten, and counted', () => {
  const guard = new AlarmGuard({ members: 50, alarms: 3 });
  for (let index = 0; index < 300; index += 1) guard.take(alert(T0 + index * 11 * MINUTE, `cam-${index}`));
  assert.ok([...guard.alarms].length <= 4);
  assert.ok(guard.figures.forgotten >= 290);
  flood(guard, T0 + 4_000 * MINUTE, 200);
  assert.ok([...guard.alarms].flatMap(({ members }) => [...members]).length <= 50);
  const counted = [...guard.alarms].reduce((sum, { count }) => sum + count, 0);
  assert.ok(counted >= 190, 'forgotten members still count');
});

test('a scope has alarms of its cameras only, made as if it were alone, also when it comes later', () => {
  const sees = (cameraId: string): boolean => cameraId === 'mine';
  const early = new ScopedAlarms();
  const late = new ScopedAlarms();
  const scope = { groups: ['g'], sees };
  const told: boolean[] = [];
  early.watch(scope, ({ announce }) => told.push(announce));
  for (let index = 0; index < 60; index += 1) {
    const facts = alert(T0 + index * SECOND, index === 40 ? 'mine' : `other-${index}`);
    early.take(facts);
    late.take(facts);
  }
  assert.deepEqual(told, [true], 'the flood elsewhere takes no call of this operator');
  assert.equal(early.list(scope, 0).length, 1);
  assert.deepEqual(late.list(scope, 0), early.list(scope, 0));
  assert.equal(early.alertsOf(scope, 'i-nothing'), null);
});

test('beyond the bound of scopes, one sees its part of the alarms of all cameras', () => {
  const alarms = new ScopedAlarms({ facts: 100, scopes: 1 });
  alarms.watch({ groups: ['a'], sees: () => false }, () => undefined);
  alarms.take(alert(T0, 'mine'));
  alarms.take(alert(T0, 'other'));
  const listed = alarms.list({ groups: ['b'], sees: (cameraId) => cameraId === 'mine' }, 0);
  assert.deepEqual(
    listed.map(({ cameraIds }) => cameraIds),
    [['mine']],
  );
});

test('the load counts calls, incidents once each, and alarms that nobody acknowledged for a day', () => {
  const alarms = new ScopedAlarms();
  const first = alert(T0, 'north', { key: 'old' });
  alarms.take(first);
  alarms.take({ ...first, at: T0 + SECOND });
  alarms.take(alert(T0 + 25 * 60 * MINUTE, 'south'));
  const { alarms: called, incidents, stale, worst } = alarms.load(ALL, 24, T0 + 25 * 60 * MINUTE + 1);
  assert.equal(called, 1);
  assert.equal(incidents.count, 1);
  assert.deepEqual(
    stale.map(({ alarmId }) => alarmId),
    ['i-old'],
  );
  assert.deepEqual(worst, [{ cameraId: 'south', kind: 'queue', alarms: 1, share: 1 }]);
});
