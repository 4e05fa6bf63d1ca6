import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { AlertDesk } from '../../src/alert-desk/alert-desk.ts';
import { type DeskStore, MOST_TRIES } from '../../src/alert-desk/desk-store.ts';
import { acknowledge, giveVerdict, takeBackAcknowledgement } from '../../src/alert-desk/handling-changes.ts';
import { MOST_SHELVES } from '../../src/alert-desk/shelves.ts';
import type { AlertHandling, Shelf } from '../../src/messages/alert-handling.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { streams, subjects } from '../../src/messages/subjects.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { deskStore } from '../support/desk-store.ts';
import { FakeStreams } from '../support/fake-streams.ts';
import { memoryLog } from '../support/log.ts';

const T = Date.parse('2026-05-01T10:00:00.000Z');
const AT = new Date(T).toISOString();
const ALERT = { alertId: newRequestId(T), cameraId: 'north' };
const KIM = { by: 'kim', now: T };
const LEE = { by: 'lee', now: T + 1_000 };

function world(t: { after(fn: () => void): void }) {
  const clock = new ManualClock(T);
  const fake = new FakeStreams(clock);
  const open = (store: DeskStore = deskStore(fake)) => {
    const desk = new AlertDesk({ store, log: memoryLog(), clock });
    t.after(() => desk.close());
    const handled: AlertHandling[] = [];
    const shelved: (readonly Shelf[])[] = [];
    desk.subscribe({ onHandling: (one) => handled.push(one), onShelves: (all) => shelved.push(all) });
    return { desk, handled, shelved };
  };
  return { clock, fake, open };
}

test('whoever acknowledged an alert first stays the one who did, until it is taken back', async (t) => {
  const { desk, handled } = world(t).open();
  assert.equal(desk.handling(ALERT).acknowledged, null);
  await desk.change(ALERT, acknowledge(KIM));
  await desk.change(ALERT, acknowledge(LEE));
  assert.deepEqual(desk.handling(ALERT), {
    ...ALERT,
    acknowledged: { by: 'kim', at: AT },
    verdict: null,
    comment: null,
    revision: 1,
  });
  await desk.change(ALERT, takeBackAcknowledgement);
  await desk.change(ALERT, takeBackAcknowledgement);
  assert.deepEqual([desk.handling(ALERT).acknowledged, desk.handling(ALERT).revision], [null, 2]);
  assert.deepEqual(
    handled.map(({ revision }) => revision),
    [1, 2],
    'listeners are told of each change once',
  );
});

test('a verdict and a comment are signed by whoever gave each', async (t) => {
  const { desk } = world(t).open();
  await desk.change(ALERT, giveVerdict({ value: 'false', comment: 'a shadow' }, KIM));
  await desk.change(ALERT, giveVerdict({ value: 'unclear' }, LEE));
  const { verdict, comment } = desk.handling(ALERT);
  assert.deepEqual([verdict?.value, verdict?.by, comment?.text, comment?.by], ['unclear', 'lee', 'a shadow', 'kim']);
  await desk.change(ALERT, giveVerdict({ value: 'unclear', comment: '' }, LEE));
  assert.equal(desk.handling(ALERT).comment, null);
  await desk.change(ALERT, giveVerdict({ value: null }, LEE));
  assert.equal(desk.handling(ALERT).verdict, null);
  const { revision } = desk.handling(ALERT);
  await desk.change(ALERT, giveVerdict({ value: null, comment: '' }, KIM));
  assert.equal(desk.handling(ALERT).revision, revision, 'nothing changed');
});

test('every node sees what another one did, and a new one what was done before', async (t) => {
  const { open } = world(t);
  const [here, there] = [open(), open()];
  await here.desk.change(ALERT, acknowledge(KIM));
  await there.desk.change(ALERT, giveVerdict({ value: 'true' }, LEE));
  assert.deepEqual(here.desk.handling(ALERT), there.desk.handling(ALERT));
  assert.deepEqual(open().desk.handling(ALERT), here.desk.handling(ALERT));
  assert.deepEqual([here.desk.handling(ALERT).acknowledged?.by, here.handled.length], ['kim', 2]);
});

