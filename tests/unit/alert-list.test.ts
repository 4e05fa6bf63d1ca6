import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alertEntry, type AlertEntry, ListedAlert } from '../../src/alert-desk/alert-entry.ts';
import { AlertDesk } from '../../src/alert-desk/alert-desk.ts';
import { type AlertFacts, type AlertFilter, alertMatcher } from '../../src/alert-desk/alert-filter.ts';
import { AlertList, type ListRange } from '../../src/alert-desk/alert-list.ts';
import { KeptAlerts } from '../../src/alert-desk/kept-alerts.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { deskStore, entryOf, gathered } from '../support/desk-store.ts';
import { FakeStreams } from '../support/fake-streams.ts';
import { aggregate, incidentOf } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';

const T = Date.parse('2026-05-01T10:00:00.000Z');
const ANY: ListRange = { from: null, to: null, before: null };
const NO_FILTER: AlertFilter = { cameraIds: null, kinds: null, levels: null, states: null, verdicts: null, text: null };

const times = async (list: AlertList, range: Partial<ListRange> = {}): Promise<number[]> =>
  (await gathered(list.newest({ ...ANY, ...range }, () => true))).map(({ at }) => at - T);

test('the list has its alerts newest first, from any place and between any times', async () => {
  const list = new AlertList();
  const entries = [3, 1, 4, 2, 5].map((second) => entryOf({ at: T + second }));
  for (const entry of entries) list.put(entry);
  assert.deepEqual(await times(list), [5, 4, 3, 2, 1]);
  assert.deepEqual(await times(list, { from: T + 2, to: T + 4 }), [4, 3, 2]);
  assert.deepEqual(await times(list, { before: entries[0]! }), [2, 1]);
  assert.deepEqual(await times(list, { before: entries[0]!, to: T + 1 }), [1]);
  assert.deepEqual(await times(list, { before: entries[3]!, to: T + 4 }), [1]);
  assert.deepEqual(await times(list, { before: { at: T, alertId: '' } }), []);
});

test('alerts of one moment are all listed once, page by page', async () => {
  const list = new AlertList();
  for (let count = 0; count < 7; count += 1) list.put(entryOf({ at: T }));
  const seen: string[] = [];
  for (let before: AlertEntry | null = null; ;) {
    const page: AlertEntry[] = await gathered(list.newest({ ...ANY, before }, () => true));
    seen.push(...page.slice(0, 2).map(({ alertId }) => alertId));
    if (page.length <= 2) break;
    before = page[1]!;
  }
  assert.equal(seen.length, 7);
  assert.equal(new Set(seen).size, 7);
});

test('a newer revision replaces an older one, never the other way', async () => {
  const list = new AlertList();
  const first = entryOf({ at: T, seq: 5 });
  list.put(first);
  list.put({ ...first, seq: 9, level: 'low' });
  list.put({ ...first, seq: 7, level: 'medium' });
  assert.equal(list.size, 1);
  assert.equal(list.get(first.alertId)?.level, 'low');
  list.put({ ...first, seq: 10, at: T + 50 });
  assert.deepEqual(await times(list), [50], 'a replayed frame moves to the time of its assessment');
});

test('alerts that come or leave during a search break nothing', async () => {
  const list = new AlertList();
  for (let second = 0; second < 10; second += 1) list.put(entryOf({ at: T + second * 10, seq: 100 + second }));
  const seen: number[] = [];
  for await (const { at } of list.newest(ANY, () => true)) {
    seen.push(at - T);
    if (seen.length === 3) {
      list.put(entryOf({ at: T + 1_000, seq: 200 }));
      list.put(entryOf({ at: T + 55, seq: 201 }));
      list.forgetBefore(103);
    }
  }
  assert.deepEqual(seen, [90, 80, 70, 60, 55, 50, 40, 30]);
});

test('a long search lets other work go on', async () => {
  const list = new AlertList();
  for (let count = 0; count < 10_000; count += 1) list.put(entryOf({ at: T + count }));
  let turns = 0;
  const ticking = setInterval(() => (turns += 1), 0);
  let immediates = 0;
  const count = (): void => {
    immediates += 1;
    handle = setImmediate(count);
  };
  let handle = setImmediate(count);
  const found = await gathered(list.newest(ANY, () => false));
  clearInterval(ticking);
  clearImmediate(handle);
  assert.deepEqual(found, []);
  assert.ok(immediates >= 4, `${immediates} turns, ${turns} timers`);
});

