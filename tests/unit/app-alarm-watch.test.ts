import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { AlarmWatch, type AlarmDesk } from '../../src/app/alarm-watch.ts';
import { sendAlarms } from '../../src/http/feed/alarm-feed.ts';
import type { Alarm } from '../../src/messages/alarm.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { makeStorm } from '../support/alarm-storms.ts';
import { FakeTaskBus } from '../support/fake-bus.ts';
import { memoryLog } from '../support/log.ts';

const ALL = { groups: null, sees: () => true };
const HOUR = 3_600_000;

interface World {
  readonly clock: ManualClock;
  readonly watch: AlarmWatch;
  readonly told: { readonly alarm: Alarm; readonly announce: boolean }[];
  /** Stores so many alerts, one a second. */
  readonly alerts: (count: number, seed?: number) => Promise<void>;
}

async function world(t: TestContext, desk?: AlarmDesk, before = 0): Promise<World> {
  const clock = new ManualClock();
  const bus = new FakeTaskBus(clock);
  const watch = new AlarmWatch({ bus, log: memoryLog(), clock, ...(desk === undefined ? {} : { desk }) });
  t.after(() => watch.close());
  const alerts = async (count: number, seed = 1): Promise<void> => {
    for (const alert of makeStorm({ kind: 'rain', seed, start: clock.now(), events: count, trueOnes: 1 }).alerts) {
      const body = { ...alert, publishedAt: new Date(clock.now()).toISOString() };
      bus.streams.publish(subjects.alert(alert.cameraId), body, `${alert.requestId} ${alert.revision}`);
      await clock.advance(1_000);
    }
  };
  if (before > 0) {
    await alerts(before);
    await clock.advance(HOUR);
  }
  watch.start();
  await clock.advance(1);
  const told: { alarm: Alarm; announce: boolean }[] = [];
  watch.watch(ALL, (alarm, announce) => told.push({ alarm, announce }));
  return { clock, watch, told, alerts };
}

test('alarms of the last day are there at the start, and call nobody', async (t) => {
  const { watch, told } = await world(t, undefined, 5);
  assert.ok(watch.list(ALL, 0).length > 0);
  assert.ok(watch.load(ALL, 24).alarms > 0);
  assert.equal(told.filter(({ announce }) => announce).length, 0);
});

test('a new alert calls the operator at once; what follows revises its alarm, twice a second at most', async (t) => {
  const { told, alerts, clock } = await world(t);
  await alerts(30);
  const announced = told.filter(({ announce }) => announce).length;
  assert.ok(announced > 0 && announced <= 10);
  await clock.advance(1_000);
  const newest = told.filter(({ alarm }) => alarm.reason !== 'incident').at(-1);
  assert.equal(newest?.announce, false);
  assert.ok((newest?.alarm.count ?? 0) > 1);
});

const UNHANDLED = { acknowledged: false, isFalse: null };

test('what is shelved makes no alarm', async (t) => {
  const desk: AlarmDesk = { isShelved: () => true, handled: () => UNHANDLED, acknowledge: async () => undefined };
  const { watch, alerts } = await world(t, desk);
  await alerts(10);
  assert.deepEqual(watch.list(ALL, 0), []);
});

test('acknowledging an alarm acknowledges its alerts, and an unknown one is told apart', async (t) => {
  const acknowledged: string[] = [];
  const desk: AlarmDesk = {
    isShelved: () => false,
    handled: () => UNHANDLED,
    acknowledge: async ({ alertId }, by) => void acknowledged.push(`${by} ${alertId}`),
  };
  const { watch, alerts } = await world(t, desk);
  await alerts(1);
  const [alarm] = watch.list(ALL, 0);
  assert.ok(alarm !== undefined);
  const after = await watch.acknowledge(ALL, alarm.alarmId, 'kim');
  assert.notEqual(after?.state, 'open');
  assert.deepEqual(acknowledged, [`kim ${alarm.members[0]!.alertId}`]);
  assert.equal(await watch.acknowledge(ALL, 'i-nothing', 'kim'), null);
  assert.equal(await watch.acknowledge({ groups: ['x'], sees: () => false }, alarm.alarmId, 'kim'), null);
});

test('a viewer that comes gets the open alarms, then each change', async (t) => {
  const { watch, alerts, clock } = await world(t, undefined, 3);
  const sent: { readonly how: string; readonly data: Alarm & { announce: boolean } }[] = [];
  const parse = (bytes: Uint8Array): { data: Alarm & { announce: boolean } } => {
    const text = Buffer.from(bytes).toString();
    return JSON.parse(text.slice(text.indexOf('{"type"')));
  };
  const end = sendAlarms(
    watch,
    ALL,
    {
      alert: ({ frame }) => void sent.push({ how: 'alert', ...parse(frame) }),
      status: (_, bytes) => void sent.push({ how: 'status', ...parse(bytes) }),
    },
    clock,
  );
  assert.equal(sent.length, watch.list(ALL, 0).length);
  assert.ok(sent.every(({ data }) => !data.announce));
  await alerts(1, 7);
  assert.deepEqual(
    sent.filter(({ how }) => how === 'alert').map(({ data }) => data.announce),
    [true],
  );
  end();
  const before = sent.length;
  await alerts(2, 8);
  assert.equal(sent.length, before);
});
