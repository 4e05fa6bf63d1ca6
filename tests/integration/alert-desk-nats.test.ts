import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { AlertDesk, type AlertQuery } from '../../src/alert-desk/alert-desk.ts';
import { acknowledge, giveVerdict } from '../../src/alert-desk/handling-changes.ts';
import { JetStreamDesk } from '../../src/infra/nats/desk-streams.ts';
import type { AlertHandling } from '../../src/messages/alert-handling.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { startBus } from '../support/aggregator.ts';
import { gathered } from '../support/desk-store.ts';
import { aggregate } from '../support/http-samples.ts';
import { memoryLog } from '../support/log.ts';
import { until } from '../support/until.ts';

let world: Awaited<ReturnType<typeof startBus>>;
before(async () => {
  world = await startBus();
});
after(() => world.stop());

/** The desk of another node, with a connection of its own. */
async function node(t: { after(fn: () => unknown): void }): Promise<AlertDesk> {
  const bus = await world.connect();
  const desk = new AlertDesk({ store: new JetStreamDesk(bus), log: memoryLog() });
  t.after(async () => {
    desk.close();
    await bus.close();
  });
  return desk;
}

const kim = () => ({ by: 'kim', now: Date.now() });
const lee = () => ({ by: 'lee', now: Date.now() });
const alertOf = () => ({ alertId: newRequestId(Date.now()), cameraId: 'north' });
const ALL: AlertQuery = {
  from: null,
  to: null,
  before: null,
  filter: { cameraIds: null, kinds: null, levels: null, states: null, verdicts: null, text: null },
  cameraName: () => '',
  inScope: () => true,
};

test('two nodes see each other, and a third that starts later sees what both did', async (t) => {
  const [here, there] = await Promise.all([node(t), node(t)]);
  const alert = alertOf();
  const heard: AlertHandling[] = [];
  there.subscribe({ onHandling: (handling) => heard.push(handling), onShelves: () => undefined });
  await here.change(alert, acknowledge(kim()));
  await until('the other node knows', () => there.handling(alert).acknowledged?.by === 'kim');
  await there.change(alert, giveVerdict({ value: 'true', comment: 'seen' }, lee()));
  await until('the other node knows', () => here.handling(alert).verdict?.by === 'lee');
  assert.deepEqual(here.handling(alert), there.handling(alert));
  assert.deepEqual(
    heard.map(({ revision }) => revision),
    [1, 2],
  );
  const third = await node(t);
  await until('the other node knows', () => third.handling(alert).revision === 2);
  assert.deepEqual(third.handling(alert), here.handling(alert));
});

test('changes at the same moment are all kept, and one of them loses where they name a revision', async (t) => {
  const [here, there] = await Promise.all([node(t), node(t)]);
  const alert = alertOf();
  const done = await Promise.all([
    here.change(alert, acknowledge(kim())),
    there.change(alert, giveVerdict({ value: 'unclear' }, lee())),
    here.change(alert, giveVerdict({ value: 'false', comment: 'a shadow' }, lee())),
  ]);
  assert.ok(!done.includes('conflict'));
  await until('both nodes know', () => [here, there].every((desk) => desk.handling(alert).revision === 3));
  const { acknowledged, verdict, comment, revision } = here.handling(alert);
  assert.deepEqual([acknowledged?.by, comment?.text, revision], ['kim', 'a shadow', 3]);
  assert.ok(verdict !== null, 'that of the last');
  const race = await Promise.all([
    here.change(alert, giveVerdict({ value: 'true' }, kim()), 3),
    there.change(alert, giveVerdict({ value: null }, lee()), 3),
  ]);
  assert.equal(race.filter((each) => each === 'conflict').length, 1);
});

test('shelves are shared, and removed everywhere', async (t) => {
  const [here, there] = await Promise.all([node(t), node(t)]);
  const shelf = {
    shelfId: 'f0000000-0000-4000-8000-000000000001',
    cameraId: 'north',
    kind: null,
    until: new Date(Date.now() + 60_000).toISOString(),
    reason: '',
    by: 'kim',
    at: new Date().toISOString(),
  };
  assert.equal(await here.addShelf(shelf), 'added');
  await until('the other node knows', () => there.shelves().length === 1);
  assert.equal(there.isShelved({ cameraId: 'north', kinds: ['queue'] }, Date.now()), true);
  assert.deepEqual(await there.removeShelf(shelf.shelfId), shelf);
  await until('the other node knows', () => here.shelves().length === 0);
});

test('a node lists the alerts that were kept before it started, and those that come', async (t) => {
  const store = async (cameraId: string) => {
    const alert = aggregate(cameraId, { risk: 'high' });
    await world.bus.publish(subjects.alert(cameraId), alert, alert, `${alert.requestId}:0`);
    return alert.requestId;
  };
  const [first, second] = [await store('north'), await store('south')];
  const desk = await node(t);
  await until('the other node knows', () => desk.complete);
  const listed = async () => (await gathered(desk.find(ALL))).map(({ entry }) => entry.alertId).toSorted();
  assert.deepEqual(await listed(), [first, second].toSorted());
  const third = await store('north');
  await until('it lists the third', async () => (await listed()).includes(third));
});