test('at its bound the list drops its oldest alerts and counts them', async () => {
  const list = new AlertList(200);
  for (let second = 0; second < 205; second += 1) list.put(entryOf({ at: T + second }));
  assert.ok(list.size <= 200 && list.size >= 198, String(list.size));
  assert.equal(list.size + list.dropped, 205);
  assert.equal((await times(list)).at(-1), list.dropped, 'the newest are kept');
});

const FACTS: AlertFacts = { handling: () => null, isShelved: () => false, cameraName: (id) => `The ${id} gate` };
const matches = (filter: Partial<AlertFilter>, entry: Partial<AlertEntry> = {}, facts: Partial<AlertFacts> = {}) =>
  alertMatcher({ ...NO_FILTER, ...filter }, { ...FACTS, ...facts })(entryOf(entry));

test('a filter holds when each of its conditions does', () => {
  assert.equal(matches({}), true);
  assert.equal(matches({ cameraIds: new Set(['south', 'north']) }), true);
  assert.equal(matches({ cameraIds: new Set(['south']) }), false);
  assert.equal(matches({ cameraIds: new Set() }), false);
  assert.equal(matches({ kinds: new Set(['queue']) }, { kinds: ['near-miss', 'queue'] }), true);
  assert.equal(matches({ kinds: new Set(['queue']) }, { kinds: [] }), false);
  assert.equal(matches({ levels: new Set(['medium', 'low']) }), false);
  assert.equal(matches({ levels: new Set(['high']), cameraIds: new Set(['south']) }), false);
});

test('a search finds every word, in any case and order, in the texts of an alert', () => {
  const found: readonly (readonly [string, boolean])[] = [
    ['CARS almost', true],
    ['almost cars', true],
    ['cars gate', true],
    ['near-miss', true],
    ['north', true],
    ['cars truck', false],
    ['   ', true],
    ['collision', false],
  ];
  for (const [text, expected] of found) assert.equal(matches({ text }), expected, text);
  assert.equal(matches({ text: '逆行' }, { description: '一辆货车逆行' }), true);
  assert.equal(matches({ text: `${'cars '.repeat(8)}truck` }), true, 'words after the eighth are not looked at');
});

test('a filter knows what people did about an alert', () => {
  const acknowledged = { acknowledged: { by: 'kim', at: '' }, verdict: null };
  const judged = { acknowledged: null, verdict: { value: 'false' as const, by: 'kim', at: '' } };
  const cases: readonly (readonly [Partial<AlertFilter>, Partial<AlertFacts>, boolean])[] = [
    [{ states: new Set(['open']) }, {}, true],
    [{ states: new Set(['open']) }, { handling: () => acknowledged }, false],
    [{ states: new Set(['open']) }, { handling: () => judged }, true],
    [{ states: new Set(['open']) }, { isShelved: () => true }, false],
    [{ states: new Set(['acknowledged']) }, { handling: () => acknowledged, isShelved: () => true }, true],
    [{ states: new Set(['shelved']) }, { handling: () => acknowledged, isShelved: () => true }, true],
    [{ states: new Set(['shelved', 'acknowledged']) }, {}, false],
    [{ verdicts: new Set(['none']) }, { handling: () => acknowledged }, true],
    [{ verdicts: new Set(['none']) }, { handling: () => judged }, false],
    [{ verdicts: new Set(['false', 'unclear']) }, { handling: () => judged }, true],
    [{ verdicts: new Set(['true']) }, { handling: () => judged }, false],
  ];
  for (const [index, [filter, facts, expected]] of cases.entries())
    assert.equal(matches(filter, {}, facts), expected, `case ${index}`);
});

const entry = (alert: Aggregate): AlertEntry => alertEntry(ListedAlert.parse(alert)!, 1);

test('an alert about incidents is listed by these, not by others on its frame', () => {
  const frame = aggregate('north', { risk: 'high' });
  const own = incidentOf(frame.requestId, 'mine');
  const lowered = { ...own, verdict: { ...own.verdict, level: 'low' as const, status: 'lowered' as const } };
  const other = { ...incidentOf(frame.requestId, 'other'), kind: 'queue' as const, alertId: aggregate('x').requestId };
  const listed = entry({ ...frame, incidents: [lowered, other] });
  assert.equal(listed.level, 'low');
  assert.deepEqual(listed.kinds, ['near-miss']);
  assert.deepEqual(listed.incidents, [
    { incidentId: 'mine', kind: 'near-miss', state: 'closed', severity: 'high', verdict: 'lowered' },
  ]);
  assert.equal(listed.description, own.verdict.description);
});

