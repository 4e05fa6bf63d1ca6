import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { alertIndexActor } from '../../src/actors/alert-index.ts';
import { AlertHistory, type HistoryQuery } from '../../src/infra/alert-history.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { child, supervisor } from '../../src/runtime/supervision.ts';
import { startSystem } from '../../src/runtime/system.ts';
import { startBus } from '../support/aggregator.ts';
import { aggregate, incidentOf } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { until } from '../support/until.ts';

let world: Awaited<ReturnType<typeof startBus>>;
let history: AlertHistory;
const NOW = Date.now();
const HOUR = 3_600_000;
before(async () => {
  world = await startBus();
  history = new AlertHistory(world.bus);
});
after(() => world.stop());

const at = (cameraId: string, ms: number, over: Partial<Aggregate> = {}): Aggregate => ({
  ...aggregate(cameraId, { risk: 'high' }),
  timestamp: new Date(NOW + ms).toISOString(),
  publishedAt: new Date(NOW).toISOString(),
  ...over,
});
const store = async (...alerts: readonly Aggregate[]): Promise<void> => {
  for (const alert of alerts)
    await world.bus.publish(subjects.alert(alert.cameraId), alert, alert, `${alert.requestId}:${alert.revision}`);
};
const query = (over: Partial<HistoryQuery>): HistoryQuery => ({
  cameraId: null,
  from: NOW - HOUR,
  to: NOW + HOUR,
  limit: 100,
  after: 0,
  ...over,
});
const ids = (alerts: readonly Aggregate[]): string[] =>
  alerts.map(({ requestId, revision }) => `${requestId}:${revision}`);

async function pages(over: Partial<HistoryQuery>): Promise<string[][]> {
  const all: string[][] = [];
  for (let reached = 0; ;) {
    const { alerts, next } = await history.page(query({ ...over, after: reached }));
    all.push(ids(alerts));
    if (next === null) return all;
    assert.ok(next > reached, 'it goes on');
    reached = next;
  }
}

test('pages hold each alert once, as its last revision, oldest first, for one camera or for all', async () => {
  const north = [1, 2, 3, 4, 5].map((second) => at('north', second * 1_000));
  const south = [1, 2].map((second) => at('south', second * 1_000));
  const [first, second] = north;
  assert.ok(first && second);
  const revised = { ...second, revision: 2 };
  await store(
    first,
    second,
    south[0]!,
    north[2]!,
    { ...second, revision: 1 },
    north[3]!,
    revised,
    south[1]!,
    north[4]!,
  );
  const inOrder = ids([first, north[2]!, north[3]!, revised, north[4]!]);
  assert.deepEqual((await pages({ cameraId: 'north', limit: 2 })).flat(), inOrder);
  assert.deepEqual(
    (await pages({ cameraId: 'north', limit: 2 })).map(({ length }) => length),
    [2, 2, 1],
  );
  assert.deepEqual(await pages({ cameraId: 'north' }), [inOrder]);
  assert.deepEqual(
    (await pages({ limit: 3 })).flat(),
    ids([first, south[0]!, north[2]!, north[3]!, revised, south[1]!, north[4]!]),
  );
  assert.deepEqual(await pages({ cameraId: 'nobody' }), [[]]);
});

test('only frames of the time asked for are in it; a replayed one counts by when it was judged', async () => {
  const [early, inside, late] = [-30, -20, -10].map((minutes) => at('west', minutes * 60_000));
  const replayed = at('west', -24 * HOUR, { replayOf: early!.requestId });
  await store(early!, inside!, late!, replayed);
  assert.deepEqual(await pages({ cameraId: 'west', from: NOW - 25 * 60_000, to: NOW - 15 * 60_000 }), [ids([inside!])]);
  assert.deepEqual(await pages({ cameraId: 'west', from: NOW - 60_000 }), [ids([replayed])]);
  assert.deepEqual(await pages({ cameraId: 'west', from: NOW - 25 * HOUR, to: NOW - 23 * HOUR }), [[]]);
});

test('the newest of a camera come newest first, however many other cameras have in between', async () => {
  const east = [1, 3, 2].map((second) => at('east', second * 1_000));
  await store(east[0]!);
  await Promise.all(Array.from({ length: 700 }, (_, index) => store(at(`other-${index % 7}`, index))));
  await store(east[1]!, east[2]!, { ...east[1]!, revision: 1 });
  assert.deepEqual(ids(await history.newest('east', 10)), ids([{ ...east[1]!, revision: 1 }, east[2]!, east[0]!]));
  assert.deepEqual(ids(await history.newest('east', 1)), ids([{ ...east[1]!, revision: 1 }]));
  assert.deepEqual(await history.newest('nobody', 1), []);
  assert.equal((await history.recent(500)).length, 499, 'a revision is no alert of its own');
  assert.equal((await pages({ limit: 100, cameraId: 'other-3' })).flat().length, 100);
  assert.equal(new Set((await pages({ limit: 90 })).flat()).size, 5 + 2 + 4 + 3 + 700);
});

test('an alert is found by its id and by those of its own incidents, as its newest revision', async (t) => {
  const system = await startSystem(
    supervisor('root', [child('alert-index', alertIndexActor, () => ({ bus: world.bus }))]),
    { log: memoryLog(), onEscalation: (error) => assert.fail(error.message) },
  );
  t.after(() => system.stop());
  const first = at('river', 0);
  const { requestId } = first;
  const [own, other] = [incidentOf(requestId, 'river-1'), incidentOf(at('river', -5_000).requestId, 'river-0')];
  await store({ ...first, incidents: [own, other] });
  const found = async (name: string, revision: number): Promise<boolean> =>
    (await history.find(name))?.revision === revision;
  await until('the alert is found', () => found('river-1', 0));
  assert.ok(await found(requestId, 0));
  assert.equal(await history.find('river-0'), null, 'another alert is about that one');
  assert.equal(await history.find('nobody'), null);
  await store(at('river', 1_000), { ...first, revision: 1, incidents: [own] });
  await until('its revision is found', () => found(requestId, 1));
  assert.ok(await found('river-1', 1));
});
