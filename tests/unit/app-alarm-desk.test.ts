import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AlertDesk } from '../../src/alert-desk/alert-desk.ts';
import { alarmDesk, handledBy } from '../../src/app/alarm-desk.ts';
import { unhandled } from '../../src/alert-desk/handling-changes.ts';
import { newRequestId } from '../../src/messages/ids.ts';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { deskStore } from '../support/desk-store.ts';
import { FakeStreams } from '../support/fake-streams.ts';
import { memoryLog } from '../support/log.ts';

test('whoever acknowledges an alarm acknowledges its alerts at the desk', async (t) => {
  const clock = new ManualClock();
  const desk = new AlertDesk({ store: deskStore(new FakeStreams(clock)), log: memoryLog(), clock });
  t.after(() => desk.close());
  const alarms = alarmDesk(desk, clock);
  const alert = { alertId: newRequestId(clock.now()), cameraId: 'north' };
  assert.deepEqual(alarms.handled(alert), { acknowledged: false, isFalse: null });
  await alarms.acknowledge(alert, 'kim');
  assert.deepEqual(alarms.handled(alert), { acknowledged: true, isFalse: null });
  assert.equal(desk.handling(alert).acknowledged?.by, 'kim');
  assert.equal(alarms.isShelved({ cameraId: 'north', kinds: [] }, clock.now()), false);
});

test('a verdict of false or true is told, an unclear one is none', () => {
  const alert = { alertId: newRequestId(), cameraId: 'north' };
  const said = { by: 'kim', at: '2026-05-01T10:00:00.000Z' };
  const isFalse = (['true', 'false', 'unclear'] as const).map(
    (value) => handledBy({ ...unhandled(alert), verdict: { value, ...said } }).isFalse,
  );
  assert.deepEqual(isFalse, [false, true, null]);
});