test('a change that another node overtook is applied to its state', async (t) => {
  const { fake, open } = world(t);
  const store = deskStore(fake);
  const other = open();
  let overtaken = 0;
  const slow = open({
    ...store,
    replace: async (subject, body, before) => {
      if (overtaken++ === 0) await other.desk.change(ALERT, acknowledge(LEE));
      return store.replace(subject, body, before);
    },
  });
  const done = await slow.desk.change(ALERT, giveVerdict({ value: 'true' }, KIM));
  assert.ok(done !== 'conflict');
  assert.deepEqual([done.after.acknowledged?.by, done.after.verdict?.by, done.after.revision], ['lee', 'kim', 2]);
  assert.equal(done.before.acknowledged?.by, 'lee');
});

test('a change of a revision that is no longer the newest is refused', async (t) => {
  const { desk } = world(t).open();
  await desk.change(ALERT, acknowledge(KIM), 0);
  assert.equal(await desk.change(ALERT, giveVerdict({ value: 'true' }, KIM), 0), 'conflict');
  assert.equal(desk.handling(ALERT).verdict, null);
  await desk.change(ALERT, giveVerdict({ value: 'true' }, KIM), 1);
  assert.equal(desk.handling(ALERT).verdict?.value, 'true');
});

test('a change that is overtaken again and again is given up', async (t) => {
  const { fake, open } = world(t);
  let tries = 0;
  const { desk } = open({ ...deskStore(fake), replace: () => ((tries += 1), Promise.resolve(null)) });
  await assert.rejects(desk.change(ALERT, acknowledge(KIM)), { code: 'BUS_DOWN' });
  assert.equal(tries, MOST_TRIES);
  await assert.rejects(desk.addShelf(shelf()), { code: 'BUS_DOWN' });
});

test('after a loss of the stream nothing is handled and nothing shelved', async (t) => {
  const { fake, open } = world(t);
  const { desk, shelved } = open();
  await desk.change(ALERT, acknowledge(KIM));
  await desk.addShelf(shelf());
  fake.lose(streams.alertDesk);
  assert.deepEqual([desk.handling(ALERT).revision, desk.shelves(), shelved.at(-1)], [0, [], []]);
  await desk.change(ALERT, acknowledge(LEE));
  assert.equal(desk.handling(ALERT).acknowledged?.by, 'lee');
});

const shelf = (over: Partial<Shelf> = {}): Shelf => ({
  shelfId: randomUUID(),
  cameraId: 'north',
  kind: null,
  until: new Date(T + 60_000).toISOString(),
  reason: 'roadworks',
  by: 'kim',
  at: AT,
  ...over,
});

test('a shelf holds on every node until its time, and then is gone by itself', async (t) => {
  const { clock, open } = world(t);
  const [here, there] = [open(), open()];
  const [short, long] = [shelf(), shelf({ cameraId: null, kind: 'queue', until: new Date(T + 90_000).toISOString() })];
  await here.desk.addShelf(short);
  await there.desk.addShelf(long);
  assert.deepEqual(here.desk.shelves(), [long, short]);
  const alert = { cameraId: 'north', kinds: [] };
  assert.equal(there.desk.isShelved(alert, clock.now()), true);
  await clock.advance(60_000);
  assert.equal(there.desk.isShelved(alert, clock.now()), false);
  for (const { shelved } of [here, there]) assert.deepEqual(shelved.at(-1), [long]);
  await clock.advance(30_000);
  for (const { shelved } of [here, there]) assert.deepEqual(shelved.at(-1), []);
});

test('a shelf can be removed before its time, once', async (t) => {
  const { open } = world(t);
  const [here, there] = [open(), open()];
  const one = shelf();
  await here.desk.addShelf(one);
  assert.deepEqual(await there.desk.removeShelf(one.shelfId), one);
  assert.deepEqual([here.desk.shelves(), await here.desk.removeShelf(one.shelfId)], [[], null]);
});

test('there is a bound on shelves, to which those whose time is over do not count', async (t) => {
  const { clock, open } = world(t);
  const { desk } = open();
  for (let count = 0; count < MOST_SHELVES; count += 1) assert.equal(await desk.addShelf(shelf()), 'added');
  assert.equal(await desk.addShelf(shelf()), 'full');
  await clock.advance(60_000);
  assert.equal(await desk.addShelf(shelf({ until: new Date(T + 90_000).toISOString() })), 'added');
});

test('the text of a prompt is found by its hash', async (t) => {
  const { fake, open } = world(t);
  const { desk } = open();
  fake.publish(subjects.promptText('89f7e595611d'), { text: 'You assess road safety.' }, 'prompt');
  assert.equal(await desk.prompt('89f7e595611d'), 'You assess road safety.');
  assert.equal(await desk.prompt('000000000000'), null);
});
