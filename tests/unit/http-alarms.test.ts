import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Alarm } from '../../src/messages/alarm.ts';
import { FakeWorld, fakeServer } from '../support/http-fakes.ts';

const world = new FakeWorld().add('north');
const { app, close } = await fakeServer(world);
after(close);

const alarm = (alarmId: string, updatedAt: string): Alarm => ({
  alarmId,
  reason: 'incident',
  openedAt: updatedAt,
  updatedAt,
  level: 'high',
  cameraIds: ['north'],
  cameras: 1,
  kinds: ['collision'],
  count: 1,
  members: [],
  state: 'open',
});
world.alarms.alarms = [alarm('i-new', new Date().toISOString()), alarm('i-old', '2026-01-01T00:00:00.000Z')];

const get = async (url: string) => {
  const { statusCode, body } = await app.inject({ url, headers: { host: 'localhost' } });
  return { statusCode, body: JSON.parse(body) };
};

test('alarms of the last hours are listed', async () => {
  const { statusCode, body } = await get('/api/alarms?hours=2');
  assert.equal(statusCode, 200);
  assert.deepEqual(
    body.alarms.map(({ alarmId }: Alarm) => alarmId),
    ['i-new'],
  );
});

test('hours out of range are refused by name and value', async () => {
  for (const url of ['/api/alarms?hours=25', '/api/alarms/load?hours=0']) {
    const { statusCode, body } = await get(url);
    assert.equal(statusCode, 400);
    assert.equal(body.field, 'hours');
  }
});

test('the load has the bars beside the figures', async () => {
  const { statusCode, body } = await get('/api/alarms/load?hours=1');
  assert.equal(statusCode, 200);
  assert.equal(body.alarms, 1);
  assert.deepEqual(body.bars, { perDay: 150, per10Minutes: 10, floodShare: 0.01 });
});

test('an alarm is acknowledged in the name of whoever asks; an unknown one is not found', async () => {
  const post = (id: string) =>
    app.inject({ method: 'POST', url: `/api/alarms/${id}/acknowledge`, headers: { host: 'localhost' } });
  const done = await post('i-new');
  assert.equal(done.statusCode, 200);
  assert.equal(done.json().state, 'acknowledged');
  assert.deepEqual(world.alarms.acknowledged, [{ alarmId: 'i-new', by: 'anyone' }]);
  const missing = await post('i-none');
  assert.equal(missing.statusCode, 404);
  assert.equal(missing.json().code, 'UNKNOWN_ALARM');
  assert.equal((await post('nonsense')).statusCode, 400);
});