test('an alert about a group is listed by its worst verdict; a replay by the time of its assessment', () => {
  const frame = aggregate('north', { risk: 'high' });
  const listed = entry(frame);
  assert.deepEqual([listed.level, listed.kinds, listed.at], ['high', [], Date.parse(frame.timestamp)]);
  assert.equal(listed.description, frame.riskAssessment.results.find((each) => each.riskLevel === 'high')?.description);
  const publishedAt = '2026-12-01T00:00:00.000Z';
  assert.equal(entry({ ...frame, publishedAt, replayOf: frame.requestId }).at, Date.parse(publishedAt));
});

test('a body that is no alert is null', () => {
  assert.equal(ListedAlert.parse({ cameraId: 'north' }), null);
  assert.equal(ListedAlert.parse(7), null);
});

function world(t: { after(fn: () => void): void }) {
  const clock = new ManualClock(T);
  const fake = new FakeStreams(clock);
  const stop = new AbortController();
  t.after(() => stop.abort());
  const kept = (): KeptAlerts => new KeptAlerts({ bus: deskStore(fake), clock, log: memoryLog(), signal: stop.signal });
  const store = (alert: Aggregate): number =>
    fake.publish(subjects.alert(alert.cameraId), alert, `${alert.requestId}:${alert.revision}`).seq;
  return { clock, fake, kept, store, stop };
}

test('the kept alerts are read at the start and followed, and the list says when it has them all', async (t) => {
  const { clock, kept, store } = world(t);
  store(aggregate('north', { risk: 'high' }));
  store(aggregate('south', { risk: 'high' }));
  const alerts = kept();
  assert.equal(alerts.complete, false, 'the end of the stream is not known yet');
  await clock.advance(0);
  assert.deepEqual([alerts.list.size, alerts.complete], [2, true]);
  store(aggregate('east', { risk: 'high' }));
  assert.deepEqual([alerts.list.size, alerts.complete], [3, true]);
});

test('an unreadable alert at the end of the stream does not keep the list incomplete', async (t) => {
  const { clock, fake, kept } = world(t);
  fake.publish(subjects.alert('north'), { odd: true }, 'odd');
  const alerts = kept();
  await clock.advance(0);
  assert.deepEqual([alerts.list.size, alerts.complete], [0, true]);
});

test('alerts that the stream has dropped leave the list within a minute', async (t) => {
  const { clock, fake, kept, store } = world(t);
  store(aggregate('north', { risk: 'high' }));
  const second = aggregate('south', { risk: 'high' });
  const seq = store(second);
  const alerts = kept();
  await clock.advance(0);
  fake.dropBefore(streams.alerts, seq);
  await clock.advance(60_000);
  assert.equal(alerts.list.size, 1);
  assert.notEqual(alerts.list.get(second.requestId), null);
  fake.dropBefore(streams.alerts, seq + 1);
  await clock.advance(60_000);
  assert.equal(alerts.list.size, 0, 'an empty stream has dropped them all');
});

test('after a loss of the stream the list begins anew', async (t) => {
  const { clock, fake, kept, store } = world(t);
  for (const camera of ['north', 'south', 'east']) store(aggregate(camera, { risk: 'high' }));
  const alerts = kept();
  await clock.advance(0);
  fake.lose(streams.alerts);
  const after = aggregate('west', { risk: 'high' });
  store(after);
  assert.deepEqual([alerts.list.size, alerts.list.get(after.requestId)?.cameraId], [1, 'west']);
  await clock.advance(60_000);
  assert.equal(alerts.complete, true);
});

test('a search sees only the cameras in scope', async (t) => {
  const { clock, fake, store } = world(t);
  const desk = new AlertDesk({ store: deskStore(fake), log: memoryLog(), clock });
  t.after(() => desk.close());
  store(aggregate('north', { risk: 'high' }));
  store(aggregate('south', { risk: 'high' }));
  await clock.advance(0);
  const query = { ...ANY, filter: NO_FILTER, cameraName: (id: string) => id };
  const rows = await gathered(desk.find({ ...query, inScope: (id) => id === 'south' }));
  assert.deepEqual(
    rows.map(({ entry: { cameraId } }) => cameraId),
    ['south'],
  );
  assert.equal(rows[0]?.handling.revision, 0);
});
